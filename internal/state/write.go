package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"
)

// write makes one journal record of a group of commits and notes in each how it went.
func (s *Session) write(ctx context.Context, group []*pendingCommit) {
	s.io.Lock()
	defer s.io.Unlock()
	err := s.writable()
	if err == nil {
		err = s.owned(ctx, func(*section) error { return s.writeGroup(group) })
	}
	for _, c := range group {
		c.done = true
		if c.err == nil {
			c.err = err
		}
	}
}

func (s *Session) writable() error {
	switch {
	case s.closed:
		return fmt.Errorf("the session on state %s is closed", s.f.path)
	case s.broken != nil:
		return s.broken
	}
	return nil
}

func (s *Session) writeGroup(group []*pendingCommit) error {
	durable := false
	var entries []*wireEntry
	var encoded [][]byte
	if !s.began {
		entries, encoded = append(entries, &wireEntry{Op: opBeginRun}), append(encoded, []byte(`{"op":"begin_run"}`))
	}
	begin := false
	checks := newPrecheck(s.m)
	for _, c := range group {
		if err := checks.commit(c.entries); err != nil {
			c.err = err
			continue
		}
		durable, begin = durable || c.durable, begin || c.begin
		entries, encoded = append(entries, c.entries...), append(encoded, c.encoded...)
	}
	changes := len(entries) > 0
	if !s.began {
		changes = begin || len(entries) > 1
	}
	if changes {
		if err := s.append(entries, encoded); err != nil {
			return err
		}
		s.began = true
	}
	if durable {
		if err := s.syncJournal(); err != nil {
			return err
		}
	}
	if s.compactDueRunning() {
		if err := s.compact(); err != nil {
			s.f.warn("cannot write a new snapshot, the journal goes on: " + err.Error())
		}
	}
	return nil
}

// append writes one journal record and takes it in.
func (s *Session) append(entries []*wireEntry, encoded [][]byte) error {
	if err := s.prepareJournal(); err != nil {
		return fmt.Errorf("cannot begin the journal: %w", err)
	}
	seq := s.m.seq + 1
	line := appendFrame(nil, recordPayload(seq, s.synced, s.lock.Fence, s.f.opts.Now(), encoded))
	s.f.points.at(beforeJournalWrite)
	if s.f.points.reached(halfJournalWrite) {
		_, _ = s.journal.WriteAt(line[:len(line)/2], s.journalEnd)
		s.f.points.die()
	}
	if _, err := s.journal.WriteAt(line, s.journalEnd); err != nil {
		err = fmt.Errorf("cannot write to the journal: %w", err)
		// What was written of it would be taken for a torn end, until the next record is written over its beginning.
		if cut := s.journal.Truncate(s.journalEnd); cut != nil {
			s.broken = errors.Join(err, cut)
		}
		return err
	}
	s.f.points.at(afterJournalWrite)
	s.journalEnd += int64(len(line))
	s.dirty = true

	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range entries {
		s.m.apply(w)
	}
	s.m.seq, s.m.fence = seq, s.lock.Fence
	s.cached = nil
	return nil
}

// recordPayload is the JSON of a journalRecord whose entries are encoded already.
func recordPayload(seq, synced, fence uint64, at time.Time, entries [][]byte) []byte {
	size := 128
	for _, e := range entries {
		size += len(e) + 1
	}
	b := make([]byte, 0, size)
	b = fmt.Appendf(b, `{"seq":%d,"synced":%d,"fence":%d,"at":"`, seq, synced, fence)
	b = at.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","entries":[`...)
	for i, e := range entries {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, e...)
	}
	return append(b, "]}"...)
}

// syncJournal makes durable what was written.
func (s *Session) syncJournal() error {
	if !s.dirty {
		return nil
	}
	if err := s.f.disk.sync(s.journal); err != nil {
		// After a failed fsync nobody knows what is on the disk, and a second one may say "done" about lost pages.
		s.broken = fmt.Errorf("the state may not have reached the disk (fsync of %s failed), so nothing more is recorded: %w",
			s.f.journalPath, err)
		return s.broken
	}
	s.f.points.at(afterJournalSync)
	s.dirty, s.synced = false, s.m.seq
	return nil
}

// prepareJournal opens the journal for the first record of the session, and begins it anew where it does not continue
// the snapshot.
func (s *Session) prepareJournal() error {
	if s.ready {
		return nil
	}
	if err := s.f.removeTemps(); err != nil {
		return err
	}
	if s.m.lineage == "" {
		s.mu.Lock()
		s.m.lineage, s.cached = uuid.NewString(), nil
		s.mu.Unlock()
	}
	if s.upgraded || s.m.seq > s.snapshotSeq && s.journalEnd == 0 {
		return s.compact()
	}
	if s.journalEnd == 0 {
		return s.resetJournal()
	}
	file, err := os.OpenFile(s.f.journalPath, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	// A torn end goes now, so that no part of it is left behind the next record.
	err = file.Truncate(s.journalEnd)
	if err == nil {
		err = s.f.disk.sync(file)
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	s.journal, s.ready, s.synced = file, true, s.m.seq
	return nil
}
