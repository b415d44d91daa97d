package apply_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clusterform/clusterform/internal/apply"
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

func (p *plans) move(from, to resource.Address, before *resource.Record) int32 {
	after := before.Object
	after.Address = to
	return p.add(planner.Step{
		Address: to, Kind: before.Kind, Action: planner.ActionMove, Reason: planner.ReasonMoved, From: from, Before: before, After: &after,
	})
}

func TestMoves(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		moves [][2]resource.Address
		want  []string
		err   string
	}{
		{"one", [][2]resource.Address{{"p.a[0]", "p.z[0]"}}, []string{"p.a[1] node-2", "p.a[2] node-3", "p.z[0] node-1"}, ""},
		{"a chain", [][2]resource.Address{{"p.a[0]", "p.a[1]"}, {"p.a[1]", "p.a[2]"}, {"p.a[2]", "p.a[3]"}}, []string{"p.a[1] node-1", "p.a[2] node-2", "p.a[3] node-3"}, ""},
		{"two change places", [][2]resource.Address{{"p.a[0]", "p.a[1]"}, {"p.a[1]", "p.a[0]"}}, []string{"p.a[0] node-2", "p.a[1] node-1", "p.a[2] node-3"}, ""},
		{"a circle of three", [][2]resource.Address{{"p.a[0]", "p.a[1]"}, {"p.a[1]", "p.a[2]"}, {"p.a[2]", "p.a[0]"}}, []string{"p.a[0] node-3", "p.a[1] node-1", "p.a[2] node-2"}, ""},
		{"to where another is", [][2]resource.Address{{"p.a[0]", "p.a[1]"}}, []string{"p.a[0] node-1", "p.a[1] node-2", "p.a[2] node-3"}, "another object is recorded here"},
		{"after one that cannot", [][2]resource.Address{{"p.a[0]", "p.a[1]"}, {"p.a[1]", "p.a[2]"}}, []string{"p.a[0] node-1", "p.a[1] node-2", "p.a[2] node-3"}, "another object is recorded here"},
		{"from where none is", [][2]resource.Address{{"p.b[0]", "p.b[1]"}}, []string{"p.a[0] node-1", "p.a[1] node-2", "p.a[2] node-3"}, "no longer there"},
		{"only what it refers to moved", [][2]resource.Address{{"p.a[0]", "p.a[0]"}}, []string{"p.a[0] node-1", "p.a[1] node-2", "p.a[2] node-3"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			j, c := session(t), newCloud()
			recs := []*resource.Record{c.seed(record("p.a[0]", node("0"))), c.seed(record("p.a[1]", node("1"))), c.seed(record("p.a[2]", node("2")))}
			given(t, j, recs...)
			p := newPlan(j)
			for _, m := range tc.moves {
				before, ok := j.Record(m[0])
				if !ok {
					before = recs[0]
				}
				p.move(m[0], m[1], before)
			}
			_, err := run(t, options(p, j, c))
			if tc.err == "" && err != nil || tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
				t.Fatalf("error is %v, want %q", err, tc.err)
			}
			if diff := cmp.Diff(tc.want, addresses(j)); diff != "" {
				t.Errorf("recorded (-want +got):\n%s", diff)
			}
			if len(c.started) > 0 {
				t.Errorf("a move called the cloud: %v", c.started)
			}
		})
	}
}

