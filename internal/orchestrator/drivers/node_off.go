package drivers

import (
	"context"
	"time"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

const (
	// offAfter is how long a drain goes on before EC2 is asked whether the machine runs at all, offEvery how often then:
	// orchestrators take most of a minute to notice that one does not.
	offAfter, offEvery = 5 * time.Second, 15 * time.Second
	offTimeout         = 10 * time.Second
)

// offs is what EC2 said last of machines that do not run; drains that go on at the same time share it.
type offs struct {
	one     turn
	at      time.Time
	states  map[resource.Address]map[string]string // by pool: the states of its instances
	failing map[string]time.Time
}

// drainWatched drains, and gives up with the reason as soon as EC2 says that the machine does not run.
func (c *cluster) drainWatched(
	ctx context.Context, client orchestrator.Client, rec *resource.Record, m orchestrator.Member, o orchestrator.DrainOptions,
) (off string, err error) {
	draining, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- drainBounded(draining, client, m, o) }()
	look := time.NewTimer(offAfter)
	defer look.Stop()
	for {
		select {
		case err = <-ended:
			return "", err
		case <-look.C:
			if off = c.off(ctx, rec); off != "" {
				cancel()
				<-ended //nolint:errcheck // it is that of the wait that was ended here
				return off, nil
			}
			look.Reset(offEvery)
		}
	}
}

// off says why a node's machine does not run, as EC2 has it; "" where it runs or nobody knows.
func (c *cluster) off(ctx context.Context, rec *resource.Record) string {
	ctx, cancel := context.WithTimeout(ctx, offTimeout)
	defer cancel()
	k := &c.offs
	k.one.Lock()
	defer k.one.Unlock()
	pool := nodeOf(rec.Spec).Pool
	if time.Since(k.at) >= freshFor {
		failing, err := c.opts.Cloud.Impaired(ctx, c.region)
		if err != nil {
			return ""
		}
		k.at, k.failing, k.states = time.Now(), failing, map[resource.Address]map[string]string{}
	}
	if k.states[pool] == nil {
		all, err := c.opts.Cloud.Machines(ctx, c.region, c.uid, pool)
		if err != nil {
			return ""
		}
		states := make(map[string]string, len(all))
		for _, m := range all {
			states[m.ID] = m.State
		}
		k.states[pool] = states
	}
	state, listed := k.states[pool][rec.ID]
	_, fails := k.failing[rec.ID]
	switch {
	case !listed && c.opts.Now().Sub(rec.UpdatedAt) >= listedAfter:
		return "its instance is gone"
	case state == "stopping", state == "stopped":
		return "its instance is " + state
	case fails:
		return "its instance fails EC2's status checks"
	}
	return ""
}
