package apply_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clusterform/clusterform/internal/apply"
	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/planner/resource"
)

func TestFirstApply(t *testing.T) {
	t.Parallel()
	j, c, told := session(t), newCloud(), &events{}
	p := newPlan(j)
	v := p.create("cluster.lab.vpc", vpc("me"))
	for i := range 5 {
		p.create(resource.Address("node_pool.worker").Index(i), node("web"), v)
	}
	o := options(p, j, c)
	o.Events = told
	res := mustRun(t, o)

	if res.Done != 6 || res.Failed+res.Skipped+res.Remaining != 0 {
		t.Errorf("result is %+v", res)
	}
	if diff := cmp.Diff([]string{"create vpc ×1", "create node ×5"}, c.batches); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
	snap := j.Snapshot()
	if len(snap.Intents) != 0 {
		t.Errorf("intents are left open: %+v", snap.Intents)
	}
	if got := snap.Clusters[testCluster].UID; got != testUID {
		t.Errorf("the cluster's uid is recorded as %q", got)
	}
	if snap.Serial != 1 {
		t.Errorf("serial is %d, want 1", snap.Serial)
	}
	n := snap.Records["node_pool.worker[3]"]
	if n == nil || n.Phase != resource.PhaseReady || n.Incomplete || n.Generation != 1 || n.UpdatedAt.IsZero() || n.UID != testUID {
		t.Errorf("recorded node is %+v", n)
	}
	if got := len(told.of(event.StepStart)); got != 6 {
		t.Errorf("%d steps were told to start", got)
	}
	last := told.of(event.ApplyComplete)
	if len(last) != 1 || last[0].Done != 6 || last[0].Total != 6 {
		t.Errorf("the end was told as %+v", last)
	}
}

func TestTokensAreOfTheSerialPlannedFrom(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	p := newPlan(j)
	p.create("cluster.lab.vpc", vpc("me"))
	mustRun(t, options(p, j, c))
	want := resource.Token(testUID, "cluster.lab.vpc", 1, "0")
	if got := c.objects["vpc-1"].token; got != want {
		t.Errorf("token is %q, want %q", got, want)
	}
}

func TestNothingToDoWritesNothing(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	given(t, j, c.seed(record("cluster.lab.vpc", vpc("me"))))
	before := j.Snapshot()
	mustRun(t, options(newPlan(j), j, c))
	if diff := cmp.Diff(before, j.Snapshot()); diff != "" {
		t.Errorf("the state changed (-before +after):\n%s", diff)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		fault fault
		// want is what is said of cluster.lab.vpc.
		want       string
		recorded   bool
		intentOpen bool
	}{
		{"the service refuses", refused, "ec2:Do: UnauthorizedOperation: not [31mallowed. Ask for it.", false, false},
		{"the answer is lost", lost, "connection reset by peer", false, true},
		{"half of it was done", half, "ec2:Half: IncorrectState: only half done", true, false},
		{"the driver panics", panics, "internal error in the driver of vpc: boom", false, false},
		{"the driver says nothing", silent, "without saying what became of it", false, true},
		{"the driver has no object to show", withoutID, "success without an object", false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			j, c, told := session(t), newCloud(), &events{}
			c.fault = func(ch resource.Change) fault {
				if ch.Address() == "cluster.lab.vpc" {
					return tc.fault
				}
				return none
			}
			p := newPlan(j)
			v := p.create("cluster.lab.vpc", vpc("me"))
			s := p.create(`cluster.lab.subnet["a"]`, &resource.Subnet{VPC: "cluster.lab.vpc", CIDR: "10.0.0.0/24", Zone: "a"}, v)
			p.create("node_pool.worker[0]", node("web"), s)
			p.create("cluster.lab.elastic_ip", &resource.ElasticIP{})
			o := options(p, j, c)
			o.Events = told
			res, err := run(t, o)

			if res == nil || res.Done != 1 || res.Failed != 1 || res.Skipped != 2 {
				t.Fatalf("result is %+v", res)
			}
			all, ok := errors.AsType[*apply.Error](err)
			if !ok || len(all.Steps) != 1 || all.Steps[0].Step.Address != "cluster.lab.vpc" {
				t.Fatalf("error is %v", err)
			}
			if !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "cluster.lab.vpc") {
				t.Errorf("error is %q, want %q in it", err, tc.want)
			}
			for _, bad := range []string{"goroutine", "\x1b"} {
				if strings.Contains(err.Error(), bad) {
					t.Errorf("error has %q in it: %q", bad, err)
				}
			}
			for _, e := range told.of(event.StepSkipped) {
				if !strings.Contains(e.Message, "cluster.lab.vpc") {
					t.Errorf("%s was skipped for %q", e.Address, e.Message)
				}
			}
			rec, recorded := j.Record("cluster.lab.vpc")
			if recorded != tc.recorded {
				t.Errorf("recorded: %v, want %v", recorded, tc.recorded)
			}
			if recorded && (!rec.Incomplete || !strings.Contains(rec.LastError, "half done")) {
				t.Errorf("record is %+v", rec)
			}
			if open := len(j.Snapshot().Intents) > 0; open != tc.intentOpen {
				t.Errorf("open intent: %v, want %v", open, tc.intentOpen)
			}
			if l := leaked(c, j.Snapshot()); len(l) > 0 {
				t.Errorf("leaked: %v", l)
			}
		})
	}
}

