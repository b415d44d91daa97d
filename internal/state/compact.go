package state

import (
	"errors"
	"fmt"
	"os"
)

// compactDue tells, at the end of a session, whether a new snapshot is worth its bytes: when the journal has outgrown the
// snapshot, so that each change pays for its own length once more at most; or when the state is small anyway.
func (s *Session) compactDue() bool {
	if s.m.seq == s.snapshotSeq || !s.ready {
		return false
	}
	const bytesPerRecord = 2048 // more than nearly all have
	estimate := int64(len(s.m.records)+len(s.m.deposed)+len(s.m.intents)) * bytesPerRecord
	small := min(estimate, s.snapshotSize+s.journalEnd) <= s.f.compactAbove
	return small || s.journalEnd > max(s.f.compactAbove, s.snapshotSize)
}

// compactDueRunning is the same during a session, where it only keeps the journal from growing without end.
func (s *Session) compactDueRunning() bool {
	return s.ready && s.journalEnd > max(s.f.compactRunning, 2*s.snapshotSize)
}

// compact replaces the snapshot by one of all that is known, keeps the former as backup, and begins the journal anew. It
// may end at any point: until the rename the old pair is valid, after it the journal's records are known to be in the
// new snapshot by their numbers.
func (s *Session) compact() error {
	position := position{Sequence: s.m.seq, Fence: s.lock.Fence, LastIntent: s.m.lastIntent}
	data, digest, err := encodeSnapshot(s.m.view(), position, s.f.opts.ToolVersion)
	if err != nil {
		return fmt.Errorf("cannot encode the state: %w", err)
	}
	temp, err := s.f.disk.writeTemp(s.f.path, data)
	if err != nil {
		return fmt.Errorf("cannot write the state: %w", err)
	}
	if err := s.backUp(); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	s.f.points.at(beforeSnapshotRename)
	if err := s.f.disk.rename(temp, s.f.path); err != nil {
		return fmt.Errorf("cannot replace the state: %w", err)
	}
	s.f.points.at(afterSnapshotRename)
	s.snapshotSeq, s.snapshotDigest, s.snapshotSize = s.m.seq, digest, int64(len(data))
	s.hasSnapshot, s.upgraded = true, false
	return s.resetJournal()
}

// backUp keeps the snapshot that the session found, once: it is the state before this run.
func (s *Session) backUp() error {
	if s.backedUp || !s.hasSnapshot {
		s.backedUp = true
		return nil
	}
	if err := s.f.disk.keepCopy(s.f.path, s.f.backupPath); err != nil {
		return fmt.Errorf("cannot keep a backup of the state: %w", err)
	}
	s.backedUp = true
	return nil
}

// resetJournal begins a journal that continues the present snapshot.
func (s *Session) resetJournal() error {
	header, err := marshal(journalHeader{
		Format: journalFormat, Version: journalVersion, Lineage: s.m.lineage, Serial: s.m.serial,
		Base: s.snapshotSeq, BaseDigest: s.snapshotDigest, Fence: s.lock.Fence,
	})
	if err != nil {
		return err
	}
	line := appendFrame(nil, header)
	temp, err := s.f.disk.writeTemp(s.f.journalPath, line)
	if err != nil {
		return fmt.Errorf("cannot write the journal: %w", err)
	}
	s.f.points.at(beforeJournalReset)
	if err := s.f.disk.rename(temp, s.f.journalPath); err != nil {
		return fmt.Errorf("cannot replace the journal: %w", err)
	}
	s.f.points.at(afterJournalReset)
	file, err := os.OpenFile(s.f.journalPath, os.O_RDWR, 0)
	if err != nil {
		// The open one is no longer the journal, so nothing may be written to it.
		s.broken = fmt.Errorf("cannot open the journal: %w", err)
		return s.broken
	}
	if s.journal != nil {
		_ = s.journal.Close()
	}
	s.journal, s.journalEnd, s.ready = file, int64(len(line)), true
	s.dirty, s.synced = false, s.m.seq
	return nil
}
