package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/clusterform/clusterform/planner/resource"
)

func TestReadingAMissingStateTouchesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := read(t, open(t, dir))
	if s.Lineage != "" || s.Serial != 0 || len(s.Records) != 0 {
		t.Errorf("snapshot %+v, want an empty one", s)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("files %v, %v; want none", files, err)
	}
}

func TestALockAloneWritesOnlyTheLockFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	closeSession(t, lock(t, open(t, dir)))
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 || files[0].Name() != "clusterform.state.json.lock" {
		t.Errorf("files %v, %v", files, err)
	}
}

// What is committed is there for the session, for others at once, and after a restart.
func TestCommittedEntriesAreSeenByAll(t *testing.T) {
	t.Parallel()
	a, b := nodeAddress(0), nodeAddress(1)
	replacement := nodeRecord(0)
	replacement.ID, replacement.Generation = "i-replacement", 2
	failing := nodeRecord(0)
	failing.Deposed, failing.Incomplete, failing.LastError = true, true, "DependencyViolation"
	for name, c := range map[string]struct {
		commits [][]Entry
		want    func(*resource.Snapshot)
	}{
		"a record": {
			[][]Entry{{Put(nodeRecord(0))}},
			func(s *resource.Snapshot) { s.Records[a] = nodeRecord(0) },
		},
		"a record replaced": {
			[][]Entry{{Put(nodeRecord(0))}, {Put(replacement)}},
			func(s *resource.Snapshot) { s.Records[a] = replacement },
		},
		"a record removed by its id": {
			[][]Entry{{Put(nodeRecord(0)), Put(nodeRecord(1))}, {Remove(a, nodeRecord(0).ID)}},
			func(s *resource.Snapshot) { s.Records[b] = nodeRecord(1) },
		},
		"another id removes nothing": {
			[][]Entry{{Put(nodeRecord(0))}, {Remove(a, "i-other")}},
			func(s *resource.Snapshot) { s.Records[a] = nodeRecord(0) },
		},
		"create first: the old one is deposed": {
			[][]Entry{{Put(nodeRecord(0))}, {Depose(a), Put(replacement)}},
			func(s *resource.Snapshot) {
				old := nodeRecord(0)
				old.Deposed = true
				s.Records[a], s.Deposed[a] = replacement, []*resource.Record{old}
			},
		},
		"a deposed one that could not be deleted": {
			[][]Entry{{Put(nodeRecord(0))}, {Depose(a), Put(replacement)}, {Put(failing)}},
			func(s *resource.Snapshot) { s.Records[a], s.Deposed[a] = replacement, []*resource.Record{failing} },
		},
		"a deposed one removed": {
			[][]Entry{{Put(nodeRecord(0))}, {Depose(a), Put(replacement)}, {Remove(a, nodeRecord(0).ID)}},
			func(s *resource.Snapshot) { s.Records[a] = replacement },
		},
		"an open intent": {
			[][]Entry{{Intent(launchIntent(a, b))}},
			func(s *resource.Snapshot) {
				i := launchIntent(a, b)
				i.Seq = 1
				s.Intents = []resource.Intent{i}
			},
		},
		"an intent half settled keeps all its addresses": {
			[][]Entry{{Intent(launchIntent(a, b))}, {Put(nodeRecord(1)), CloseIntents(b)}},
			func(s *resource.Snapshot) {
				i := launchIntent(a, b)
				i.Seq, i.Settled = 1, []resource.Address{b}
				s.Intents, s.Records[b] = []resource.Intent{i}, nodeRecord(1)
			},
		},
		"an intent settled": {
			[][]Entry{{Intent(launchIntent(a, b)), Intent(launchIntent(b))}, {CloseIntents(b)}, {CloseIntents(a)}},
			func(*resource.Snapshot) {},
		},
		"an intent closed as a whole": {
			[][]Entry{{Intent(launchIntent(a, b)), Intent(launchIntent(a))}, {CloseIntent(1), CloseIntent(77)}},
			func(s *resource.Snapshot) {
				i := launchIntent(a)
				i.Seq = 2
				s.Intents = []resource.Intent{i}
			},
		},
		"a move takes deposed and intents along": {
			[][]Entry{{Put(nodeRecord(0))}, {Depose(a), Put(replacement), Intent(launchIntent(a))}, {Move(a, b)}},
			func(s *resource.Snapshot) {
				moved, old, i := *replacement, nodeRecord(0), launchIntent(b)
				moved.Address, old.Address, old.Deposed, i.Seq = b, b, true, 1
				s.Records[b], s.Deposed[b], s.Intents = &moved, []*resource.Record{old}, []resource.Intent{i}
			},
		},
		"a cluster and outputs": {
			[][]Entry{{SetCluster("cluster.lab", resource.ClusterRecord{UID: testUID}), SetCluster("cluster.x", resource.ClusterRecord{})},
				{RemoveCluster("cluster.x"), SetOutputs(map[string]resource.OutputRecord{"k": {Type: []byte(`"string"`), Value: []byte(`"v"`)}})}},
			func(s *resource.Snapshot) {
				s.Clusters["cluster.lab"] = resource.ClusterRecord{UID: testUID}
				s.Outputs["k"] = resource.OutputRecord{Type: []byte(`"string"`), Value: []byte(`"v"`)}
			},
		},
		"outputs removed": {
			[][]Entry{{SetOutputs(map[string]resource.OutputRecord{"k": {Type: []byte(`"string"`)}})}, {SetOutputs(nil)}},
			func(*resource.Snapshot) {},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t, t.TempDir())
			s := lock(t, f)
			for _, entries := range c.commits {
				commit(t, s, entries...)
			}
			lineage, serial := s.Version()
			want := resource.NewSnapshot(lineage)
			want.Serial = 1
			c.want(want)
			if serial != 1 {
				t.Errorf("serial %d after one run, want 1", serial)
			}
			text := export(t, want)
			if got := export(t, s.Snapshot()); got != text {
				t.Errorf("the session has\n%s\nwant\n%s", got, text)
			}
			if got := export(t, read(t, f)); got != text {
				t.Errorf("a reader beside it has\n%s\nwant\n%s", got, text)
			}
			closeSession(t, s)
			if got := export(t, read(t, open(t, filepath.Dir(f.Path())))); got != text {
				t.Errorf("after a restart\n%s\nwant\n%s", got, text)
			}
		})
	}
}

