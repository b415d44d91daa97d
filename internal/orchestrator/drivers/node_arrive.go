package drivers

import (
	"context"
	"encoding/json"
	"reflect"
	"sync"
	"time"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// staleTimeout bounds what is done about members whose instances are gone, before others come.
const staleTimeout = time.Minute

// arrive makes or changes nodes of one cluster: it writes what they need, lets the cloud launch or change them, and waits
// until they are ready.
func (n *nodeDriver) arrive(ctx context.Context, rt resource.Runtime, c *cluster, items []item, report reporter) {
	waitingCtx, cancel := untilStopped(ctx, rt)
	defer cancel()
	joining := 0
	for _, it := range items {
		if mustJoin(it.change) {
			joining++
		}
	}
	c.waves.enter(joining)
	if err := c.prepare(ctx, waitingCtx, rt, items); err != nil {
		c.leave(waitingCtx, rt, joining)
		for _, it := range items {
			report(it.index, unchanged(it.change, err))
		}
		return
	}
	var waiting sync.WaitGroup
	wrapped := &launchRuntime{Runtime: rt, cluster: c}
	n.pass(ctx, wrapped, items, func(index int, r resource.Result) {
		it := items[indexOf(items, index)]
		if r.Err != nil || r.Record == nil {
			if mustJoin(it.change) {
				c.leave(waitingCtx, rt, 1)
			}
			report(index, r)
			return
		}
		waiting.Add(1)
		c.launched(ctx, waitingCtx, rt, it.change, r.Record, func(r resource.Result) {
			defer waiting.Done()
			report(index, r)
		})
	})
	waiting.Wait()
}

func indexOf(items []item, index int) int {
	for i, it := range items {
		if it.index == index {
			return i
		}
	}
	return 0
}

// unchanged is the outcome of a change that was not begun.
func unchanged(ch resource.Change, err error) resource.Result {
	if ch.Before == nil {
		return resource.Result{Err: err}
	}
	rec := new(*ch.Before)
	rec.Incomplete, rec.LastError = true, err.Error()
	return resource.Result{Record: rec, Err: err}
}

// mustJoin says that a change ends with a node that joins: it is new, or it never got there, or it was down.
func mustJoin(ch resource.Change) bool {
	return ch.Operation == resource.Create || ch.Before.Incomplete || ch.Before.Phase != resource.PhaseReady || len(ch.Fields) == 0
}

// mustConfigure says that a change is about what the orchestrator is told of a node that it has.
func mustConfigure(ch resource.Change) bool {
	if ch.Before == nil {
		return true
	}
	before, after := nodeOf(ch.Before.Spec), nodeOf(ch.After.Spec)
	return !reflect.DeepEqual(before.Labels, after.Labels) || !reflect.DeepEqual(before.Taints, after.Taints) ||
		ch.Before.Address != ch.After.Address
}

// prepare writes what has to be there before nodes boot. For what is waited for it has a context that ends sooner.
func (c *cluster) prepare(ctx, waiting context.Context, rt resource.Runtime, items []item) error {
	if err := c.writePools(ctx, items); err != nil {
		return err
	}
	var controlPlane, resumed []item
	joins := false
	for _, it := range items {
		if !mustJoin(it.change) {
			continue
		}
		joins = true
		if isControlPlane(it.change.After.Spec) {
			controlPlane = append(controlPlane, it)
			if it.change.Before != nil {
				resumed = append(resumed, it)
			}
		}
	}
	if !joins {
		return nil
	}
	if len(controlPlane) > 0 {
		anew, err := c.startAnew(ctx, rt)
		if err != nil {
			return err
		}
		for _, it := range controlPlane {
			if anew {
				rt.Progress(it.change.Address(), resource.PhaseLaunching,
					"every control-plane node of the cluster is gone: it starts anew, without what was stored in it")
			}
		}
	}
	done, err := c.initialised(ctx)
	if err != nil {
		return err
	}
	if !done {
		if err := c.admitFirst(ctx, nodeOf(items[0].change.After.Spec).Version); err != nil {
			return err
		}
	} else if rt.WaitLaunched() {
		c.admitLaunched(waiting, rt, items)
	} else if len(controlPlane) > 0 {
		c.removeStale(waiting, rt, controlPlane)
	}
	for _, it := range resumed {
		c.endpoints.note(it.change.Before)
	}
	// Nodes of this command are published as soon as they have an id; those of an earlier one, which may have ended before
	// it got to that, are now.
	if len(controlPlane) == 0 && c.isPublished() {
		return nil
	}
	return c.publish(ctx, rt)
}

// admitFirst writes what nodes join with while nobody can be asked: the first of them takes up what is written here. What was
// written for others a moment ago does.
func (c *cluster) admitFirst(ctx context.Context, version string) error {
	if c.waves.admittedSince(time.Now().Add(-admitEvery)) {
		return nil
	}
	client, err := c.offline(ctx, version)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	if err := client.Admit(ctx); err != nil {
		return err
	}
	c.waves.noteAdmitted()
	return nil
}

// writePools writes what nodes are told of their pools when they join.
func (c *cluster) writePools(ctx context.Context, items []item) error {
	for _, it := range items {
		node := nodeOf(it.change.After.Spec)
		text, err := json.Marshal(orchestrator.PoolSettings{Labels: node.Labels, Taints: node.Taints})
		if err != nil {
			return err
		}
		name := rolePath(node.Role) + orchestrator.ParameterPool + resource.PoolName(node.Pool)
		c.mu.Lock()
		same := c.poolSettings[name] == string(text)
		c.mu.Unlock()
		if same {
			continue
		}
		if err := c.parameters.Put(ctx, name, string(text)); err != nil {
			return err
		}
		c.mu.Lock()
		c.poolSettings[name] = string(text)
		c.mu.Unlock()
	}
	return nil
}

func rolePath(role string) string {
	if role == roleControlPlane {
		return orchestrator.ControlPlanePath
	}
	return orchestrator.WorkerPath
}

// removeStale takes out control-plane members whose instances are gone: with them, the quorum may not allow another. That
// it did not work is told; whether the new ones can join, they find out.
func (c *cluster) removeStale(ctx context.Context, rt resource.Runtime, arriving []item) {
	ctx, cancel := context.WithTimeout(ctx, staleTimeout)
	defer cancel()
	say := func(text string) {
		for _, it := range arriving {
			rt.Progress(it.change.Address(), resource.PhaseLaunching, text)
		}
	}
	client, err := c.connect(ctx, rt)
	if err != nil {
		say("members that are gone were not looked for: " + printable(err.Error()))
		return
	}
	members, err := client.Members(ctx)
	if err != nil {
		say("members that are gone were not looked for: " + printable(err.Error()))
		return
	}
	there, err := c.members(ctx)
	if err != nil {
		return
	}
	for _, m := range members {
		if _, ok := there[m.Instance]; ok || !m.ControlPlane || m.Ready || m.Instance == "" {
			continue
		}
		say("takes out " + m.Instance + ", whose instance is gone")
		c.controlPlane.Lock()
		err := client.Remove(ctx, m)
		c.controlPlane.Unlock()
		if err != nil {
			say("the member " + m.Instance + ", whose instance is gone, could not be taken out: " + printable(err.Error()))
		}
	}
}

// launched goes on with a node whose instance runs.
func (c *cluster) launched(ctx, waiting context.Context, rt resource.Runtime, ch resource.Change, rec *resource.Record, done func(resource.Result)) {
	joins := mustJoin(ch)
	if isControlPlane(rec.Spec) && c.endpoints.note(rec) {
		if err := c.publish(ctx, rt); err != nil {
			if joins {
				c.leave(waiting, rt, 1)
			}
			done(incomplete(rec, c.opts.Now(), err))
			return
		}
	}
	switch {
	case rt.WaitLaunched():
		rec = new(*rec)
		if joins {
			rec.Phase = resource.PhaseJoining
			c.waves.exit(1)
		}
		done(resource.Result{Record: rec})
	case joins || mustConfigure(ch):
		c.wait(&waiter{ctx: waiting, rt: rt, rec: rec, joins: joins, done: done})
	default:
		done(resource.Result{Record: rec})
	}
}

// launchRuntime writes what nodes need to find the control plane as soon as its instances have ids.
type launchRuntime struct {
	resource.Runtime
	cluster *cluster
}

// Checkpoint records first: what exists must not be lost, whatever becomes of the parameters.
func (r *launchRuntime) Checkpoint(ctx context.Context, recs ...*resource.Record) error {
	if err := r.Runtime.Checkpoint(ctx, recs...); err != nil {
		return err
	}
	news := false
	for _, rec := range recs {
		if isControlPlane(rec.Spec) && rec.ID != "" && r.cluster.endpoints.note(rec) {
			news = true
		}
	}
	if !news {
		return nil
	}
	return r.cluster.publish(ctx, r.Runtime)
}

// Stopping implements stopper.
func (r *launchRuntime) Stopping() <-chan struct{} { return stopping(r.Runtime) }
