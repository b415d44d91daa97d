package drivers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// The manners of waiting: one look at a cluster's list of members serves all nodes that wait.
const (
	lookEvery      = time.Second
	lookAtMost     = 10 * time.Second
	lookSlowerFrom = 3 * time.Minute // nodes are usually there by then
	membersTimeout = 10 * time.Second
	admitTimeout   = 20 * time.Second
	// admitEvery renews the join credential while nodes join; admitUnreachable is for as long as nobody answers.
	admitEvery, admitUnreachable = time.Minute, 15 * time.Second
	// dismissTimeout bounds the end of a wave, dismissInterrupted that of one that a signal ended; withdrawTimeout what is done
	// about it where the API does not answer.
	dismissTimeout, dismissInterrupted, withdrawTimeout = 30 * time.Second, 1500 * time.Millisecond, 2 * time.Second
)

// waves are the nodes of a cluster that are on their way. A wave begins with the first that comes and ends with the last
// that is there, or is given up: then what they joined with is made worthless.
type waves struct {
	mu sync.Mutex
	// coming counts nodes that are being launched, waiting has those whose instances run.
	coming   int
	waiting  []*waiter
	looking  bool
	admitted bool
	// admittedAt is when what they join with was made by who could ask nobody.
	admittedAt time.Time
}

// waiter is a node that waits to be ready.
type waiter struct {
	ctx   context.Context
	rt    resource.Runtime
	rec   *resource.Record
	joins bool
	done  func(resource.Result)

	since, deadline time.Time
	timeout         time.Duration
	// said was told last; console are the last lines of its own, as of consoleAt; failing counts the looks at which the
	// last of them said that it gave up; trouble is what the orchestrator said against it.
	said      string
	console   []consoleLine
	consoleAt time.Time
	failing   int
	trouble   string
	member    bool
}

func (w *waves) enter(n int) {
	w.mu.Lock()
	w.coming += n
	w.mu.Unlock()
}

func (w *waves) exit(n int) {
	w.mu.Lock()
	w.coming -= n
	w.mu.Unlock()
}

func (w *waves) setAdmitted() {
	w.mu.Lock()
	w.admitted = true
	w.mu.Unlock()
}

// noteAdmitted says that they may join from now on.
func (w *waves) noteAdmitted() {
	w.mu.Lock()
	w.admitted, w.admittedAt = true, time.Now()
	w.mu.Unlock()
}

// admittedSince tells whether nodes may join with what was made at t or later.
func (w *waves) admittedSince(t time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.admitted && !w.admittedAt.Before(t)
}

// over tells whether a wave ends now; only the first who asks is told.
func (w *waves) over() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.coming > 0 || len(w.waiting) > 0 || !w.admitted {
		return false
	}
	w.admitted = false
	return true
}

// leave takes n nodes out that do not come.
func (c *cluster) leave(ctx context.Context, rt resource.Runtime, n int) {
	c.waves.exit(n)
	c.endWave(ctx, rt)
}

// endWave makes worthless what nodes joined with, if nobody needs it any more. A node that still tries is admitted again
// by the next apply.
func (c *cluster) endWave(ctx context.Context, rt resource.Runtime) {
	if rt.WaitLaunched() || !c.waves.over() {
		return
	}
	bound := dismissTimeout
	if ctx.Err() != nil {
		bound = dismissInterrupted
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), bound)
	defer cancel()
	client, err := c.connect(bounded, rt)
	if err == nil {
		err = client.Dismiss(bounded)
	}
	if err != nil {
		// The credential ends by itself; that nobody reads it any more can be done from here.
		c.withdraw(ctx)
	}
}

// withdraw takes away what nodes would join with, without asking the API.
func (c *cluster) withdraw(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), withdrawTimeout)
	defer cancel()
	_ = c.parameters.Delete(ctx, orchestrator.ControlPlanePath+orchestrator.ParameterJoin, orchestrator.WorkerPath+orchestrator.ParameterJoin)
}

