package apply_test

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/apply"
	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

const (
	testRegion  = "eu-test-1"
	testUID     = "0123456789abcdef"
	testCluster = resource.Address("cluster.lab")
)

// plans builds plans by hand: steps are named by the ids that add returns.
type plans struct{ planner.Plan }

func newPlan(j apply.Journal) *plans {
	snap := j.Snapshot()
	return &plans{planner.Plan{
		FormatVersion: planner.FormatVersion, Mode: planner.ModeNormal, Lineage: snap.Lineage, Serial: snap.Serial,
		Clusters: map[resource.Address]resource.ClusterRecord{testCluster: {UID: testUID, Region: testRegion}},
	}}
}

func (p *plans) add(s planner.Step, needs ...int32) int32 {
	s.ID = int32(len(p.Steps))
	s.Needs = needs
	if s.Pair == 0 {
		s.Pair = -1
	}
	p.Steps = append(p.Steps, s)
	return s.ID
}

func object(a resource.Address, spec resource.Spec) *resource.Object {
	return &resource.Object{Address: a, Kind: spec.Kind(), Cluster: testCluster, UID: testUID, Region: testRegion, Spec: spec}
}

func record(a resource.Address, spec resource.Spec) *resource.Record {
	return &resource.Record{Object: *object(a, spec), Generation: 1}
}

func vpc(owner string) *resource.VPC {
	return &resource.VPC{CIDR: "10.0.0.0/16", Tags: resource.Tags{"owner": owner}}
}

func node(tier string) *resource.Node {
	return &resource.Node{
		Pool: "node_pool.worker", Role: "worker", InstanceTypes: []string{"t3.large"}, InstanceType: "t3.large", Image: "ami-1",
		Subnet: `cluster.lab.subnet["a"]`, Zone: "a", Tags: resource.Tags{"tier": tier},
	}
}

func (p *plans) create(a resource.Address, spec resource.Spec, needs ...int32) int32 {
	return p.add(planner.Step{
		Address: a, Kind: spec.Kind(), Action: planner.ActionCreate, Operation: resource.Create, Reason: planner.ReasonNew,
		After: object(a, spec), Generation: 1,
	}, needs...)
}

func (p *plans) update(before *resource.Record, spec resource.Spec, needs ...int32) int32 {
	return p.add(planner.Step{
		Address: before.Address, Kind: before.Kind, Action: planner.ActionUpdate, Operation: resource.Update, Reason: planner.ReasonConfigChanged,
		Before: before, After: object(before.Address, spec), Fields: resource.Diff(before.Spec, spec),
	}, needs...)
}

func (p *plans) delete(before *resource.Record, needs ...int32) int32 {
	return p.add(planner.Step{
		Address: before.Address, Kind: before.Kind, Action: planner.ActionDestroy, Operation: resource.Delete, Reason: planner.ReasonRemoved,
		Before: before,
	}, needs...)
}

// replace adds the two steps of a replacement and returns the id of the later one.
func (p *plans) replace(before *resource.Record, spec resource.Spec, createFirst bool) int32 {
	create := planner.Step{
		Address: before.Address, Kind: before.Kind, Action: planner.ActionReplace, Operation: resource.Create, Reason: planner.ReasonCannotUpdate,
		Before: before, After: object(before.Address, spec), Generation: before.Generation + 1, CreateFirst: createFirst,
	}
	del := planner.Step{
		Address: before.Address, Kind: before.Kind, Action: planner.ActionReplace, Operation: resource.Delete, Reason: planner.ReasonCannotUpdate,
		Before: before, CreateFirst: createFirst,
	}
	if createFirst {
		return p.add(del, p.add(create))
	}
	return p.add(create, p.add(del))
}

// session is a state of its own directory with a lock on it.
func session(t testing.TB) *state.Session {
	t.Helper()
	f, err := state.Open(filepath.Join(t.TempDir(), "clusterform.state.json"), state.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	return lock(t, f)
}

func lock(t testing.TB, f *state.File) *state.Session {
	t.Helper()
	s, err := f.Lock(context.Background(), state.LockRequest{Operation: "apply"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

// given records objects that exist already.
func given(t testing.TB, j apply.Journal, recs ...*resource.Record) {
	t.Helper()
	entries := []state.Entry{state.SetCluster(testCluster, resource.ClusterRecord{UID: testUID, Region: testRegion})}
	for _, r := range recs {
		entries = append(entries, state.Put(r))
	}
	if err := j.Commit(context.Background(), true, entries...); err != nil {
		t.Fatal(err)
	}
}

// events collects what is told.
type events struct {
	mu   sync.Mutex
	list []event.Event
}

func (e *events) Emit(ev event.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, ev)
}

func (e *events) of(types ...event.Type) []event.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(e.list), func(ev event.Event) bool { return !slices.Contains(types, ev.Type) })
}

// options runs p against c and j.
func options(p *plans, j apply.Journal, c *cloud) apply.Options {
	return apply.Options{Plan: &p.Plan, Journal: j, Drivers: c}
}

func run(t testing.TB, o apply.Options) (*apply.Result, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	return apply.Run(ctx, o)
}

func mustRun(t testing.TB, o apply.Options) *apply.Result {
	t.Helper()
	res, err := run(t, o)
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	return res
}

// addresses lists what is recorded as "address id", deposed ones marked.
func addresses(j apply.Journal) []string {
	snap := j.Snapshot()
	var out []string
	for _, r := range snap.Records {
		out = append(out, string(r.Address)+" "+r.ID)
	}
	for _, list := range snap.Deposed {
		for _, r := range list {
			out = append(out, string(r.Address)+" "+r.ID+" deposed")
		}
	}
	slices.Sort(out)
	return out
}

// leaked are objects that neither a record nor an open intent leads to.
func leaked(c *cloud, snap *resource.Snapshot) []string {
	known := map[string]bool{}
	for _, r := range snap.Records {
		known[r.ID] = true
	}
	for _, list := range snap.Deposed {
		for _, r := range list {
			known[r.ID] = true
		}
	}
	tokens := map[string]bool{}
	for _, in := range snap.Intents {
		tokens[in.Token] = true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, id := range slices.Sorted(maps.Keys(c.objects)) {
		if !known[id] && !tokens[c.objects[id].token] {
			out = append(out, id)
		}
	}
	return out
}

// dying is a journal of a process that is killed at its n-th commit: before it is written, or after it.
type dying struct {
	apply.Journal
	mu      sync.Mutex
	n       int
	after   bool
	once    bool // it lives on
	commits int
}

var errKilled = errors.New("killed")

func (d *dying) Commit(ctx context.Context, durable bool, entries ...state.Entry) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.commits++
	switch {
	case d.n == 0 || d.commits < d.n || d.once && d.commits > d.n:
		return d.Journal.Commit(ctx, durable, entries...)
	case d.commits == d.n && d.after:
		if err := d.Journal.Commit(ctx, durable, entries...); err != nil {
			return err
		}
	}
	return errKilled
}

// countingJournal counts the snapshots asked for; only the run's own goroutine asks.
type countingJournal struct {
	apply.Journal
	snapshots int
}

func (j *countingJournal) Snapshot() *resource.Snapshot {
	j.snapshots++
	return j.Journal.Snapshot()
}