func TestTwoReportsCountOnce(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	c.fault = func(resource.Change) fault { return twice }
	p := newPlan(j)
	v := p.create("cluster.lab.vpc", vpc("me"))
	p.create("node_pool.worker[0]", node("web"), v)
	if res := mustRun(t, options(p, j, c)); res.Done != 2 {
		t.Errorf("result is %+v", res)
	}
}

func TestUnknownRegion(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	p := newPlan(j)
	p.create("cluster.lab.vpc", vpc("me"))
	p.Steps[0].After.Region = "eu-nowhere-1"
	_, err := run(t, options(p, j, c))
	if err == nil || !strings.Contains(err.Error(), `no driver for vpc in region "eu-nowhere-1"`) {
		t.Errorf("error is %v", err)
	}
}

func TestEveryFailureIsReported(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	c.fault = func(resource.Change) fault { return refused }
	p := newPlan(j)
	for i := range 20 {
		p.create(resource.Address("node_pool.worker").Index(i), node("web"))
	}
	res, err := run(t, options(p, j, c))
	if res.Failed != 20 || len(res.Errors) != 20 {
		t.Fatalf("result is %+v", res)
	}
	for i := range 20 {
		if want := fmt.Sprintf("node_pool.worker[%d]: ec2:Do", i); !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
		if res.Errors[i].Step.ID != int32(i) {
			t.Errorf("errors are not in the plan's order: %d at %d", res.Errors[i].Step.ID, i)
		}
	}
	if _, ok := errors.AsType[*resource.Error](err); !ok {
		t.Error("the causes cannot be reached")
	}
}

func TestFailedChangeKeepsTheRecord(t *testing.T) {
	t.Parallel()
	for _, op := range []resource.Operation{resource.Update, resource.Delete} {
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			j, c := session(t), newCloud()
			rec := c.seed(record("cluster.lab.vpc", vpc("me")))
			rec.Protected = true
			given(t, j, rec)
			c.fault = func(resource.Change) fault { return refused }
			p := newPlan(j)
			if op == resource.Update {
				p.update(rec, vpc("you"))
			} else {
				p.delete(rec)
			}
			if _, err := run(t, options(p, j, c)); err == nil {
				t.Fatal("no error")
			}
			now, ok := j.Record("cluster.lab.vpc")
			if !ok || !now.Incomplete || !strings.Contains(now.LastError, "UnauthorizedOperation") || now.ID != rec.ID {
				t.Fatalf("record is %+v", now)
			}
			if owner := now.Spec.(*resource.VPC).Tags["owner"]; owner != "me" {
				t.Errorf("the record says what was not done: owner %q", owner)
			}
			if n := len(j.Snapshot().Intents); n > 0 {
				t.Errorf("%d intents are open", n)
			}
		})
	}
}