// wait adds a node whose instance runs; w.done is called once.
func (c *cluster) wait(w *waiter) {
	node := nodeOf(w.rec.Spec)
	w.since = time.Now()
	w.timeout = cmp.Or(time.Duration(node.JoinTimeoutSeconds)*time.Second, c.opts.JoinTimeout)
	w.deadline = w.since.Add(w.timeout)
	if w.joins {
		w.tell("waits for the node to join")
	}
	c.waves.mu.Lock()
	if w.joins {
		c.waves.coming--
	}
	c.waves.waiting = append(c.waves.waiting, w)
	start := !c.waves.looking
	c.waves.looking = true
	c.waves.mu.Unlock()
	if start {
		go c.look()
	}
}

func (w *waiter) tell(text string) {
	if text = printable(text); text != w.said {
		w.said = text
		w.rt.Progress(w.rec.Address, resource.PhaseJoining, text)
	}
}

// look watches the nodes that wait until there are none.
func (c *cluster) look() {
	began, pause := time.Now(), lookEvery
	var r rounds
	for {
		c.waves.mu.Lock()
		waiting := slices.Clone(c.waves.waiting)
		if len(waiting) == 0 {
			c.waves.looking = false
			c.waves.mu.Unlock()
			return
		}
		c.waves.mu.Unlock()
		settled := c.round(&r, waiting)
		if len(settled) > 0 {
			began, pause = time.Now(), lookEvery
		}
		c.settle(waiting[0], settled)
		if time.Since(began) > lookSlowerFrom {
			pause = min(pause*5/4, lookAtMost)
		}
		// A canceled run is seen at once.
		_ = sleep(waiting[0].ctx, pause)
	}
}

// settle reports what ended, after the end of the wave where it is that.
func (c *cluster) settle(some *waiter, settled map[*waiter]resource.Result) {
	if len(settled) == 0 {
		return
	}
	c.waves.mu.Lock()
	c.waves.waiting = slices.DeleteFunc(c.waves.waiting, func(w *waiter) bool { _, ok := settled[w]; return ok })
	c.waves.mu.Unlock()
	c.endWave(some.ctx, some.rt)
	for w, r := range settled {
		w.done(r)
	}
}

// rounds is what looks remember from one to the next.
type rounds struct {
	admitAt time.Time
	reached bool
}

// round looks once and returns what has come to its end.
func (c *cluster) round(r *rounds, waiting []*waiter) map[*waiter]resource.Result {
	settled := map[*waiter]resource.Result{}
	ctx, rt := waiting[0].ctx, waiting[0].rt
	for _, w := range waiting {
		if err := w.ctx.Err(); err != nil {
			while := "while it joined"
			if !w.joins {
				while = "before its labels and taints were set"
			}
			settled[w] = incomplete(w.rec, c.opts.Now(), interrupted(&w.rec.Object, while, err))
		}
	}
	if len(settled) == len(waiting) {
		return settled
	}
	client, members, err := c.list(ctx, rt)
	reached := err == nil
	if reached != r.reached {
		r.reached, r.admitAt = reached, time.Time{}
	}
	away := c.outOfReach(reached)
	if reached {
		c.noteReady(ctx, members) // first: whom Admit lets in depends on it
	}
	if client != nil {
		c.admit(ctx, r, client, waiting)
	}
	if reached {
		c.takeReady(ctx, client, members, waiting, settled)
	}
	_ = c.republishNames(ctx, rt) // tried again with the next look
	c.lookAtConsoles(ctx, waiting, settled, away)
	now := time.Now()
	for _, w := range waiting {
		if _, ok := settled[w]; !ok && ctx.Err() == nil && !now.Before(w.deadline) {
			settled[w] = incomplete(w.rec, now, c.late(w, err))
		}
	}
	return settled
}

// list asks for the members. The client is nil when there is none to be had.
func (c *cluster) list(ctx context.Context, rt resource.Runtime) (orchestrator.Client, map[string]orchestrator.Member, error) {
	ctx, cancel := context.WithTimeout(ctx, membersTimeout)
	defer cancel()
	client, err := c.connect(ctx, rt)
	if err != nil {
		return nil, nil, err
	}
	all, err := client.Members(ctx)
	if err != nil {
		return client, nil, err
	}
	members := make(map[string]orchestrator.Member, len(all))
	for _, m := range all {
		// Of a replaced node of the same instance, the one that is ready counts.
		if old, ok := members[m.Instance]; !ok || m.Ready && !old.Ready {
			members[m.Instance] = m
		}
	}
	return client, members, nil
}

