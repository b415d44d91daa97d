package drivers

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

const (
	// deadDrain bounds what is done about the work of a node that does not answer.
	deadDrain = time.Minute
	// removeTimeout bounds the removal of a member.
	removeTimeout = 2 * time.Minute
	// gather is how long terminations wait for one another, so that one call takes several.
	gather = 300 * time.Millisecond
)

// depart lets work move away from nodes, takes them out of the cluster and terminates their instances.
func (n *nodeDriver) depart(ctx context.Context, rt resource.Runtime, c *cluster, items []item, report reporter) {
	terminate := func(part []item) {
		for _, it := range part {
			if isControlPlane(it.change.Before.Spec) {
				c.endpoints.end(it.change.Before.ID)
			}
		}
		if slices.ContainsFunc(part, func(it item) bool { return isControlPlane(it.change.Before.Spec) }) {
			if err := c.publish(ctx, rt); err != nil {
				for _, it := range part {
					report(it.index, unchanged(it.change, err))
				}
				return
			}
		}
		n.pass(ctx, rt, part, report)
	}
	if rt.WaitLaunched() {
		terminate(items)
		return
	}
	waiting, cancel := untilStopped(ctx, rt)
	defer cancel()
	client, members, err := c.reach(waiting, rt, items)
	if err != nil {
		for _, it := range items {
			report(it.index, unchanged(it.change, named(err, it.change.Before)))
		}
		return
	}
	emptied := make(chan item)
	var done sync.WaitGroup
	done.Go(func() {
		var calls sync.WaitGroup
		for part := range batched(emptied) {
			calls.Go(func() { terminate(part) })
		}
		calls.Wait()
	})
	inParallel(len(items), func(i int) {
		it := items[i]
		if client != nil {
			if err := c.takeOut(ctx, waiting, rt, client, it.change.Before, members); err != nil {
				report(it.index, unchanged(it.change, err))
				return
			}
		}
		emptied <- it
	})
	close(emptied)
	done.Wait()
}

// batched yields what comes in within a short while together.
func batched(in <-chan item) func(yield func([]item) bool) {
	return func(yield func([]item) bool) {
		for first := range in {
			part := []item{first}
			timer := time.NewTimer(gather)
		more:
			for {
				select {
				case next, ok := <-in:
					if !ok {
						break more
					}
					part = append(part, next)
				case <-timer.C:
					break more
				}
			}
			timer.Stop()
			if !yield(part) {
				return
			}
		}
	}
}

// reach connects and lists the members. An API that does not answer is an error, unless no node of the control plane is
// left that could: then there is nothing to take a node out of, and the client is nil.
func (c *cluster) reach(ctx context.Context, rt resource.Runtime, items []item) (orchestrator.Client, map[string]orchestrator.Member, error) {
	started, pause := time.Now(), lookEvery
	for try := 0; ; try++ {
		client, members, err := c.list(ctx, rt)
		if err == nil {
			return client, members, nil
		}
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		left, lookErr := c.serving(ctx, items)
		if lookErr == nil && left == 0 {
			for _, it := range items {
				rt.Progress(it.change.Before.Address, resource.PhaseDraining, "nothing is left of the control plane: it is terminated without being drained")
			}
			return nil, nil, nil
		}
		if time.Since(started) >= c.opts.ReachTimeout {
			return nil, nil, err
		}
		if try == 0 {
			for _, it := range items {
				rt.Progress(it.change.Before.Address, resource.PhaseDraining, "waits for the cluster's API: "+printable(err.Error()))
			}
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, nil, err
		}
		pause = min(pause*3/2, lookAtMost)
	}
}

// serving counts the control-plane nodes that may answer: those that are there and well, and do not go now.
func (c *cluster) serving(ctx context.Context, items []item) (int, error) {
	members, err := c.members(ctx)
	if err != nil {
		return 0, err
	}
	impaired, err := c.opts.Cloud.Impaired(ctx, c.region)
	if err != nil {
		return 0, err
	}
	done, err := c.initialised(ctx)
	if err != nil || !done {
		return 0, err // no API ever answered
	}
	for _, it := range items {
		if it.change.Before.Phase != resource.PhaseReady {
			delete(members, it.change.Before.ID)
		}
	}
	for id := range impaired {
		delete(members, id)
	}
	return len(members), nil
}

