package drivers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// Read observes instances as the cloud does, and lays over it what EC2's status checks and the orchestrators say of those
// that were ready. Of an API that does not answer, it is a warning alone: the instances were seen.
func (n *nodeDriver) Read(ctx context.Context, rt resource.Runtime, uids []string, recorded []*resource.Record) ([]resource.Observation, error) {
	if len(uids) == 0 && len(recorded) == 0 {
		return n.inner.Read(ctx, rt, uids, recorded)
	}
	ready, order := n.readyNodes(rt, recorded)
	var wg sync.WaitGroup
	var impaired map[string]time.Time
	var impairedErr error
	said := make([]verdict, len(order))
	if len(order) > 0 {
		wg.Go(func() { impaired, impairedErr = n.opts.Cloud.Impaired(ctx, n.region) })
		if !n.opts.Launched {
			for i, c := range order {
				wg.Go(func() { said[i] = c.ask(ctx, rt) })
			}
		}
	}
	all, err := n.inner.Read(ctx, rt, uids, recorded)
	wg.Wait()
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*resource.Observation, len(all))
	for i := range all {
		if o := &all[i]; o.Status == resource.Present && !o.Unrecorded && o.Reason == "" {
			byID[o.ID] = o
		}
	}
	for i, c := range order {
		for _, rec := range ready[c] {
			o := byID[rec.ID]
			if o == nil {
				continue
			}
			said[i].lay(o, n.opts)
			if since, failing := impaired[rec.ID]; failing {
				o.Phase, o.Reason = resource.PhaseJoining, "its status checks fail"+sinceText(since)
			}
			if impairedErr != nil && o.Warning == "" {
				o.WarningTitle, o.Warning = "Status checks not read", "EC2's status checks could not be read: "+printable(impairedErr.Error())
			}
		}
	}
	return all, nil
}

// readyNodes sorts the nodes that were ready by cluster. Others are not asked about: they are on their way.
func (n *nodeDriver) readyNodes(rt resource.Runtime, recorded []*resource.Record) (map[*cluster][]*resource.Record, []*cluster) {
	out := map[*cluster][]*resource.Record{}
	var order []*cluster
	for _, rec := range recorded {
		if rec.Phase != resource.PhaseReady || rec.Incomplete || rec.ID == "" || rec.Deposed {
			continue
		}
		c := n.clusterOf(rt, &rec.Object)
		if c == nil {
			continue
		}
		if out[c] == nil {
			order = append(order, c)
		}
		out[c] = append(out[c], rec)
	}
	return out, order
}

// verdict is what a cluster says of its nodes.
type verdict struct {
	asked   bool
	members map[string]orchestrator.Member
	err     error
}

func (c *cluster) ask(ctx context.Context, rt resource.Runtime) verdict {
	ctx, cancel := context.WithTimeout(ctx, c.opts.ReadTimeout)
	defer cancel()
	_, members, err := c.list(ctx, rt)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w within %s", orchestrator.ErrUnreachable, c.opts.ReadTimeout)
	}
	return verdict{asked: true, members: members, err: err}
}

// lay puts what the cluster says over an observation.
func (v verdict) lay(o *resource.Observation, opts Options) {
	switch m, joined := v.members[o.ID]; {
	case !v.asked:
	case v.err != nil:
		o.WarningTitle = "Cluster not asked"
		o.Warning = "the cluster was not asked for its nodes, which stand as recorded: " + printable(v.err.Error())
	case !joined:
		o.Phase, o.Reason = resource.PhaseJoining, "its instance runs, but the cluster does not have it as a node any more"
	case !m.Ready && time.Since(m.Since) >= opts.UnwellAfter:
		o.Phase, o.Reason = resource.PhaseJoining, "not ready"+sinceText(m.Since)+": "+cmp.Or(printable(m.Reason), "no reason given")
	case !m.Ready:
		o.WarningTitle = "Node not ready"
		o.Warning = fmt.Sprintf("%s is not ready%s: %s; from %s on it counts as lost", o.Address, sinceText(m.Since), cmp.Or(printable(m.Reason), "no reason given"), opts.UnwellAfter)
	}
}

func sinceText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " since " + t.UTC().Format("2006-01-02 15:04:05 UTC")
}