func TestMovedRecordHasTheNewNames(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	old := c.seed(record("cluster.old.internet_gateway", &resource.InternetGateway{VPC: "cluster.old.vpc"}))
	old.Cluster = "cluster.old"
	given(t, j, old)
	if err := j.Commit(t.Context(), true, state.SetCluster("cluster.old", resource.ClusterRecord{UID: testUID}), state.RemoveCluster(testCluster)); err != nil {
		t.Fatal(err)
	}
	p := newPlan(j)
	id := p.move("cluster.old.internet_gateway", "cluster.lab.internet_gateway", old)
	p.Steps[id].After = object("cluster.lab.internet_gateway", &resource.InternetGateway{VPC: "cluster.lab.vpc"})
	p.Steps[id].After.ID = old.ID
	// What changes besides goes on from the moved record.
	moved := *old
	moved.Object = *p.Steps[id].After
	p.update(&moved, &resource.InternetGateway{VPC: "cluster.lab.vpc", Tags: resource.Tags{"a": "b"}}, id)
	mustRun(t, options(p, j, c))
	rec, ok := j.Record("cluster.lab.internet_gateway")
	if !ok || rec.Cluster != "cluster.lab" || rec.Spec.(*resource.InternetGateway).VPC != "cluster.lab.vpc" || rec.ID != old.ID {
		t.Errorf("record is %+v", rec)
	}
	if _, still := j.Snapshot().Clusters["cluster.old"]; still {
		t.Error("the old name of the cluster is still recorded")
	}
}

func TestAdopt(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	in := resource.Intent{Operation: resource.Create, Kind: resource.KindNode, UID: testUID, Region: testRegion, Addresses: []resource.Address{"node_pool.worker[0]"}, Token: "tok"}
	if err := j.Commit(t.Context(), true, state.Intent(in)); err != nil {
		t.Fatal(err)
	}
	found := c.seed(record("node_pool.worker[0]", node("web")))
	p := newPlan(j)
	p.add(planner.Step{
		Address: found.Address, Kind: found.Kind, Action: planner.ActionAdopt, Reason: planner.ReasonOrphanAdopted, After: &found.Object,
		Generation: 3, Adopt: j.Snapshot().Intents,
	})
	mustRun(t, options(p, j, c))
	rec, ok := j.Record(found.Address)
	if !ok || rec.ID != found.ID || rec.Generation != 3 || rec.Phase != resource.PhaseReady {
		t.Errorf("record is %+v", rec)
	}
	if n := len(j.Snapshot().Intents); n > 0 {
		t.Errorf("%d intents are open", n)
	}
	if len(c.started) > 0 {
		t.Errorf("the cloud was called: %v", c.started)
	}
}

// TestAdoptAndChange takes up an object that is not quite as wanted.
func TestAdoptAndChange(t *testing.T) {
	t.Parallel()
	for _, f := range []fault{none, refused} {
		j, c := session(t), newCloud()
		found := c.seed(record("node_pool.worker[0]", node("web")))
		found.Phase = resource.PhaseReady
		c.fault = func(resource.Change) fault { return f }
		p := newPlan(j)
		after := object(found.Address, node("db"))
		after.ID = found.ID
		p.add(planner.Step{
			Address: found.Address, Kind: found.Kind, Action: planner.ActionAdopt, Operation: resource.Update, Reason: planner.ReasonOrphanAdopted,
			Before: found, After: after, Fields: resource.Diff(found.Spec, after.Spec), Generation: 1,
		})
		_, err := run(t, options(p, j, c))
		if (err != nil) != (f == refused) {
			t.Fatal(err)
		}
		rec, ok := j.Record(found.Address)
		if !ok || rec.ID != found.ID || rec.Incomplete != (f == refused) {
			t.Fatalf("record is %+v", rec)
		}
		want := map[fault]string{none: "db", refused: "web"}[f]
		if got := rec.Spec.(*resource.Node).Tags["tier"]; got != want {
			t.Errorf("recorded tier is %q, want %q", got, want)
		}
	}
}

