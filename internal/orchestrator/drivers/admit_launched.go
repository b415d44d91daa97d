package drivers

import (
	"context"
	"time"

	"github.com/clusterform/clusterform/planner/resource"
)

const (
	// launchAdmission bounds what is done for nodes that nobody waits for, and launchAdmitted is how long it is good: an
	// orchestrator's credential is for ten minutes at least.
	launchAdmission = 5 * time.Second
	launchAdmitted  = 8 * time.Minute
)

// launchAdmissions is whether nodes that nobody waits for may join by themselves.
type launchAdmissions struct {
	one    turn
	until  time.Time
	failed bool
}

// admitLaunched makes what nodes join with, so that those join by themselves that are only launched (-wait=launched). It is
// tried once for several batches of nodes: where the API cannot be reached, it is said, and they join with the next apply.
func (c *cluster) admitLaunched(ctx context.Context, rt resource.Runtime, items []item) {
	a := &c.launches
	a.one.Lock()
	defer a.one.Unlock()
	if a.failed || time.Now().Before(a.until) {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, launchAdmission)
	defer cancel()
	client, err := c.connect(bounded, rt)
	if err == nil {
		err = client.Admit(bounded)
	}
	if err == nil {
		a.until = time.Now().Add(launchAdmitted)
		return
	}
	if ctx.Err() != nil {
		return // interrupted
	}
	a.failed = true
	for _, it := range items {
		if mustJoin(it.change) {
			rt.Progress(it.change.Address(), resource.PhaseLaunching,
				"the cluster's API was not reached from here within "+launchAdmission.String()+": new nodes join with the next apply without -wait=launched")
			return // one line is enough for all
		}
	}
}
