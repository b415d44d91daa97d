package drivers

import (
	"context"
	"time"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// nodesTimeout is how long new work that is to be spread waits for nodes that are on their way. No orchestrator moves work
// that runs already, so what is placed before the others come would stay on the first node.
const nodesTimeout = 30 * time.Second

// isSpread tells new work that is to be spread.
func isSpread(ch resource.Change) bool {
	if ch.Operation != resource.Create {
		return false
	}
	w, ok := ch.After.Spec.(*resource.Workload)
	return ok && w.Attributes[orchestrator.AttributeSpread] != ""
}

// awaitNodes waits until no worker of the clusters is on its way in this run, or for nodesTimeout. It is for the better
// placement alone, so nothing fails.
func (d *workloadDriver) awaitNodes(ctx context.Context, rt resource.Runtime, changes []resource.Change) {
	if rt.WaitLaunched() {
		return
	}
	said := false
	for end := time.Now().Add(nodesTimeout); time.Now().Before(end); {
		expected := false
		for _, ch := range changes {
			if c := d.clusterOf(rt, ch.After); c != nil && c.waves.expectsWorkers() {
				expected = true
			}
		}
		if !expected {
			return
		}
		if !said {
			said = true
			for _, ch := range changes {
				rt.Progress(ch.Address(), "", "waits for the nodes that are joining, to be spread over them")
			}
		}
		if sleep(ctx, lookEvery/4) != nil {
			return
		}
	}
}

// expectsWorkers tells whether nodes that take work are being launched or joining.
func (w *waves) expectsWorkers() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.coming > 0 {
		return true
	}
	for _, n := range w.waiting {
		if n.joins && !isControlPlane(n.rec.Spec) {
			return true
		}
	}
	return false
}
