package state

import (
	"encoding/json"
	"fmt"
	"time"
)

const (
	journalFormat  = "clusterform.journal"
	journalVersion = 1
)

// journalHeader is the first frame of a journal: which snapshot it continues.
type journalHeader struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Lineage string `json:"lineage"`
	// Serial, Base and BaseDigest are the serial, sequence and digest of that snapshot; without one 0, 0 and "".
	Serial     uint64 `json:"serial"`
	Base       uint64 `json:"base"`
	BaseDigest string `json:"base_digest,omitempty"`
	// Fence is the number of the lock under which the journal was begun.
	Fence uint64 `json:"fence"`
}

// journalRecord is any later frame: the entries of commits that were written together.
type journalRecord struct {
	Seq uint64 `json:"seq"`
	// Synced is the last record that was durable when this one was written. It tells a damaged record, which somebody may
	// have relied on, from the torn end of a run that had not been told yet that it was recorded.
	Synced uint64 `json:"synced"`
	// Fence is the number of the writer's lock.
	Fence   uint64      `json:"fence"`
	At      time.Time   `json:"at,omitzero"`
	Entries []wireEntry `json:"entries"`
}

// loaded is a state as read from its files.
type loaded struct {
	m *memory
	// snapshotSeq, snapshotDigest and snapshotSize describe the snapshot file; zero when there is none.
	snapshotSeq    uint64
	snapshotDigest string
	snapshotSize   int64
	// upgraded: the snapshot has an old format.
	upgraded bool
	// continues: the journal continues this snapshot and can be appended to, at journalEnd.
	continues  bool
	journalEnd int64
	// torn says what was dropped from the end of the journal.
	torn string
}

// assemble makes a state of the two files' bytes; nil is a missing file.
func (f *File) assemble(snapshot, journal []byte) (*loaded, error) {
	l := &loaded{m: newMemory()}
	if snapshot != nil {
		d, err := decodeSnapshot(f.path, snapshot, f.restoreHint())
		if err != nil {
			return nil, err
		}
		l.upgraded = d.upgradedFrom >= 0
		if d.digest == "" && !l.upgraded {
			return nil, &FileError{Path: f.path, Problem: Altered, Message: "has no digest: it was edited by hand", Hint: "Move it " +
				"away, and put it back with `clusterform state push -force FILE`, which takes files without one"}
		}
		l.m = fromSnapshot(d.snapshot)
		l.m.seq, l.m.fence = d.position.Sequence, d.position.Fence
		l.m.lastIntent = max(l.m.lastIntent, d.position.LastIntent)
		l.snapshotSeq, l.snapshotDigest, l.snapshotSize = l.m.seq, d.digest, int64(len(snapshot))
	}
	if journal == nil {
		return l, nil
	}
	return l, f.replay(l, snapshot != nil, journal)
}

// replay takes the journal in.
func (f *File) replay(l *loaded, hasSnapshot bool, journal []byte) error {
	s := scanFrames(journal)
	if len(s.frames) == 0 {
		if len(journal) > 0 && !s.incomplete || len(s.later) > 0 {
			return f.journalError(Foreign, "is not a journal of clusterform, or its beginning is damaged", nil)
		}
		l.torn = f.tornMessage(0, len(journal))
		return nil
	}
	var h journalHeader
	if err := json.Unmarshal(s.frames[0].payload, &h); err != nil || h.Format != journalFormat {
		return f.journalError(Foreign, "is not a journal of clusterform", err)
	}
	if h.Version > journalVersion {
		return &FileError{Path: f.journalPath, Problem: Newer, Hint: "Use a newer clusterform",
			Message: fmt.Sprintf("has format version %d; this clusterform knows up to version %d", h.Version, journalVersion)}
	}
	records, err := f.journalRecords(&h, s)
	if err != nil {
		return err
	}
	last := h.Base + uint64(len(records))
	if err := f.matches(&h, l, hasSnapshot, last); err != nil {
		return err
	}
	l.m.fence = max(l.m.fence, h.Fence)
	if !hasSnapshot {
		l.m.lineage = h.Lineage
	}
	for i := range records {
		r := &records[i]
		if r.Seq <= l.snapshotSeq {
			continue // the snapshot has it; the run ended before it could begin the journal anew
		}
		for j := range r.Entries {
			l.m.apply(&r.Entries[j])
		}
		l.m.seq, l.m.fence = r.Seq, max(l.m.fence, r.Fence)
	}
	l.continues = h.Base == l.snapshotSeq && h.Lineage == l.m.lineage
	l.journalEnd = int64(s.end)
	if s.end < len(journal) {
		l.torn = f.tornMessage(s.end, len(journal))
	}
	return nil
}

