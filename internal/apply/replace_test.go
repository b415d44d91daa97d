package apply_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clusterform/clusterform/planner/resource"
)

func TestReplacement(t *testing.T) {
	t.Parallel()
	const a = "node_pool.worker[0]"
	for _, tc := range []struct {
		name        string
		createFirst bool
		fault       map[resource.Operation]fault
		want        []string // recorded
		exists      []string
		incomplete  bool // the current record
	}{
		{name: "create first", createFirst: true, want: []string{a + " node-2"}, exists: []string{"node-2"}},
		{name: "destroy first", want: []string{a + " node-2"}, exists: []string{"node-2"}},
		{
			name: "create first, refused: the old one stays", createFirst: true, fault: map[resource.Operation]fault{resource.Create: refused},
			want: []string{a + " node-1"}, exists: []string{"node-1"},
		},
		{
			name: "create first, launched and terminated again: the old one comes back", createFirst: true,
			fault: map[resource.Operation]fault{resource.Create: dies},
			want:  []string{a + " node-1"}, exists: []string{"node-1"},
		},
		{
			name: "create first, half done: both are known", createFirst: true, fault: map[resource.Operation]fault{resource.Create: half},
			want: []string{a + " node-1 deposed", a + " node-2"}, exists: []string{"node-1", "node-2"}, incomplete: true,
		},
		{
			name: "create first, answer lost after the launch: both are known", createFirst: true,
			fault: map[resource.Operation]fault{resource.Create: lost},
			want:  []string{a + " node-1 deposed", a + " node-2"}, exists: []string{"node-1", "node-2"}, incomplete: true,
		},
		{
			name: "create first, the old one cannot be removed", createFirst: true, fault: map[resource.Operation]fault{resource.Delete: refused},
			want: []string{a + " node-1 deposed", a + " node-2"}, exists: []string{"node-1", "node-2"},
		},
		{
			name: "destroy first, not removed: nothing new is made", fault: map[resource.Operation]fault{resource.Delete: refused},
			want: []string{a + " node-1"}, exists: []string{"node-1"}, incomplete: true,
		},
		{
			name: "destroy first, refused: nothing is left", fault: map[resource.Operation]fault{resource.Create: refused},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			j, c := session(t), newCloud()
			old := c.seed(record(a, node("web")))
			given(t, j, old)
			c.fault = func(ch resource.Change) fault { return tc.fault[ch.Operation] }
			p := newPlan(j)
			p.replace(old, node("db"), tc.createFirst)
			_, err := run(t, options(p, j, c))
			if (err != nil) != (tc.fault != nil) {
				t.Fatalf("error is %v", err)
			}
			if diff := cmp.Diff(tc.want, addresses(j)); diff != "" {
				t.Errorf("recorded (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.exists, c.ids()); diff != "" {
				t.Errorf("exists (-want +got):\n%s", diff)
			}
			if rec, ok := j.Record(a); ok {
				if rec.Incomplete != tc.incomplete {
					t.Errorf("incomplete: %v, want %v", rec.Incomplete, tc.incomplete)
				}
				if want := 2; rec.ID == "node-2" && rec.Generation != want {
					t.Errorf("generation is %d", rec.Generation)
				}
				if rec.Deposed {
					t.Error("the current record says that it is deposed")
				}
			}
			if l := leaked(c, j.Snapshot()); len(l) > 0 {
				t.Errorf("leaked: %v", l)
			}
		})
	}
}