func TestRenameReachesEveryReference(t *testing.T) {
	t.Parallel()
	f := open(t, t.TempDir())
	fill(t, f, 2)
	s := lock(t, f)
	commit(t, s, Intent(launchIntent("cluster.lab.control_plane[0]")))
	commit(t, s, Rename("cluster.lab", `module.edge["a"].cluster.prod`))
	text := export(t, s.Snapshot())
	if strings.Contains(text, "cluster.lab") {
		t.Errorf("the old name is left:\n%s", text)
	}
	if n := strings.Count(text, `module.edge[\"a\"].cluster.prod.subnet[\"eu-central-1a\"]`); n != 4 {
		t.Errorf("the subnet's new name stands %d times, want twice per node:\n%s", n, text)
	}
	if a, ok := s.RecordByID(resource.KindVPC, "vpc-0123456789abcdef0"); a != `module.edge["a"].cluster.prod.vpc` || !ok {
		t.Errorf("RecordByID = %q, %v", a, ok)
	}
	if got := export(t, read(t, f)); got != text {
		t.Errorf("replayed\n%s\nwant\n%s", got, text)
	}
}

// A commit that cannot be carried out changes nothing, and the ones beside it go through.
func TestImpossibleCommitsAreRefusedWhole(t *testing.T) {
	t.Parallel()
	other := &resource.Record{Object: resource.Object{Address: "cluster.lab.vpc", Kind: resource.KindVPC, Spec: &resource.Subnet{}}}
	for name, c := range map[string]struct {
		entries []Entry
		want    string
	}{
		"depose nothing":             {[]Entry{Put(nodeRecord(7)), Depose(nodeAddress(9))}, "not in the state"},
		"depose twice":               {[]Entry{Depose(nodeAddress(0)), Depose(nodeAddress(0))}, "not in the state"},
		"move nothing":               {[]Entry{Put(nodeRecord(7)), Move(nodeAddress(9), nodeAddress(10))}, "state list"},
		"move onto another":          {[]Entry{Put(nodeRecord(7)), Move(nodeAddress(0), nodeAddress(1))}, "a record already"},
		"move onto one just made":    {[]Entry{Put(nodeRecord(7)), Move(nodeAddress(0), nodeAddress(7))}, "a record already"},
		"rename nothing":             {[]Entry{Rename("cluster.none", "cluster.new")}, "state list"},
		"rename onto another":        {[]Entry{Rename(nodeAddress(0), nodeAddress(1))}, "in the state already"},
		"rename into itself":         {[]Entry{Rename("cluster.lab", "cluster.lab.x")}, "contains"},
		"rename with something else": {[]Entry{Put(nodeRecord(7)), Rename("cluster.lab", "cluster.new")}, "combined"},
		"spec of another kind":       {[]Entry{Put(nodeRecord(7)), Put(other)}, `spec of kind "subnet"`},
		"no record":                  {[]Entry{Put(nodeRecord(7)), Put(nil)}, "without an address"},
		"intent for nothing":         {[]Entry{Put(nodeRecord(7)), Intent(resource.Intent{})}, "without an address"},
		"output that is no JSON": {[]Entry{Put(nodeRecord(7)), SetOutputs(map[string]resource.OutputRecord{"x": {Value: []byte("{")}})},
			"JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t, t.TempDir())
			fill(t, f, 2)
			s := lock(t, f)
			before := export(t, s.Snapshot())
			err := s.Commit(context.Background(), true, c.entries...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if got := export(t, s.Snapshot()); got != before {
				t.Errorf("the state changed:\n%s", got)
			}
			commit(t, s, Put(nodeRecord(7)))
			if s.Snapshot().Records[nodeAddress(7)] == nil {
				t.Error("the session is of no more use")
			}
		})
	}
}