// TestAdoptionThatFails: the intents of the dead run stay open until what it made was found, or is known not to exist.
func TestAdoptionThatFails(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	in := resource.Intent{Operation: resource.Create, Kind: resource.KindVPC, UID: testUID, Region: testRegion, Addresses: []resource.Address{"cluster.lab.vpc"}, Token: "dead"}
	if err := j.Commit(t.Context(), true, state.Intent(in)); err != nil {
		t.Fatal(err)
	}
	c.fault = func(resource.Change) fault { return refused }
	p := newPlan(j)
	p.create("cluster.lab.vpc", vpc("me"))
	p.Steps[0].Adopt = j.Snapshot().Intents
	if _, err := run(t, options(p, j, c)); err == nil {
		t.Fatal("no error")
	}
	if open := j.Snapshot().Intents; len(open) == 0 || open[0].Token != "dead" {
		t.Errorf("open intents are %+v", open)
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	for _, f := range []fault{none, refused} {
		j, c := session(t), newCloud()
		found := c.seed(record("cluster.lab.vpc", vpc("other")))
		p := newPlan(j)
		id := p.add(planner.Step{
			Address: found.Address, Kind: found.Kind, Action: planner.ActionImport, Reason: planner.ReasonImported,
			After: object(found.Address, vpc("other")), ImportID: found.ID, Generation: 1,
		})
		p.create("node_pool.worker[0]", node("web"), id)
		c.fault = func(ch resource.Change) fault {
			if ch.Operation == resource.Update {
				return f
			}
			return none
		}
		_, err := run(t, options(p, j, c))
		if (err != nil) != (f == refused) {
			t.Fatal(err)
		}
		rec, ok := j.Record(found.Address)
		if !ok || rec.ID != found.ID || rec.Incomplete != (f == refused) {
			t.Errorf("record is %+v", rec)
		}
		if f == none && len(c.updates[string(found.Address)]) == 0 {
			t.Error("it was not tagged as ours")
		}
	}
}

func TestForget(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	rec := c.seed(record("cluster.lab.vpc", vpc("me")))
	given(t, j, rec)
	p := newPlan(j)
	p.Clusters = nil
	p.add(planner.Step{Address: rec.Address, Kind: rec.Kind, Action: planner.ActionForget, Reason: planner.ReasonForgotten, Before: rec})
	mustRun(t, options(p, j, c))
	if got := addresses(j); len(got) > 0 {
		t.Errorf("recorded: %v", got)
	}
	if len(c.ids()) != 1 {
		t.Error("the object was touched")
	}
	if n := len(j.Snapshot().Clusters); n > 0 {
		t.Error("a cluster without an object is still recorded")
	}
}

func TestRefreshedRecords(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	v, n := c.seed(record("cluster.lab.vpc", vpc("me"))), c.seed(record("node_pool.worker[0]", node("web")))
	gone, replaced := record("node_pool.worker[1]", node("web")), record("node_pool.worker[2]", node("web"))
	gone.ID, replaced.ID = "node-gone", "node-replaced"
	given(t, j, v, n, gone, replaced)
	p := newPlan(j)
	p.Mode = planner.ModeRefreshOnly
	p.Drift = []planner.Drift{
		{Address: v.Address, Kind: v.Kind, ID: v.ID, Observed: object(v.Address, vpc("somebody"))},
		{Address: gone.Address, Kind: gone.Kind, ID: gone.ID, Gone: true},
		{Address: replaced.Address, Kind: replaced.Kind, ID: "node-other", Gone: true},
	}
	p.Protect = map[resource.Address]bool{v.Address: true, n.Address: false, "cluster.lab.unknown": true}
	mustRun(t, options(p, j, c))
	want := []string{"cluster.lab.vpc " + v.ID, "node_pool.worker[0] " + n.ID, "node_pool.worker[2] node-replaced"}
	if diff := cmp.Diff(want, addresses(j)); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
	rec, _ := j.Record(v.Address)
	if rec.Spec.(*resource.VPC).Tags["owner"] != "somebody" || !rec.Protected {
		t.Errorf("record is %+v", rec)
	}
	if v.Protected || v.Spec.(*resource.VPC).Tags["owner"] != "me" {
		t.Error("a record was changed in place")
	}
	if rec, _ := j.Record(n.Address); rec != n {
		t.Error("a record that did not change was written")
	}
}

func TestGoneObjectIsMadeAnew(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	gone := record("node_pool.worker[0]", node("web"))
	gone.ID = "node-gone"
	given(t, j, gone)
	p := newPlan(j)
	p.Drift = []planner.Drift{{Address: gone.Address, Kind: gone.Kind, ID: gone.ID, Gone: true}}
	p.create(gone.Address, node("web"))
	p.Steps[0].Generation = 2
	mustRun(t, options(p, j, c))
	if diff := cmp.Diff([]string{"node_pool.worker[0] node-1"}, addresses(j)); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
}

func TestRecoveredIntents(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	for _, a := range []resource.Address{"p.gone", "p.unread", "p.found"} {
		if err := j.Commit(t.Context(), true, state.Intent(resource.Intent{Operation: resource.Create, Kind: resource.KindVPC, UID: testUID, Addresses: []resource.Address{a}})); err != nil {
			t.Fatal(err)
		}
	}
	p := newPlan(j)
	status := map[resource.Address]resource.Status{"p.gone": resource.Gone, "p.unread": resource.Unread, "p.found": resource.Present}
	for _, in := range j.Snapshot().Intents {
		p.Recovered = append(p.Recovered, planner.Recovered{Intent: in, Status: status[in.Addresses[0]]})
	}
	mustRun(t, options(p, j, c))
	left := j.Snapshot().Intents
	if len(left) != 1 || left[0].Addresses[0] != "p.unread" {
		t.Errorf("open intents are %+v", left)
	}
	if _, ok := j.Snapshot().Clusters[testCluster]; !ok {
		t.Error("the identity of a cluster with an open intent is gone")
	}
}

func TestOutputs(t *testing.T) {
	t.Parallel()
	out := map[string]resource.OutputRecord{"endpoint": {Value: []byte(`"1.2.3.4"`), Type: []byte(`"string"`)}}
	broken := errors.New("no endpoint")
	for _, tc := range []struct {
		name     string
		outputs  func() (map[string]resource.OutputRecord, error)
		fault    fault
		want     map[string]resource.OutputRecord
		complain bool
	}{
		{"recorded", func() (map[string]resource.OutputRecord, error) { return out, nil }, none, out, false},
		{"cannot be evaluated", func() (map[string]resource.OutputRecord, error) { return nil, broken }, none, map[string]resource.OutputRecord{}, true},
		{"panic", func() (map[string]resource.OutputRecord, error) { panic("oh") }, none, map[string]resource.OutputRecord{}, true},
		{"after a failure, where they can be", func() (map[string]resource.OutputRecord, error) { return out, nil }, refused, out, false},
		{"after a failure, where they cannot be", func() (map[string]resource.OutputRecord, error) { return nil, broken }, refused, map[string]resource.OutputRecord{}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			j, c := session(t), newCloud()
			c.fault = func(resource.Change) fault { return tc.fault }
			p := newPlan(j)
			p.create("cluster.lab.vpc", vpc("me"))
			o := options(p, j, c)
			o.Outputs = func(_ context.Context, snap *resource.Snapshot) (map[string]resource.OutputRecord, error) {
				if _, ok := snap.Records["cluster.lab.vpc"]; ok != (tc.fault == none) {
					t.Error("outputs are evaluated on another state")
				}
				return tc.outputs()
			}
			res, err := run(t, o)
			all, _ := errors.AsType[*apply.Error](err)
			if complained := all != nil && all.Outputs != nil; complained != tc.complain {
				t.Errorf("error is %v", err)
			}
			if diff := cmp.Diff(tc.want, j.Snapshot().Outputs); diff != "" {
				t.Errorf("outputs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.want, res.Outputs); diff != "" {
				t.Errorf("result's outputs (-want +got):\n%s", diff)
			}
		})
	}
}
