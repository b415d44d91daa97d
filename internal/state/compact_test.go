package state

import (
	"bytes"
	"context"
	"os"
	"sync"
	"testing"
)

// bytesWritten is what one changed object costs, journal and snapshot together, in a run of its own.
func bytesWritten(t *testing.T, records int) int64 {
	f := open(t, t.TempDir())
	fill(t, f, records)
	snapshot, err := os.Stat(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	journal := int64(len(readBytes(t, f.journalPath)))
	s := lock(t, f)
	commit(t, s, Intent(launchIntent(nodeAddress(0))))
	commit(t, s, Put(nodeRecord(0)), CloseIntents(nodeAddress(0)))
	closeSession(t, s)
	after, err := os.Stat(f.Path())
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(snapshot, after) {
		t.Errorf("a change of one of %d objects wrote the snapshot anew, %d bytes", records, after.Size())
	}
	return int64(len(readBytes(t, f.journalPath))) - journal
}

func TestAChangeCostsTheSameHoweverLargeTheStateIs(t *testing.T) {
	t.Parallel()
	small, large := bytesWritten(t, 1000), bytesWritten(t, 10_000)
	if small == 0 || large > small+small/20 {
		t.Errorf("%d bytes in a state of 1,000 objects, %d in one of 10,000", small, large)
	}
	t.Logf("%d bytes with 1,000 objects, %d with 10,000", small, large)
}

// Over many runs, snapshots are written so seldom that a change pays for its own length a few times at most.
func TestCompactionsArePaidByTheChanges(t *testing.T) {
	t.Parallel()
	f := open(t, t.TempDir())
	f.compactAbove = 4 << 10
	fill(t, f, 200)
	var written, changed int64
	for run := range 300 {
		before, err := os.Stat(f.Path())
		if err != nil {
			t.Fatal(err)
		}
		s := lock(t, f)
		commit(t, s, Put(nodeRecord(run%200)))
		grown := s.journalEnd
		closeSession(t, s)
		changed += 1100 // about one record with its frame
		after, err := os.Stat(f.Path())
		if err != nil {
			t.Fatal(err)
		}
		if !os.SameFile(before, after) {
			written += after.Size() + grown
		}
	}
	if written == 0 || written > 3*changed {
		t.Errorf("%d bytes of snapshots for %d bytes of changes", written, changed)
	}
}

func TestASmallStateIsOneCompleteFile(t *testing.T) {
	t.Parallel()
	f := open(t, t.TempDir())
	fill(t, f, 5)
	if frames := scanFrames(readBytes(t, f.journalPath)).frames; len(frames) != 1 {
		t.Errorf("%d records in the journal of a small state that nobody writes", len(frames)-1)
	}
	// Also one that became small: everything was destroyed.
	g := open(t, t.TempDir())
	fill(t, g, 1000)
	s := lock(t, g)
	for i := range 1000 {
		if err := s.Commit(context.Background(), false, Remove(nodeAddress(i), "")); err != nil {
			t.Fatal(err)
		}
	}
	closeSession(t, s)
	if size := len(readBytes(t, g.Path())); size > 2000 {
		t.Errorf("%d bytes for an empty state", size)
	}
}

func TestTheBackupIsTheStateBeforeTheRun(t *testing.T) {
	t.Parallel()
	f := open(t, t.TempDir())
	fill(t, f, 3)
	before := readBytes(t, f.Path())
	f.compactAbove, f.compactRunning = 1, 1000
	s := lock(t, f)
	for i := range 20 {
		commit(t, s, Put(nodeRecord(i)), Put(nodeRecord(i+20)))
	}
	closeSession(t, s)
	if bytes.Equal(readBytes(t, f.Path()), before) {
		t.Fatal("no compaction in this run")
	}
	if !bytes.Equal(readBytes(t, f.backupPath), before) {
		t.Error("the backup is not the snapshot that the run found")
	}
}

// Readers beside a writer that compacts again and again see states that were, in their order, and never an error.
func TestReadersBesideAWriter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := open(t, dir)
	f.compactAbove, f.compactRunning = 1, 2000
	s := lock(t, f)
	commit(t, s, Put(nodeRecord(0)))
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			reader, seen := open(t, dir), 0
			for {
				snap, err := reader.Read(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				// Record i is put before record i+1.
				n := len(snap.Records)
				if n < seen || snap.Records[nodeAddress(n-1)] == nil {
					t.Errorf("%d records after %d", n, seen)
					return
				}
				seen = n
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range 300 {
		if err := s.Commit(context.Background(), false, Put(nodeRecord(i))); err != nil {
			t.Error(err)
		}
	}
	close(done)
	wg.Wait()
}