func TestReferencesFollowAReplacement(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	old := c.seed(record("cluster.lab.control_plane[0]", node("api")))
	assoc := c.seed(record("cluster.lab.elastic_ip_association", &resource.ElasticIPAssociation{Address: "cluster.lab.elastic_ip", Node: "cluster.lab.control_plane[0]"}))
	given(t, j, old, assoc)
	p := newPlan(j)
	after := p.replace(old, node("api2"), true)
	// The association is updated between the two steps of the replacement.
	update := p.update(assoc, assoc.Spec)
	p.Steps[update].Fields = []resource.FieldChange{{Path: "node", Old: resource.Ref("cluster.lab.control_plane[0]"), New: resource.Ref("cluster.lab.control_plane[0]"), Effect: resource.EffectUpdate}}
	p.Steps[update].Needs = []int32{after - 1}
	p.Steps[after], p.Steps[update] = p.Steps[update], p.Steps[after]
	p.Steps[after].ID, p.Steps[update].ID = after, update
	p.Steps[update].Needs = []int32{after - 1, after}

	var seen string
	c.before = func(ch resource.Change, rt resource.Runtime) {
		if ch.Operation == resource.Update {
			seen, _ = rt.ID("cluster.lab.control_plane[0]")
		}
	}
	mustRun(t, options(p, j, c))
	if seen != "node-3" {
		t.Errorf("the association was moved to %q, want the new node-3", seen)
	}
	if want := []string{"create cluster.lab.control_plane[0]", "update cluster.lab.elastic_ip_association", "delete cluster.lab.control_plane[0]"}; !slices.Equal(c.doneSteps(), want) {
		t.Errorf("done %v, want %v", c.doneSteps(), want)
	}
}

func TestDeposedLeftover(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	now, old := c.seed(record("node_pool.worker[0]", node("web"))), c.seed(record("node_pool.worker[0]", node("old")))
	old.Deposed = true
	given(t, j, now, old)
	p := newPlan(j)
	p.delete(old)
	mustRun(t, options(p, j, c))
	if diff := cmp.Diff([]string{"node_pool.worker[0] " + now.ID}, addresses(j)); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
}

// TestIntentsOfTwoStepsAtOneAddress: the end of one step does not close what another at the same address announced.
func TestIntentsOfTwoStepsAtOneAddress(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name           string
		create, remove time.Duration
	}{
		{"the delete ends while the create runs", 2 * time.Minute, time.Minute},
		{"the delete ends after the create was lost", time.Minute, 2 * time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				j, c := session(t), newCloud()
				old := c.seed(record("p.x", &resource.ElasticIP{}))
				old.Deposed = true
				given(t, j, old)
				c.delay = func(ch resource.Change) time.Duration {
					if ch.Operation == resource.Create {
						return tc.create
					}
					return tc.remove
				}
				c.fault = func(ch resource.Change) fault {
					if ch.Operation == resource.Create {
						return lost
					}
					return none
				}
				p := newPlan(j)
				p.delete(old)
				p.create("p.x", &resource.ElasticIP{})
				if res, err := run(t, options(p, j, c)); res.Done != 1 || res.Failed != 1 {
					t.Errorf("%+v, %v", res, err)
				}
				if l := leaked(c, j.Snapshot()); len(l) > 0 {
					t.Errorf("leaked %v", l)
				}
			})
		})
	}
}

// TestRecordOfAnotherObject: an update does not touch another object than the one it was planned for.
func TestRecordOfAnotherObject(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	planned, now := c.seed(record("cluster.lab.vpc", vpc("me"))), c.seed(record("cluster.lab.vpc", vpc("me")))
	given(t, j, now)
	p := newPlan(j)
	p.update(planned, vpc("you"))
	if _, err := run(t, options(p, j, c)); err == nil || !strings.Contains(err.Error(), "no longer recorded") || len(c.started) > 0 {
		t.Errorf("%v, started %v", err, c.started)
	}
}

// TestUnrecordedLeftover removes an object that an interrupted run made and nobody wants any more.
func TestUnrecordedLeftover(t *testing.T) {
	t.Parallel()
	for _, f := range []fault{none, refused} {
		j, c := session(t), newCloud()
		orphan := c.seed(record("node_pool.worker[7]", node("web")))
		p := newPlan(j)
		p.delete(orphan)
		c.fault = func(resource.Change) fault { return f }
		_, err := run(t, options(p, j, c))
		if (err != nil) != (f == refused) {
			t.Fatal(err)
		}
		if l := leaked(c, j.Snapshot()); len(l) > 0 {
			t.Errorf("leaked %v", l)
		}
	}
}

