package planner

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clusterform/clusterform/planner/resource"
)

func TestTarget(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]struct {
		request func(*Request)
		has     []resource.Address
		hasNot  []resource.Address
	}{
		"a pool brings what it needs": {
			request: func(r *Request) { r.Targets = []string{"node_pool.worker"} },
			has:     []resource.Address{"node_pool.worker[2]", "cluster.lab.vpc", `cluster.lab.role["worker"]`, `cluster.lab.security_group_rules["worker"]`},
			hasNot:  []resource.Address{"cluster.lab.control_plane[0]", "cluster.lab.elastic_ip", `cluster.lab.role["control_plane"]`},
		},
		"one node": {
			request: func(r *Request) { r.Targets = []string{"node_pool.worker[1]"} },
			has:     []resource.Address{"node_pool.worker[1]", "cluster.lab.vpc"},
			hasNot:  []resource.Address{"node_pool.worker[0]", "node_pool.worker[2]"},
		},
		"an excluded object takes along what needs it": {
			request: func(r *Request) { r.Excludes = []string{`cluster.lab.role["worker"]`} },
			has:     []resource.Address{"cluster.lab.control_plane[0]"},
			hasNot:  []resource.Address{"node_pool.worker[0]", `cluster.lab.role["worker"]`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, small)
			p := w.plan(story.request)
			got := map[resource.Address]bool{}
			for i := range p.Steps {
				got[p.Steps[i].Address] = true
			}
			for _, a := range story.has {
				if !got[a] {
					t.Errorf("%s is missing", a)
				}
			}
			for _, a := range story.hasNot {
				if got[a] {
					t.Errorf("%s is in the plan", a)
				}
			}
			if !p.Partial {
				t.Error("the plan does not say that it is partial")
			}
			w.apply(p)
			rest := w.plan()
			w.apply(rest)
			if again := summary(w.plan()); len(again) > 0 {
				t.Errorf("the plan after the rest is not empty: %v", again)
			}
		})
	}
}

func TestTargetOfADestroyTakesDependents(t *testing.T) {
	t.Parallel()
	w := converged(t, small)
	p := w.plan(func(r *Request) { r.Mode, r.Targets = ModeDestroy, []string{`cluster.lab.role["worker"]`} })
	want := []string{
		`cluster.lab.role["worker"] destroy delete destroy`, "node_pool.worker[0] destroy delete destroy",
		"node_pool.worker[1] destroy delete destroy", "node_pool.worker[2] destroy delete destroy",
	}
	if diff := cmp.Diff(want, summary(p)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

func TestUnknownAddresses(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]struct {
		request func(*Request)
		says    string
	}{
		"a typing mistake":  {func(r *Request) { r.Targets = []string{"node_pool.wroker"} }, "Did you mean node_pool.worker?"},
		"nothing like it":   {func(r *Request) { r.Excludes = []string{"workload.something_else"} }, "neither the configuration nor the state has anything at workload.something_else."},
		"not an address":    {func(r *Request) { r.Targets = []string{"???"} }, "-target: "},
		"a node too many":   {func(r *Request) { r.Replace = []string{"node_pool.worker[7]"} }, "-replace: "},
		"replace, destroy":  {func(r *Request) { r.Mode, r.Replace = ModeDestroy, []string{"cluster.lab.vpc"} }, "Leave one of them out"},
		"a kind of nothing": {func(r *Request) { r.Targets = []string{"pool.worker"} }, "is not a kind of object"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, diags := converged(t, small).try(story.request)
			if p != nil || !diags.HasErrors() || !strings.Contains(diags.Err().Error(), story.says) {
				t.Errorf("diagnostics do not say %q: %v", story.says, diags)
			}
		})
	}
}