func TestTheSerialGrowsOncePerChangingRun(t *testing.T) {
	t.Parallel()
	f := open(t, t.TempDir())
	for run, c := range []struct {
		commits [][]Entry
		want    uint64
	}{
		{[][]Entry{{BeginRun()}, {Put(nodeRecord(0))}}, 1},
		{nil, 1},
		{[][]Entry{{}}, 1},
		{[][]Entry{{Put(nodeRecord(1))}, {BeginRun(), Put(nodeRecord(2))}}, 2},
		{[][]Entry{{BeginRun()}}, 3},
	} {
		s := lock(t, f)
		for _, entries := range c.commits {
			commit(t, s, entries...)
		}
		closeSession(t, s)
		if got := read(t, f).Serial; got != c.want {
			t.Errorf("serial %d after run %d, want %d", got, run, c.want)
		}
	}
}

func TestASnapshotStaysAsItWas(t *testing.T) {
	t.Parallel()
	f := open(t, t.TempDir())
	s := lock(t, f)
	a := nodeAddress(0)
	commit(t, s, Put(nodeRecord(0)), Intent(launchIntent(a, nodeAddress(1))), SetCluster("cluster.lab", resource.ClusterRecord{UID: testUID}))
	held := s.Snapshot()
	before := export(t, held)
	if s.Snapshot() != held {
		t.Error("nothing changed, and still another snapshot was made")
	}
	commit(t, s, Depose(a), Put(nodeRecord(0)), CloseIntents(a), RemoveCluster("cluster.lab"))
	commit(t, s, Remove(a, nodeRecord(0).ID), Remove(a, nodeRecord(0).ID))
	if got := export(t, held); got != before {
		t.Errorf("a later commit changed a snapshot:\n%s\nwas\n%s", got, before)
	}
}

func TestConcurrentCommitsShareJournalRecords(t *testing.T) {
	t.Parallel()
	const n = 500
	f := open(t, t.TempDir())
	s := lock(t, f)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			a := nodeAddress(i)
			if err := s.Commit(context.Background(), true, Intent(launchIntent(a))); err != nil {
				t.Error(err)
			}
			if err := s.Commit(context.Background(), false, Put(nodeRecord(i)), CloseIntents(a)); err != nil {
				t.Error(err)
			}
			if _, ok := s.Record(a); !ok {
				t.Errorf("%s is committed and cannot be seen", a)
			}
		})
	}
	wg.Wait()
	got := read(t, f)
	if len(got.Records) != n || len(got.Intents) != 0 {
		t.Errorf("%d records, %d open intents; want %d and 0", len(got.Records), len(got.Intents), n)
	}
	if s.m.seq >= 2*n {
		t.Errorf("%d journal records for %d commits: none was shared", s.m.seq, 2*n)
	}
}

func TestACanceledContextDoesNotLoseAnOutcome(t *testing.T) {
	t.Parallel()
	f := open(t, t.TempDir())
	s := lock(t, f)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Commit(ctx, true, Put(nodeRecord(0))); err != nil {
		t.Errorf("Commit: %v", err)
	}
	if err := s.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
	if info, err := f.LockInfo(context.Background()); err != nil || info != nil {
		t.Errorf("lock %v, %v; want a free one", info, err)
	}
	if len(read(t, f).Records) != 1 {
		t.Error("the record is lost")
	}
}

func TestAClosedSessionWritesNothing(t *testing.T) {
	t.Parallel()
	f := open(t, t.TempDir())
	s := lock(t, f)
	closeSession(t, s)
	if err := s.Commit(context.Background(), true, Put(nodeRecord(0))); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("error %v", err)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if _, err := os.Stat(f.journalPath); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a journal was written: %v", err)
	}
}

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := open(t, dir)
	fill(t, f, 1)
	if err := os.Chmod(f.Path(), 0o644); err != nil { // as after a copy by hand
		t.Fatal(err)
	}
	fill(t, f, 2)
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range files {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, strings.TrimPrefix(e.Name(), "clusterform.state.json"))
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}
	if got := fmt.Sprint(names); got != "[ .backup .journal .lock]" {
		t.Errorf("files %s", got)
	}
}

func TestAStateBehindALinkStaysThere(t *testing.T) {
	t.Parallel()
	behind, links := t.TempDir(), t.TempDir()
	fill(t, open(t, behind), 1)
	if err := os.Symlink(filepath.Join(behind, "clusterform.state.json"), filepath.Join(links, "clusterform.state.json")); err != nil {
		t.Fatal(err)
	}
	fill(t, open(t, links), 2)
	if got := len(read(t, open(t, behind)).Records); got != 3 {
		t.Errorf("%d records in the real file, want 3", got)
	}
	if files, err := os.ReadDir(links); err != nil || len(files) != 1 || files[0].Type() != os.ModeSymlink {
		t.Errorf("files beside the link: %v, %v", files, err)
	}
}