// TestLeftoversOfOnePool have the pool's address, all of them: that is what instances are tagged with.
func TestLeftoversOfOnePool(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	p := newPlan(j)
	for range 3 {
		p.delete(c.seed(record("node_pool.worker", node("web"))))
	}
	c.fault = func(ch resource.Change) fault {
		if ch.Before.ID == "node-2" {
			return refused
		}
		return none
	}
	if res, err := run(t, options(p, j, c)); res.Done != 2 || res.Failed != 1 {
		t.Fatalf("%+v, %v", res, err)
	}
	if diff := cmp.Diff([]string{"node_pool.worker node-2 deposed"}, addresses(j)); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
}

func TestRuntime(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	v := c.seed(record("cluster.lab.vpc", vpc("me")))
	given(t, j, v)
	p := newPlan(j)
	p.Blobs = map[string]string{"aa": "#cloud-config"}
	p.create("node_pool.worker[0]", node("web"))
	o := options(p, j, c)
	o.WaitLaunched = true
	c.before = func(_ resource.Change, rt resource.Runtime) {
		for ref, want := range map[resource.Ref]string{"cluster.lab.vpc": v.ID, "vpc-0f00": "vpc-0f00", "cluster.lab.subnet": "", "": ""} {
			if id, ok := rt.ID(ref); id != want || ok != (want != "") {
				t.Errorf("ID(%q) = %q, %v", ref, id, ok)
			}
		}
		for id, want := range map[string]resource.Ref{v.ID: "cluster.lab.vpc", "vpc-0f00": "vpc-0f00"} {
			if ref := rt.Ref(resource.KindVPC, id); ref != want {
				t.Errorf("Ref(%q) = %q", id, ref)
			}
		}
		if b, ok := rt.Blob("aa"); !ok || string(b) != "#cloud-config" {
			t.Errorf("Blob = %q, %v", b, ok)
		}
		if _, ok := rt.Blob("bb"); ok {
			t.Error("a blob that is none")
		}
		if !rt.WaitLaunched() {
			t.Error("WaitLaunched is not told")
		}
		if rec, ok := rt.Record("cluster.lab.vpc"); !ok || rec.ID != v.ID {
			t.Errorf("Record = %+v", rec)
		}
		if err := rt.Checkpoint(t.Context(), record("node_pool.other[0]", node("x"))); err == nil {
			t.Error("a checkpoint of another batch's object is taken")
		}
	}
	mustRun(t, o)
}

// TestAddressesThatAnAssociationChanges: tying an elastic address to a node gives the node another public address, which
// the record has at the end of the run.
func TestAddressesThatAnAssociationChanges(t *testing.T) {
	t.Parallel()
	t.Run("read again", func(t *testing.T) { tieAnAddress(t, false) })
	t.Run("deduced", func(t *testing.T) { tieAnAddress(t, true) })
}

func tieAnAddress(t *testing.T, deduce bool) {
	t.Parallel()
	j, c := session(t), newCloud()
	given(t, j, c.seed(record("cluster.lab.elastic_ip", &resource.ElasticIP{PublicIP: "203.0.113.7"})))
	p := newPlan(j)
	n := p.create("cluster.lab.control_plane[0]", node("api"))
	p.create("cluster.lab.elastic_ip_association", &resource.ElasticIPAssociation{Address: "cluster.lab.elastic_ip", Node: "cluster.lab.control_plane[0]"}, n)
	c.before = func(ch resource.Change, _ resource.Runtime) {
		if ch.After.Kind != resource.KindElasticIPAssociation {
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for id, th := range c.objects {
			if tied, ok := th.spec.(*resource.Node); ok {
				spec := resource.Clone(tied)
				spec.PublicAddr = "203.0.113.7"
				th.spec = spec
				c.objects[id] = th
			}
		}
	}
	o := options(p, j, c)
	o.Deduce = deduce
	mustRun(t, o)
	if deduce != (c.reads == 0) {
		t.Errorf("%d reads", c.reads)
	}
	rec, _ := j.Record("cluster.lab.control_plane[0]")
	if got := rec.Spec.(*resource.Node).PublicAddr; got != "203.0.113.7" {
		t.Errorf("the node's public address is recorded as %q", got)
	}
}
