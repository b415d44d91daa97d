package apply

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// batch is the steps that are with a driver together. It is the driver's resource.Runtime.
type batch struct {
	run     *run
	key     batchKey
	ids     []int32
	changes []resource.Change
	// replaced is, by change, the object that stood at the address of a create before it.
	replaced []*resource.Record
	// index finds the changes of an address: one, but for several leftovers of one pool.
	index   map[resource.Address][]int
	started time.Time
	// reported is guarded by run.mu.
	reported []bool
}

var errNoOutcome = errors.New("the driver returned without saying what became of it; this is a mistake in clusterform, please report it")

// dispatch hands batches to drivers while there are batches and free workers.
func (r *run) dispatch(ctx context.Context) {
	for !r.isHalted() && r.batches < r.Parallelism {
		key, ids, ok := r.queue.pop()
		if !ok {
			return
		}
		b := r.newBatch(key, ids)
		if len(b.ids) == 0 {
			continue
		}
		r.batches++
		driver, err := r.Drivers.Driver(key.region, key.kind)
		if err != nil {
			b.reportRest(fmt.Errorf("no driver for %s in region %q: %w", key.kind, key.region, err))
			b.over()
			continue
		}
		go b.carryOut(ctx, driver)
	}
}

// newBatch turns steps into changes. Steps whose record is no longer what was planned from fail here.
func (r *run) newBatch(key batchKey, ids []int32) *batch {
	b := &batch{
		run: r, key: key, started: r.Now(), ids: make([]int32, 0, len(ids)), changes: make([]resource.Change, 0, len(ids)),
		replaced: make([]*resource.Record, 0, len(ids)), index: make(map[resource.Address][]int, len(ids)),
	}
	for _, id := range ids {
		s := &r.steps[id]
		c, replaced, err := r.change(id)
		if err != nil {
			r.failStep(id, err, time.Time{})
			continue
		}
		b.index[s.Address] = append(b.index[s.Address], len(b.ids))
		b.ids = append(b.ids, id)
		b.changes = append(b.changes, c)
		b.replaced = append(b.replaced, replaced)
		r.active[s.Address]++
		r.graph.set(id, running)
		r.emitStep(event.StepStart, id, nil)
	}
	b.reported = make([]bool, len(b.ids))
	return b
}

// change is a step as its driver gets it, with the record as it is now.
func (r *run) change(id int32) (c resource.Change, replaced *resource.Record, err error) {
	s := &r.steps[id]
	c = resource.Change{Operation: operation(s), After: s.After, Fields: s.Fields, Generation: s.Generation, Adopt: s.Adopt, Ending: s.Ending}
	if v, ok := r.after[id]; ok {
		c.After, c.Fields = v.after, v.fields
	}
	now, recorded := r.Journal.Record(s.Address)
	uid := ""
	switch {
	case c.After != nil:
		uid = c.After.UID
	case s.Before != nil:
		uid = s.Before.UID
	}
	switch c.Operation {
	case resource.Create:
		if c.After == nil {
			return c, nil, damaged(s, "has no object to create")
		}
		if recorded && now.ID != "" {
			replaced = now
		}
	case resource.Update:
		if c.After == nil {
			return c, nil, damaged(s, "has no object to change to")
		}
		if !recorded || s.Before != nil && now.ID != s.Before.ID {
			return c, nil, &resource.Error{Address: s.Address, Message: "the object that was to be changed is no longer recorded", Hint: "Make a new plan."}
		}
		c.Before, c.Generation = now, now.Generation
		if s.Action == planner.ActionImport && len(c.Fields) == 0 {
			c.Fields = resource.Diff(nil, c.After.Spec)
		}
	case resource.Delete:
		if s.Before == nil {
			return c, nil, damaged(s, "has no object to delete")
		}
		c.Before, c.After = now, nil
		if !recorded || now.ID != s.Before.ID { // replaced before: the object waits for its removal beside the current one
			old := *s.Before
			old.Deposed = true
			c.Before = &old
		}
		c.Generation = c.Before.Generation
	default:
		return c, nil, damaged(s, fmt.Sprintf("asks for %q", c.Operation))
	}
	c.Token = resource.Token(uid, s.Address, c.Generation, strconv.FormatUint(r.Plan.Serial, 10))
	return c, replaced, nil
}

func damaged(s *planner.Step, what string) error {
	return &resource.Error{Address: s.Address, Message: "the plan is damaged: the step " + what, Hint: "Make a new plan."}
}

// carryOut is the batch's goroutine.
func (b *batch) carryOut(ctx context.Context, d resource.Driver) {
	rest := errNoOutcome
	defer b.over()
	defer func() { b.reportRest(rest) }()
	defer func() {
		if p := recover(); p != nil {
			rest = panicked(fmt.Sprintf("the driver of %s", b.key.kind), p)
		}
	}()
	d.Apply(ctx, b, b.changes, b.report)
}

// report takes one outcome. A second one for the same change, or one after the batch is over, is dropped.
func (b *batch) report(i int, res resource.Result) {
	r := b.run
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || i < 0 || i >= len(b.reported) || b.reported[i] {
		return
	}
	b.reported[i] = true
	r.inbox = append(r.inbox, message{batch: b, index: i, result: res})
	r.notify()
}

// reportRest ends every change that has no outcome yet.
func (b *batch) reportRest(err error) {
	for i := range b.changes {
		b.report(i, resource.Result{Err: err})
	}
}

// panicked turns a panic into an error; where it happened is for the log alone.
func panicked(where string, p any) error {
	slog.Debug("panic", "in", where, "value", p, "stack", string(debug.Stack()))
	return fmt.Errorf("internal error in %s: %v; this is a mistake in clusterform, please report it", where, p)
}

func (b *batch) over() {
	b.run.mu.Lock()
	defer b.run.mu.Unlock()
	b.run.inbox = append(b.run.inbox, message{batch: b, over: true})
	b.run.notify()
}

// notify wakes the loop; r.mu is held.
func (r *run) notify() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}
