package planner

import (
	"strings"
	"testing"

	"github.com/clusterform/clusterform/planner/resource"
)

// Replacing the members of a control plane on request keeps its quorum: one after another, the new one first, and nothing else
// changes.
func TestControlPlaneNodesAreReplacedOnRequest(t *testing.T) {
	t.Parallel()
	w := settledCluster(t, strings.Replace(running, "network {", ofThree, 1))
	w.edit("replicas = 3", "replicas = 5")
	w.edit("size          = 3", "size = 4")
	group := controlPlaneOf("cluster.lab")
	var nodes []string
	for i := range 3 {
		nodes = append(nodes, string(group.Index(i)))
	}
	p := w.plan(func(r *Request) { r.Targets, r.Replace = nodes, nodes })
	if p.Summary.Replace != 3 || p.Summary.Create != 0 || !p.Partial {
		t.Fatalf("%+v\n%v", p.Summary, summary(p))
	}
	if got := stepsAt(p, "workload", "node_pool", "manifest"); len(got) > 0 {
		t.Errorf("not asked for: %v", got)
	}
	for i := range 3 {
		create, del := position(t, p, resource.Create, group.Index(i)), position(t, p, resource.Delete, group.Index(i))
		if s := p.Steps[create]; s.Reason != ReasonRequested || !s.CreateFirst || len(s.Fields) > 0 || !reaches(p, del, create) {
			t.Errorf("step: %+v", s)
		}
		if i > 0 && !reaches(p, create, position(t, p, resource.Delete, group.Index(i-1))) {
			t.Errorf("member %d is made before member %d has left", i, i-1)
		}
	}
	w.apply(p)
	if again := w.alive().plan(func(r *Request) { r.Targets = nodes }); len(again.Steps) > 0 {
		t.Errorf("the next plan is not empty: %v", summary(again))
	}
}
