package drivers

import (
	"context"
	"sync"
	"time"

	"github.com/clusterform/clusterform/planner/resource"
)

// nodeDriver decorates the cloud's driver of nodes with what an orchestrator adds: joining, readiness, draining. The nodes
// of a cluster that has no credentials go to the cloud's driver as they are.
type nodeDriver struct {
	*Drivers
	region string
	inner  resource.Driver
}

// item is one change on its way, with its place in the batch.
type item struct {
	index  int
	change resource.Change
}

// reporter passes outcomes on.
type reporter func(index int, r resource.Result)

// work is what a batch has to do in one cluster.
type work struct {
	cluster *cluster
	// arrivals are nodes that are made or changed, departures those that go.
	arrivals, departures []item
}

// Apply launches and joins, changes, and drains and terminates; all three side by side.
func (n *nodeDriver) Apply(ctx context.Context, rt resource.Runtime, batch []resource.Change, out func(int, resource.Result)) {
	var plain []item
	var all []*work
	byCluster := map[*cluster]*work{}
	for i, ch := range batch {
		it := item{i, ch}
		c := n.clusterOf(rt, objectOf(ch))
		if c == nil || ch.Operation == resource.Delete && (ch.Ending || ch.Before.ID == "") {
			plain = append(plain, it)
			continue
		}
		w := byCluster[c]
		if w == nil {
			w = &work{cluster: c}
			byCluster[c] = w
			all = append(all, w)
		}
		if ch.Operation == resource.Delete {
			w.departures = append(w.departures, it)
		} else {
			w.arrivals = append(w.arrivals, it)
		}
	}
	var wg sync.WaitGroup
	if len(plain) > 0 {
		wg.Go(func() { n.pass(ctx, rt, plain, reporter(out)) })
	}
	for _, w := range all {
		if len(w.arrivals) > 0 {
			wg.Go(func() { n.arrive(ctx, rt, w.cluster, w.arrivals, reporter(out)) })
		}
		if len(w.departures) > 0 {
			wg.Go(func() { n.depart(ctx, rt, w.cluster, w.departures, reporter(out)) })
		}
	}
	wg.Wait()
}

// pass hands items to the cloud's driver.
func (n *nodeDriver) pass(ctx context.Context, rt resource.Runtime, items []item, report reporter) {
	changes := make([]resource.Change, len(items))
	for i, it := range items {
		changes[i] = it.change
	}
	n.inner.Apply(ctx, rt, changes, func(i int, r resource.Result) { report(items[i].index, r) })
}

// Recover is the cloud's: what joins can be seen again at any time and needs no journal.
func (n *nodeDriver) Recover(ctx context.Context, rt resource.Runtime, intents []resource.Intent) ([]resource.Recovery, error) {
	return n.inner.Recover(ctx, rt, intents)
}

func objectOf(ch resource.Change) *resource.Object {
	if ch.After != nil {
		return ch.After
	}
	return &ch.Before.Object
}

func nodeOf(s resource.Spec) *resource.Node {
	if n, ok := s.(*resource.Node); ok {
		return n
	}
	return &resource.Node{}
}

const roleControlPlane = "control_plane"

func isControlPlane(s resource.Spec) bool { return nodeOf(s).Role == roleControlPlane }

// incomplete is the outcome of a node that exists and is not ready.
func incomplete(rec *resource.Record, now time.Time, err error) resource.Result {
	rec = new(*rec)
	rec.Phase, rec.Incomplete, rec.LastError, rec.UpdatedAt = resource.PhaseJoining, true, err.Error(), now
	return resource.Result{Record: rec, Err: err}
}

// atOnce is how many calls of one kind are under way at a time.
const atOnce = 10

// inParallel calls f for 0…n-1, at most atOnce at a time, and returns when all have.
func inParallel(n int, f func(int)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			f(i)
		})
	}
	wg.Wait()
}

// sleep waits for d or for the end of ctx, whichever is first.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