// journalRecords decodes the records and makes sure that none is missing.
func (f *File) journalRecords(h *journalHeader, s scan) ([]journalRecord, error) {
	records := make([]journalRecord, 0, len(s.frames)-1)
	next := h.Base + 1
	for _, fr := range s.frames[1:] {
		var r journalRecord
		if err := json.Unmarshal(fr.payload, &r); err != nil {
			return nil, f.journalError(JournalDamaged, fmt.Sprintf("has an unreadable record at byte %d", fr.offset), err)
		}
		if r.Seq != next {
			return nil, f.journalError(JournalDamaged, fmt.Sprintf("has record %d where %d is expected, at byte %d", r.Seq, next, fr.offset), nil)
		}
		for i := range r.Entries {
			if err := r.Entries[i].check(); err != nil {
				return nil, f.journalError(JournalDamaged, fmt.Sprintf("has an invalid record at byte %d", fr.offset), err)
			}
		}
		records = append(records, r)
		next++
	}
	for _, fr := range s.later {
		var r journalRecord
		if err := json.Unmarshal(fr.payload, &r); err != nil || r.Synced >= next {
			return nil, f.journalError(JournalDamaged, fmt.Sprintf("is damaged at byte %d: whole records follow", s.end), nil)
		}
	}
	return records, nil
}

// matches makes sure that the journal belongs to the snapshot.
func (f *File) matches(h *journalHeader, l *loaded, hasSnapshot bool, last uint64) error {
	switch {
	case !hasSnapshot && h.Base > 0:
		return &FileError{Path: f.path, Problem: SnapshotMissing, Hint: f.restoreHint(),
			Message: "is missing, but its journal " + f.journalPath + " is there"}
	case !hasSnapshot:
		return nil
	case h.Lineage != l.m.lineage && last == h.Base:
		return nil // an empty journal, left by a state push that was cut short
	case h.Lineage != l.m.lineage:
		return f.journalError(JournalMismatch, "belongs to another state (lineage "+printable(h.Lineage)+")", nil)
	case h.Base > l.snapshotSeq:
		return f.journalError(JournalMismatch, fmt.Sprintf("continues a newer snapshot (sequence %d) than %s has (%d), as if an old copy "+
			"had been put back", h.Base, f.path, l.snapshotSeq), nil)
	case h.Base == l.snapshotSeq && !l.upgraded && h.BaseDigest != l.snapshotDigest:
		return f.journalError(JournalMismatch, "continues another snapshot than "+f.path+" (their digests differ)", nil)
	}
	return nil
}

func (f *File) journalError(p Problem, message string, err error) error {
	return &FileError{Path: f.journalPath, Problem: p, Message: message, Err: err,
		Hint: fmt.Sprintf("To go back to the last snapshot, move the journal away and look at `clusterform plan`: it finds what was made "+
			"since by its tags. To use another copy of the state, `clusterform state push -force FILE` (%s is the one before the last run)",
			f.backupPath)}
}

func (f *File) tornMessage(end, size int) string {
	return fmt.Sprintf("%s ends in an incomplete record (the last %d bytes): a run ended while writing it. It is ignored; what that run "+
		"was doing has an open intent or can be found by its tags", f.journalPath, size-end)
}
