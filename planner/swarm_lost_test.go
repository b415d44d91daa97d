package planner

import (
	"slices"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/planner/resource"
)

// Workers of a Swarm look for the one that takes the place of theirs; they are waited for, and nothing of them is replaced.
func TestOnlyManagerOfSwarmIsLost(t *testing.T) {
	t.Parallel()
	files, _, _ := strings.Cut(running, "manifest \"settings\"")
	files = strings.Replace(files, `orchestrator = "kubernetes"`, `orchestrator = "swarm"`, 1)
	w := settledCluster(t, files)
	if got := w.state.Clusters["cluster.lab"].Orchestrator; got != "swarm" {
		t.Fatalf("the cluster is one of %s", got)
	}
	w.seen("cluster.lab.control_plane[0]", unwell(resource.PhaseJoining, "its status checks fail"))
	p, diags := w.try()
	if diags.HasErrors() || !warned(diags, "The control plane starts anew") {
		t.Fatalf("diagnostics: %v", diags)
	}
	want := []string{"node_pool.worker[0] update update replaced_because_of", "workload.web update update replaced_because_of"}
	if got := stepsAt(p, "node_pool.worker[0]", "workload"); !slices.Equal(got, want) {
		t.Errorf("steps %v, want %v", got, want)
	}
}
