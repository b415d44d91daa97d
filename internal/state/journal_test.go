package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/planner/resource"
)

// story is a few commits of a first run: each is one record of the journal.
func story() [][]Entry {
	a, b := nodeAddress(10), nodeAddress(11)
	return [][]Entry{
		{SetCluster("cluster.lab", resource.ClusterRecord{UID: testUID, Region: "eu-central-1"})},
		{Intent(launchIntent(a, b))},
		{Put(nodeRecord(10)), CloseIntents(a)},
		{Put(nodeRecord(11)), CloseIntents(b)},
		{Remove(a, nodeRecord(10).ID)},
	}
}

// journalOf plays the story on top of a snapshot of n nodes and returns the files, and the canonical states after each
// record of the journal, the first being that of the snapshot alone.
func journalOf(t *testing.T, n int) (snapshot, journal []byte, states []string) {
	t.Helper()
	f := open(t, t.TempDir())
	if n > 0 {
		fill(t, f, n)
		snapshot = readBytes(t, f.Path())
	}
	s := lock(t, f)
	states = append(states, export(t, s.Snapshot()))
	for _, entries := range story() {
		commit(t, s, entries...)
		states = append(states, export(t, s.Snapshot()))
	}
	return snapshot, readBytes(t, f.journalPath), states
}

// The journal is cut at each of its bytes: what loads is the state after the last whole record, and a new run goes on
// from there.
func TestAJournalCutAnywhereLoads(t *testing.T) {
	t.Parallel()
	for _, nodes := range []int{0, 3} {
		t.Run(fmt.Sprintf("%d nodes before", nodes), func(t *testing.T) {
			t.Parallel()
			snapshot, journal, states := journalOf(t, nodes)
			ends := []int{0}
			for _, fr := range scanFrames(journal).frames {
				ends = append(ends, fr.end)
			}
			f := open(t, t.TempDir(), silent)
			for cut := range len(journal) + 1 {
				whole := 0
				for whole+1 < len(ends) && ends[whole+1] <= cut {
					whole++
				}
				want := states[max(0, whole-1)]
				l, err := f.assemble(snapshot, journal[:cut])
				if err != nil {
					t.Fatalf("cut at byte %d: %v", cut, err)
				}
				got := export(t, l.m.view())
				if whole == 1 && nodes == 0 {
					want = strings.Replace(want, `"lineage": ""`, `"lineage": "`+l.m.lineage+`"`, 1)
				}
				if stripDigest(got) != stripDigest(want) {
					t.Fatalf("cut at byte %d, within record %d:\n%s\nwant\n%s", cut, whole, got, want)
				}
				if torn := cut != ends[whole] || cut == 0; torn != (l.torn != "") {
					t.Fatalf("cut at byte %d: warning %q", cut, l.torn)
				}
			}
		})
	}
}

func stripDigest(s string) string { return s[:strings.Index(s, `"digest"`)] }

func TestARunGoesOnBehindATornEnd(t *testing.T) {
	t.Parallel()
	snapshot, journal, states := journalOf(t, 3)
	frames := scanFrames(journal).frames
	last := frames[len(frames)-1]
	for _, cut := range []int{0, 1, frameHead, frames[0].end - 1, frames[0].end, last.offset + 1, last.end - 1, last.end} {
		t.Run(fmt.Sprintf("cut at %d", cut), func(t *testing.T) {
			t.Parallel()
			var warnings []string
			f := open(t, t.TempDir(), func(o *Options) { o.Warn = func(m string) { warnings = append(warnings, m) } })
			writeBytes(t, f.Path(), snapshot)
			writeBytes(t, f.journalPath, journal[:cut])
			s := lock(t, f)
			found := export(t, s.Snapshot())
			known := false
			for _, state := range states {
				known = known || state == found
			}
			if !known {
				t.Errorf("found a state that never was:\n%s", found)
			}
			commit(t, s, Put(nodeRecord(50)))
			want := export(t, s.Snapshot())
			if got := export(t, read(t, f)); got != want {
				t.Errorf("the next record is lost:\n%s\nwant\n%s", got, want)
			}
			closeSession(t, s)
			if got := export(t, read(t, f)); got != want {
				t.Errorf("after Close:\n%s\nwant\n%s", got, want)
			}
			torn := cut == 0 || cut == 1 || cut == frameHead || cut == frames[0].end-1 || cut == last.offset+1 || cut == last.end-1
			if torn && (len(warnings) != 1 || !strings.Contains(warnings[0], "incomplete record")) || !torn && len(warnings) > 0 {
				t.Errorf("warnings %q", warnings)
			}
		})
	}
}

// A file system may lose the pages of the last, unacknowledged writes in any order.
func TestALastRecordOfZerosIsTorn(t *testing.T) {
	t.Parallel()
	snapshot, journal, states := journalOf(t, 3)
	frames := scanFrames(journal).frames
	last := frames[len(frames)-1]
	clear(journal[last.offset:])
	l, err := open(t, t.TempDir()).assemble(snapshot, journal)
	if err != nil {
		t.Fatal(err)
	}
	if got := export(t, l.m.view()); got != states[len(states)-2] || l.torn == "" {
		t.Errorf("state\n%s\nwarning %q", got, l.torn)
	}
}

