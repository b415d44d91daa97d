package apply

import (
	"context"
	"fmt"
	"slices"

	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner/resource"
)

var _ resource.Runtime = (*batch)(nil)

// ID implements resource.Runtime.
func (b *batch) ID(ref resource.Ref) (string, bool) { return idOf(b.run.Journal, ref) }

func idOf(j Journal, ref resource.Ref) (string, bool) {
	if !resource.IsAddress(ref) {
		return string(ref), ref != ""
	}
	rec, ok := j.Record(resource.Address(ref))
	if !ok || rec.ID == "" {
		return "", false
	}
	return rec.ID, true
}

// Ref implements resource.Runtime.
func (b *batch) Ref(kind resource.Kind, id string) resource.Ref {
	return refOf(b.run.Journal, kind, id)
}

func refOf(j Journal, kind resource.Kind, id string) resource.Ref {
	if a, ok := j.RecordByID(kind, id); ok {
		return resource.Ref(a)
	}
	return resource.Ref(id)
}

// Record implements resource.Runtime.
func (b *batch) Record(a resource.Address) (*resource.Record, bool) { return b.run.Journal.Record(a) }

// Intend implements resource.Runtime. A run that was stopped takes intents only of steps that have begun: they go to
// their end, others are left for the next run.
func (b *batch) Intend(ctx context.Context, intents ...resource.Intent) error {
	if len(intents) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := b.mayIntend(intents); err != nil {
		return err
	}
	entries := make([]state.Entry, 0, len(intents))
	for _, in := range intents {
		if in.At.IsZero() {
			in.At = b.run.Now()
		}
		entries = append(entries, state.Intent(in))
	}
	if err := b.run.Journal.Commit(context.WithoutCancel(ctx), true, entries...); err != nil {
		err = fmt.Errorf("cannot record what is about to be done: %w", err)
		b.run.fail(err)
		return err
	}
	b.run.mu.Lock()
	defer b.run.mu.Unlock()
	for _, in := range intents {
		for _, a := range in.Addresses {
			for _, i := range b.index[a] {
				b.run.begun[b.ids[i]] = true
			}
		}
	}
	return nil
}

func (b *batch) mayIntend(intents []resource.Intent) error {
	r := b.run
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.fatal != nil:
		return fmt.Errorf("%w: %w", ErrStopped, r.fatal)
	case r.ended:
		return ErrStopped
	case !r.halted:
		return nil
	}
	for _, in := range intents {
		for _, a := range in.Addresses {
			if slices.ContainsFunc(b.index[a], func(i int) bool { return !r.begun[b.ids[i]] }) {
				return ErrStopped
			}
		}
	}
	return nil
}

// Checkpoint implements resource.Runtime. The object exists, so it is recorded even when the run is canceled.
func (b *batch) Checkpoint(ctx context.Context, recs ...*resource.Record) error {
	r := b.run
	r.mu.Lock()
	ended := r.ended
	r.mu.Unlock()
	if ended {
		return ErrStopped
	}
	var entries []state.Entry
	for _, rec := range recs {
		i, ok := b.find(rec)
		if !ok {
			return fmt.Errorf("%s is not in this batch; this is a mistake in clusterform, please report it", rec.Address)
		}
		full := b.completed(i, rec)
		full.Incomplete = true
		entries = append(entries, b.put(i, full)...)
	}
	if len(entries) == 0 {
		return nil
	}
	if err := r.Journal.Commit(context.WithoutCancel(ctx), true, entries...); err != nil {
		err = fmt.Errorf("cannot record what was made: %w", err)
		r.fail(err)
		return err
	}
	return nil
}

// find is the change that a record is about.
func (b *batch) find(rec *resource.Record) (int, bool) {
	for _, i := range b.index[rec.Address] {
		if before := b.changes[i].Before; before == nil || before.ID == rec.ID {
			return i, true
		}
	}
	return 0, false
}

// Blob implements resource.Runtime. What the plan does not hold because there are secrets in it is made again.
func (b *batch) Blob(digest string) ([]byte, bool) {
	if s, ok := b.run.Plan.Blobs[digest]; ok {
		return []byte(s), true
	}
	b.run.mu.Lock()
	s, ok := b.run.blobs[digest]
	b.run.mu.Unlock()
	if ok {
		return []byte(s), true
	}
	return b.run.content(digest)
}

func (r *run) content(digest string) (data []byte, ok bool) {
	if r.Evaluator == nil || digest == "" {
		return nil, false
	}
	defer func() {
		if p := recover(); p != nil {
			_ = panicked("the evaluation of a workload's content", p) // logs it; the driver says what it misses
			data, ok = nil, false
		}
	}()
	return r.Evaluator.Content(context.Background(), digest, r.Journal.Snapshot())
}

// Progress implements resource.Runtime.
func (b *batch) Progress(a resource.Address, phase resource.Phase, message string) {
	e := event.Event{Type: event.StepProgress, Address: a, Kind: b.key.kind, Operation: b.key.operation, Phase: phase, Message: printable(message)}
	if at := b.index[a]; len(at) > 0 {
		e.Step, e.Action = b.ids[at[0]], string(b.step(at[0]).Action)
	}
	e.Elapsed = b.run.Now().Sub(b.started)
	b.run.emit(e)
}

// Stopping is closed when the run takes nothing new any more. A driver that waits for what goes on by itself (a node that
// joins, work that moves away) then ends the wait and reports what there is; calls under way go to their end.
func (b *batch) Stopping() <-chan struct{} { return b.run.stopping }

// WaitLaunched implements resource.Runtime.
func (b *batch) WaitLaunched() bool { return b.run.Options.WaitLaunched }