// named says which node an error of the whole cluster is about, and what to do.
func named(err error, rec *resource.Record) error {
	if errors.Is(err, context.Canceled) {
		return interrupted(&rec.Object, "before it was drained", err)
	}
	return &resource.Error{
		Address: rec.Address, ID: rec.ID, Err: err,
		Message: "the node cannot be drained and taken out, because the cluster's API does not answer: " + printable(err.Error()),
		Hint:    "Let this machine reach it (control_plane.access, see `clusterform status`), or end nodes without asking it by -wait=launched",
	}
}

// takeOut empties a node and takes it out of the cluster. Waiting ends sooner than ctx: with the first signal.
func (c *cluster) takeOut(
	ctx, waiting context.Context, rt resource.Runtime, client orchestrator.Client, rec *resource.Record, members map[string]orchestrator.Member,
) error {
	m, joined := members[rec.ID]
	if !joined {
		// What is left of it under its name, and in the store's quorum, is still to be removed.
		m = orchestrator.Member{Instance: rec.ID, ControlPlane: isControlPlane(rec.Spec), Address: addressOf(rec)}
	}
	if joined {
		if err := c.drain(waiting, rt, client, rec, m); err != nil {
			return err
		}
	}
	if m.ControlPlane {
		// One after another: each must leave a majority that stands.
		c.controlPlane.Lock()
		defer c.controlPlane.Unlock()
	}
	if err := waiting.Err(); err != nil {
		return interrupted(&rec.Object, "before it was taken out", err)
	}
	rt.Progress(rec.Address, resource.PhaseDraining, "leaves the cluster")
	ctx, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	err := client.Remove(ctx, m)
	if err == nil || !joined && !m.ControlPlane && errors.Is(err, orchestrator.ErrUnreachable) {
		return nil
	}
	return &resource.Error{
		Address: rec.Address, ID: rec.ID, Err: err, Message: "the node could not be taken out of the cluster: " + printable(err.Error()),
		Hint: "It is kept, drained. Apply again to go on when the cause is gone",
	}
}

// drain lets work move away. A node that is dead loses it without being asked.
func (c *cluster) drain(ctx context.Context, rt resource.Runtime, client orchestrator.Client, rec *resource.Record, m orchestrator.Member) error {
	timeout := cmp.Or(time.Duration(nodeOf(rec.Spec).DrainTimeoutSeconds)*time.Second, c.opts.DrainTimeout)
	o := orchestrator.DrainOptions{
		Timeout: timeout, Grace: -1,
		Progress: func(text string) { rt.Progress(rec.Address, resource.PhaseDraining, printable(text)) },
	}
	var err error
	if m.Ready {
		o.Progress("is being drained")
		var off string
		if off, err = c.drainWatched(ctx, client, rec, m, o); off != "" {
			m.Ready, m.Reason, o.Off = false, off, true
		}
	}
	if !m.Ready {
		o.Force, o.Timeout = true, min(timeout, deadDrain)
		o.Progress("does not answer (" + cmp.Or(m.Reason, "not ready") + "): its work is started elsewhere without it")
		err = drainBounded(ctx, client, m, o)
	}
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return interrupted(&rec.Object, "while it was being drained", ctx.Err())
	}
	if !m.Ready {
		o.Progress("could not be drained, and goes: " + err.Error())
		return nil
	}
	return undrained(rec, err)
}

func drainBounded(ctx context.Context, client orchestrator.Client, m orchestrator.Member, o orchestrator.DrainOptions) error {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout+time.Minute)
	defer cancel()
	return client.Drain(ctx, m, o)
}

// undrained is the error of a node that keeps its work, with what to do about it.
func undrained(rec *resource.Record, err error) error {
	e := &resource.Error{Address: rec.Address, ID: rec.ID, Err: err, Message: "the node could not be drained: " + printable(err.Error())}
	e.Hint = "It is kept and takes no new work. Apply again to go on"
	d, ok := errors.AsType[*orchestrator.DrainError](err)
	switch {
	case !ok:
	case d.Timeout == 0:
		e.Hint = "It is kept and takes no new work. Have a workload run in place of what nothing replaces, or end it (`clusterform drain -force '" +
			string(rec.Address) + "'`), and apply again"
	case strings.Contains(strings.Join(d.Waiting, " "), "budget"):
		e.Hint = "It is kept and takes no new work. Give the workload more replicas or the pool a longer update.drain_timeout, and apply again"
	}
	return e
}