// Records that were never synced may be lost while later ones of the same run are there: nobody had been told.
func TestUnsyncedRecordsMayBeLostInAnyOrder(t *testing.T) {
	t.Parallel()
	f := open(t, t.TempDir())
	s := lock(t, f)
	commit(t, s, Put(nodeRecord(0)))
	want := export(t, s.Snapshot())
	for i := 1; i < 4; i++ {
		if err := s.Commit(context.Background(), false, Put(nodeRecord(i))); err != nil {
			t.Fatal(err)
		}
	}
	journal := readBytes(t, f.journalPath)
	second := scanFrames(journal).frames[2]
	journal[second.offset+frameHead+3] ^= 1
	l, err := f.assemble(nil, journal)
	if err != nil {
		t.Fatal(err)
	}
	if got := export(t, l.m.view()); got != want || l.torn == "" {
		t.Errorf("state\n%s\nwant\n%s\nwarning %q", got, want, l.torn)
	}
}

// A byte changed before the last record is damage: it is said, and never dropped silently.
func TestADamagedRecordInTheMiddleIsRefused(t *testing.T) {
	t.Parallel()
	snapshot, journal, states := journalOf(t, 3)
	frames := scanFrames(journal).frames
	last := frames[len(frames)-1]
	f := open(t, t.TempDir())
	for i := range last.offset {
		damaged := bytes.Clone(journal)
		damaged[i] ^= 0x20
		_, err := f.assemble(snapshot, damaged)
		fe, ok := errors.AsType[*FileError](err)
		if !ok || fe.Problem != JournalDamaged && fe.Problem != Foreign {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		if !strings.Contains(err.Error(), "Nothing was changed") || !strings.Contains(err.Error(), ".backup") {
			t.Fatalf("byte %d changed: no way out in %v", i, err)
		}
	}
	for i := last.offset; i < last.end; i++ {
		damaged := bytes.Clone(journal)
		damaged[i] ^= 0x20
		l, err := f.assemble(snapshot, damaged)
		if err != nil || export(t, l.m.view()) != states[len(states)-2] {
			t.Fatalf("byte %d, of the last record, changed: %v", i, err)
		}
	}
}

func TestSnapshotAndJournalMustBelongTogether(t *testing.T) {
	t.Parallel()
	snapshot, journal, states := journalOf(t, 3)
	other, otherJournal, _ := journalOf(t, 2)
	old := open(t, t.TempDir())
	fill(t, old, 1)
	first := readBytes(t, old.Path())
	fill(t, old, 2)
	commit(t, lock(t, old), Put(nodeRecord(9)))
	for name, c := range map[string]struct {
		snapshot, journal []byte
		want              Problem
	}{
		"the snapshot is gone":           {nil, journal, SnapshotMissing},
		"the snapshot of another state":  {other, journal, JournalMismatch},
		"the journal of another state":   {snapshot, otherJournal, JournalMismatch},
		"an old copy of the snapshot":    {first, readBytes(t, old.journalPath), JournalMismatch},
		"a journal of a newer version":   {snapshot, appendFrame(nil, []byte(`{"format":"clusterform.journal","version":2}`)), Newer},
		"a frame that is no journal":     {snapshot, appendFrame(nil, []byte(`{"format":"other"}`)), Foreign},
		"another file":                   {snapshot, []byte("-----BEGIN PGP MESSAGE-----\n"), Foreign},
		"a record missing in the middle": {snapshot, without(journal, 2), JournalDamaged},
		"an entry of a newer version": {snapshot, appendFrame(bytes.Clone(journal), []byte(fmt.Sprintf(`{"seq":%d,"entries":[{"op":"x"}]}`,
			len(states)+1))), JournalDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			f := open(t, dir)
			if c.snapshot != nil {
				writeBytes(t, f.Path(), c.snapshot)
			}
			writeBytes(t, f.journalPath, c.journal)
			_, err := f.Read(context.Background())
			if !isProblem(err, c.want) {
				t.Errorf("Read = %v, want problem %q", err, c.want)
			}
			if _, err := f.Lock(context.Background(), LockRequest{}); !isProblem(err, c.want) {
				t.Errorf("Lock = %v, want problem %q", err, c.want)
			}
			if got := readBytes(t, f.journalPath); !bytes.Equal(got, c.journal) {
				t.Error("the journal was changed")
			}
			if info, err := f.LockInfo(context.Background()); info != nil || err != nil {
				t.Errorf("the lock is left: %v, %v", info, err)
			}
		})
	}
}

func without(journal []byte, frame int) []byte {
	fr := scanFrames(journal).frames[frame]
	return append(bytes.Clone(journal[:fr.offset]), journal[fr.end:]...)
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(""))
	f.Add(appendFrame(nil, []byte(`{"format":"clusterform.journal","version":1,"lineage":"l"}`)))
	f.Add(appendFrame(appendFrame(nil, []byte(`{"format":"clusterform.journal","version":1,"lineage":"l"}`)),
		[]byte(`{"seq":1,"entries":[{"op":"begin_run"},{"op":"close","addresses":["a"]},{"op":"move","address":"a","to":"b"}]}`)))
	f.Add([]byte("00000000 00000000 \n00000000 00000000 \n"))
	file, err := Open(f.TempDir()+"/s", testOptions())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, journal := range [][]byte{data, appendFrame(appendFrame(nil, []byte(`{"format":"clusterform.journal","version":1}`)), data)} {
			l, err := file.assemble(nil, journal)
			if err != nil {
				if _, ok := errors.AsType[*FileError](err); !ok {
					t.Errorf("error of no known kind: %v", err)
				}
				continue
			}
			if l.journalEnd > int64(len(journal)) {
				t.Errorf("end %d of %d bytes", l.journalEnd, len(journal))
			}
			if l.m.lineage == "" {
				continue
			}
			// What loads can be written, and loads again as the same.
			data, _, err := encodeSnapshot(l.m.view(), position{Sequence: l.m.seq}, "")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := file.assemble(data, nil); err != nil {
				t.Fatalf("does not load again: %v\n%s", err, data)
			}
		}
	})
}
