package apply_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// evaluator is a function as an Evaluator.
type evaluator func(*planner.Step, *resource.Snapshot) (*resource.Object, map[string]string, error)

func (f evaluator) Resolve(_ context.Context, s *planner.Step, snap *resource.Snapshot) (*resource.Object, map[string]string, error) {
	return f(s, snap)
}

func (f evaluator) Content(context.Context, string, *resource.Snapshot) ([]byte, bool) {
	return nil, false
}

func TestUnknownValuesOfACreate(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	p := newPlan(j)
	v := p.create("cluster.lab.vpc", vpc("me"))
	n := p.create("node_pool.worker[0]", node("?"), v)
	p.Steps[n].Unknown = []string{"tags.tier", "user_data"}
	o := options(p, j, c)
	o.Evaluator = evaluator(func(s *planner.Step, snap *resource.Snapshot) (*resource.Object, map[string]string, error) {
		known := node("in " + snap.Records["cluster.lab.vpc"].ID)
		known.UserData = "digest"
		return object(s.Address, known), map[string]string{"digest": "#cloud-config"}, nil
	})
	c.before = func(ch resource.Change, rt resource.Runtime) {
		if n, ok := ch.After.Spec.(*resource.Node); ok {
			if b, ok := rt.Blob(n.UserData); !ok || string(b) != "#cloud-config" {
				t.Errorf("the blob is %q, %v", b, ok)
			}
		}
	}
	mustRun(t, o)
	rec, _ := j.Record("node_pool.worker[0]")
	if got := rec.Spec.(*resource.Node).Tags["tier"]; got != "in vpc-1" {
		t.Errorf("tier is %q", got)
	}
	if p.Steps[n].After.Spec.(*resource.Node).Tags["tier"] != "?" {
		t.Error("the plan was changed")
	}
}

func TestUnknownValuesOfAnUpdate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		resolve func() (resource.Spec, error)
		want    []string // paths the driver is told
		err     string
	}{
		{"differ", func() (resource.Spec, error) { return vpc("new"), nil }, []string{"tags.owner"}, ""},
		{"are what they were", func() (resource.Spec, error) { return vpc("me"), nil }, nil, ""},
		{"need a replacement", func() (resource.Spec, error) {
			return &resource.VPC{CIDR: "10.9.0.0/16", Tags: resource.Tags{"owner": "me"}}, nil
		}, nil, "was not planned"},
		{"cannot be evaluated", func() (resource.Spec, error) { return nil, errors.New("main.cluster.hcl:3: no such thing") }, nil, "main.cluster.hcl:3"},
		{"panic", func() (resource.Spec, error) { panic("oops") }, nil, "internal error in the evaluation of cluster.lab.vpc"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			j, c := session(t), newCloud()
			rec := c.seed(record("cluster.lab.vpc", vpc("me")))
			given(t, j, rec)
			p := newPlan(j)
			id := p.update(rec, vpc("?"))
			p.Steps[id].Unknown = []string{"tags", "cidr"}
			p.Steps[id].Fields[0].Unknown = true
			p.create("node_pool.worker[0]", node("web"), id)
			o := options(p, j, c)
			o.Evaluator = evaluator(func(s *planner.Step, _ *resource.Snapshot) (*resource.Object, map[string]string, error) {
				spec, err := tc.resolve()
				if err != nil {
					return nil, nil, err
				}
				return object(s.Address, spec), nil, nil
			})
			res, err := run(t, o)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) || res.Skipped != 1 {
					t.Errorf("%+v, %v; want %q", res, err, tc.err)
				}
				return
			}
			if err != nil || res.Done != 2 {
				t.Fatalf("%+v, %v", res, err)
			}
			var paths []string
			for _, f := range c.updates["cluster.lab.vpc"] {
				paths = append(paths, f.Path)
			}
			if diff := cmp.Diff(tc.want, paths); diff != "" {
				t.Errorf("differences (-want +got):\n%s", diff)
			}
		})
	}
}

// TestKnownDifferencesStay: an id behind an unchanged reference is a difference that no comparison of specs shows.
func TestKnownDifferencesStay(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	spec := &resource.InternetGateway{VPC: "cluster.lab.vpc", Tags: resource.Tags{"a": "b"}}
	rec := c.seed(record("cluster.lab.internet_gateway", spec))
	given(t, j, rec)
	p := newPlan(j)
	id := p.update(rec, spec)
	p.Steps[id].Fields = []resource.FieldChange{{Path: "vpc", Old: spec.VPC, New: spec.VPC, Effect: resource.EffectUpdate}}
	p.Steps[id].Unknown = []string{"tags.a"}
	o := options(p, j, c)
	o.Evaluator = evaluator(func(s *planner.Step, _ *resource.Snapshot) (*resource.Object, map[string]string, error) {
		return object(s.Address, spec), nil, nil
	})
	mustRun(t, o)
	if f := c.updates["cluster.lab.internet_gateway"]; len(f) != 1 || f[0].Path != "vpc" {
		t.Errorf("the driver was told of %+v", f)
	}
}

func TestOneSnapshotForStepsThatBecomeKnownTogether(t *testing.T) {
	t.Parallel()
	s, c := session(t), newCloud()
	j := &countingJournal{Journal: s}
	p := newPlan(j)
	v := p.create("cluster.lab.vpc", vpc("me"))
	for i := range 50 {
		id := p.create(resource.Address("node_pool.worker").Index(i), node("?"), v)
		p.Steps[id].Unknown = []string{"tags.tier"}
	}
	o := options(p, j, c)
	o.Evaluator = evaluator(func(s *planner.Step, _ *resource.Snapshot) (*resource.Object, map[string]string, error) {
		return object(s.Address, node(fmt.Sprint(s.ID))), nil, nil
	})
	j.snapshots = 0
	mustRun(t, o)
	if j.snapshots > 5 {
		t.Errorf("%d snapshots were made", j.snapshots)
	}
	if c.inBatch != 50 {
		t.Errorf("the largest batch has %d, want 50", c.inBatch)
	}
}