func TestUpdateAndDestroy(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	v, n := c.seed(record("cluster.lab.vpc", vpc("me"))), c.seed(record("node_pool.worker[0]", node("web")))
	given(t, j, v, n)
	p := newPlan(j)
	p.update(v, vpc("you"))
	p.Steps[0].Protected = true
	p.delete(n)
	mustRun(t, options(p, j, c))
	if diff := cmp.Diff([]string{"cluster.lab.vpc " + v.ID}, addresses(j)); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
	now, _ := j.Record("cluster.lab.vpc")
	if !now.Protected || now.Spec.(*resource.VPC).Tags["owner"] != "you" || now.Generation != 1 {
		t.Errorf("record is %+v", now)
	}
	if f := c.updates["cluster.lab.vpc"]; len(f) != 1 || f[0].Path != "tags.owner" {
		t.Errorf("the driver was told of the differences %+v", f)
	}
}

// TestInterruptedRunIsTakenUp is CAPA#5794: the answer of a launch is lost, and the next run must not launch again.
func TestInterruptedRunIsTakenUp(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	c.fault = func(resource.Change) fault { return lost }
	p := newPlan(j)
	p.create("cluster.lab.vpc", vpc("me"))
	if _, err := run(t, options(p, j, c)); err == nil {
		t.Fatal("no error")
	}
	intents := j.Snapshot().Intents
	if len(intents) != 1 || intents[0].Token == "" || intents[0].At.IsZero() {
		t.Fatalf("open intents are %+v", intents)
	}

	c.fault = nil
	p = newPlan(j)
	p.Serial = j.Snapshot().Serial
	p.create("cluster.lab.vpc", vpc("me"))
	p.Steps[0].Adopt = intents
	mustRun(t, options(p, j, c))
	if ids := c.ids(); len(ids) != 1 || !slices.Equal(c.adopted, ids) {
		t.Errorf("there are %v, adopted %v", ids, c.adopted)
	}
	if n := len(j.Snapshot().Intents); n > 0 {
		t.Errorf("%d intents are open", n)
	}
}

func TestDamagedPlans(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(*plans){
		"a step before what it needs": func(p *plans) { p.Steps[0].Needs = []int32{1} },
		"a step that needs itself":    func(p *plans) { p.Steps[1].Needs = []int32{1} },
		"a need that does not exist":  func(p *plans) { p.Steps[1].Needs = []int32{7} },
		"another id":                  func(p *plans) { p.Steps[1].ID = 9 },
		"a create of nothing":         func(p *plans) { p.Steps[1].After = nil },
		"a delete of nothing":         func(p *plans) { p.Steps[1].Operation = resource.Delete },
		"an update of nothing":        func(p *plans) { p.Steps[1].Operation = resource.Update },
		"no operation":                func(p *plans) { p.Steps[1].Operation = "" },
		"an unknown operation":        func(p *plans) { p.Steps[1].Operation = "shake" },
		"unknown values, no source":   func(p *plans) { p.Steps[1].Unknown = []string{"cidr"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, c := session(t), newCloud()
			p := newPlan(j)
			p.create("cluster.lab.vpc", vpc("me"))
			p.create("cluster.lab.elastic_ip", &resource.ElasticIP{})
			damage(p)
			_, err := run(t, options(p, j, c))
			if err == nil || !strings.Contains(strings.ToLower(err.Error()), "make a new plan") {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestMissingOptions(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	p := newPlan(j)
	p.create("cluster.lab.vpc", vpc("me"))
	for name, o := range map[string]apply.Options{
		"plan":    {Journal: j, Drivers: c},
		"journal": {Plan: &p.Plan, Drivers: c},
		"drivers": {Plan: &p.Plan, Journal: j},
	} {
		if _, err := apply.Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

func TestStalePlan(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		stale func(*plans)
		want  string
	}{
		{"something was applied in between", func(p *plans) { p.Serial-- }, "make a new plan"},
		{"another state", func(p *plans) { p.Lineage = "another" }, "made from another state"},
		{"a state where there was none", func(p *plans) { p.Lineage, p.Serial = "", 0 }, "made from another state"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			j, c := session(t), newCloud()
			given(t, j, c.seed(record("cluster.lab.elastic_ip", &resource.ElasticIP{})))
			p := newPlan(j)
			p.create("cluster.lab.vpc", vpc("me"))
			tc.stale(p)
			res, err := run(t, options(p, j, c))
			if _, ok := errors.AsType[*apply.StaleError](err); !ok || res != nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%+v, %v", res, err)
			}
			if len(c.started) > 0 {
				t.Errorf("started %v", c.started)
			}
		})
	}
}