// admit keeps the join credential good while nodes join.
func (c *cluster) admit(ctx context.Context, r *rounds, client orchestrator.Client, waiting []*waiter) {
	if !slices.ContainsFunc(waiting, func(w *waiter) bool { return w.joins }) || time.Now().Before(r.admitAt) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, admitTimeout)
	defer cancel()
	c.waves.setAdmitted()
	r.admitAt = time.Now().Add(admitUnreachable)
	if err := client.Admit(ctx); err != nil {
		for _, w := range waiting {
			w.trouble = "no join credential could be made: " + printable(err.Error())
		}
		r.admitAt = time.Now().Add(lookEvery)
		return
	}
	if r.reached {
		r.admitAt = time.Now().Add(admitEvery)
	}
}

// noteReady marks the cluster as initialised once a control-plane node serves.
func (c *cluster) noteReady(ctx context.Context, members map[string]orchestrator.Member) {
	for _, m := range members {
		if m.ControlPlane && m.Ready {
			_ = c.markInitialised(ctx) // tried again with the next look
			return
		}
	}
}

// takeReady settles the nodes that are ready, once their labels and taints are as wanted.
func (c *cluster) takeReady(
	ctx context.Context, client orchestrator.Client, members map[string]orchestrator.Member, waiting []*waiter, settled map[*waiter]resource.Result,
) {
	type arrival struct {
		w *waiter
		m orchestrator.Member
	}
	var ready []arrival
	for _, w := range waiting {
		m, ok := members[w.rec.ID]
		w.member = ok
		switch _, over := settled[w]; {
		case over || !ok:
		case m.Ready:
			ready = append(ready, arrival{w, m})
		default:
			w.trouble = cmp.Or(printable(m.Reason), "it is not ready")
			w.tell("has joined, and is not ready yet: " + w.trouble)
		}
	}
	errs := make([]error, len(ready))
	inParallel(len(ready), func(i int) {
		ctx, cancel := context.WithTimeout(ctx, membersTimeout)
		defer cancel()
		errs[i] = client.Configure(ctx, ready[i].m, settingsOf(ready[i].w.rec))
	})
	for i, a := range ready {
		if errs[i] != nil {
			a.w.trouble = "its labels and taints cannot be set: " + printable(errs[i].Error())
			a.w.tell(a.w.trouble)
			continue
		}
		settled[a.w] = c.ready(a.w)
	}
}

func settingsOf(rec *resource.Record) orchestrator.NodeSettings {
	n := nodeOf(rec.Spec)
	return orchestrator.NodeSettings{Address: rec.Address, Pool: resource.PoolName(n.Pool), Zone: n.Zone, Labels: n.Labels, Taints: n.Taints}
}

func (c *cluster) ready(w *waiter) resource.Result {
	rec := new(*w.rec)
	rec.Phase, rec.Incomplete, rec.LastError, rec.UpdatedAt = resource.PhaseReady, false, "", c.opts.Now()
	return resource.Result{Record: rec}
}

// late is the error of a node that did not become ready in time.
func (c *cluster) late(w *waiter, unreachable error) error {
	e := &resource.Error{
		Address: w.rec.Address, ID: w.rec.ID, Message: fmt.Sprintf("the node is not ready after %s", w.timeout),
		Hint: "Its whole console is shown by `aws ec2 get-console-output --latest --instance-id " + w.rec.ID +
			"`. Apply again to wait once more, or with -replace='" + string(w.rec.Address) + "' to get another one",
	}
	switch {
	case w.member || w.trouble != "":
		e.Message += ": " + w.trouble
	case unreachable != nil && !errors.Is(unreachable, context.DeadlineExceeded):
		e.Message += "; the cluster's API was not reached: " + printable(unreachable.Error())
	case unreachable != nil:
		e.Message += "; the cluster's API gave no answer"
	default:
		e.Message += ": it did not join"
	}
	if len(w.console) > 0 {
		e.Message += ". Its console says: " + quoteLines(w.console)
	}
	return e
}
