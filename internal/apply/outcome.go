package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// settle records everything that was reported since the last time as one entry of the journal, and then lets go what
// waited for it. Nothing starts on an outcome that is not recorded.
func (r *run) settle(ctx context.Context) {
	r.mu.Lock()
	messages := r.inbox
	r.inbox = nil
	r.mu.Unlock()

	var entries []state.Entry
	outcomes := messages[:0:len(messages)]
	for _, m := range messages {
		if m.over {
			r.batches--
			continue
		}
		s := m.batch.step(m.index)
		if r.active[s.Address]--; r.active[s.Address] == 0 {
			delete(r.active, s.Address)
		}
		m.result.Err = m.batch.checked(m.index, m.result)
		m.left = m.result.Err != nil && m.batch.notStarted(m.index, m.result)
		if !m.left {
			entries = append(entries, m.batch.outcome(m.index, m.result)...)
		}
		outcomes = append(outcomes, m)
	}
	var lost error
	if len(entries) > 0 {
		if err := r.Journal.Commit(context.WithoutCancel(ctx), false, entries...); err != nil {
			lost = fmt.Errorf("cannot record what was done: %w", err)
			r.fail(lost)
		}
	}
	for _, m := range outcomes {
		r.conclude(m, lost)
	}
}

// conclude moves the graph on after an outcome was recorded, or was not because of lost.
func (r *run) conclude(m message, lost error) {
	id, err := m.batch.ids[m.index], m.result.Err
	switch {
	case m.left:
		r.graph.stop(id, remaining, remaining, func(int32) {})
	case err != nil:
		r.failStep(id, err, m.batch.started)
	case lost != nil:
		r.failStep(id, fmt.Errorf("it was done, but %w; the next plan finds out what became of it", lost), m.batch.started)
	default:
		r.graph.finish(id, r.enqueue)
		r.emitStep(event.StepComplete, id, func(e *event.Event) {
			if rec := m.result.Record; rec != nil {
				e.ID, e.Phase = rec.ID, rec.Phase
			}
			e.Elapsed = r.Now().Sub(m.batch.started)
			e.Remaining = r.estimate()
		})
	}
}

func (b *batch) step(i int) *planner.Step { return &b.run.steps[b.ids[i]] }

// checked holds a driver to what a result means.
func (b *batch) checked(i int, res resource.Result) error {
	c := b.changes[i]
	if res.Err != nil || c.Operation == resource.Delete {
		return res.Err
	}
	if !b.usable(i, res.Record) {
		return errors.New("the driver reports success without an object; this is a mistake in clusterform, please report it")
	}
	return nil
}

// usable tells a driver's record that can be recorded.
func (b *batch) usable(i int, rec *resource.Record) bool {
	return rec != nil && rec.ID != "" && rec.Spec != nil && rec.Spec.Kind() == b.step(i).Kind
}

// notStarted tells a step that the end of the run kept from starting from one that failed.
func (b *batch) notStarted(i int, res resource.Result) bool {
	r := b.run
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.halted && !r.begun[b.ids[i]] && (res.Record == nil || b.changes[i].Operation != resource.Create)
}

// outcome is what the journal is told of a change that ended.
func (b *batch) outcome(i int, res resource.Result) []state.Entry {
	switch b.changes[i].Operation {
	case resource.Create:
		return b.created(i, res)
	case resource.Delete:
		return b.deleted(i, res)
	default:
		return b.updated(i, res)
	}
}

func (b *batch) created(i int, res resource.Result) []state.Entry {
	s := b.step(i)
	if b.usable(i, res.Record) {
		return append(b.put(i, b.ended(i, res)), b.closeIntents(i)...)
	}
	if !b.run.isBegun(b.ids[i]) {
		return nil
	}
	// Nothing was made, or nobody knows. A checkpoint may have recorded something meanwhile.
	now, recorded := b.run.Journal.Record(s.Address)
	old := b.replaced[i]
	checkpointed := recorded && (old == nil || now.ID != old.ID)
	if outcomeUnknown(res.Err) || len(s.Adopt) > 0 { // an earlier run may have made it: the next plan looks once more
		b.run.unsure[s.Address] = true
		if checkpointed {
			rec := *now
			rec.LastError = lastError(res.Err)
			rec.UpdatedAt = b.run.Now()
			return []state.Entry{state.Put(&rec)}
		}
		return nil
	}
	var entries []state.Entry
	if checkpointed {
		entries = append(entries, state.Remove(s.Address, now.ID))
		if old != nil { // it had stepped aside for what was not made after all
			entries = append(entries, state.Remove(s.Address, old.ID), state.Put(old))
		}
	}
	return append(entries, b.closeIntents(i)...)
}

func (b *batch) updated(i int, res resource.Result) []state.Entry {
	s := b.step(i)
	if res.Err != nil && !b.run.isBegun(b.ids[i]) {
		return nil // nothing was changed
	}
	if b.usable(i, res.Record) {
		return append([]state.Entry{state.Put(b.ended(i, res))}, b.closeIntents(i)...)
	}
	now, ok := b.run.Journal.Record(s.Address)
	if !ok {
		return b.closeIntents(i)
	}
	return append([]state.Entry{state.Put(b.incomplete(now, res.Err))}, b.closeIntents(i)...)
}

func (b *batch) deleted(i int, res resource.Result) []state.Entry {
	s, before := b.step(i), b.changes[i].Before
	if res.Err == nil {
		return append([]state.Entry{state.Remove(s.Address, before.ID)}, b.closeIntents(i)...)
	}
	if !b.run.isBegun(b.ids[i]) || s.Address == "" {
		return nil
	}
	rec := before
	if now, ok := b.run.Journal.Record(s.Address); ok && now.ID == before.ID {
		rec = now // as it is since the last checkpoint
	}
	if b.usable(i, res.Record) && res.Record.ID == before.ID {
		rec = b.completed(i, res.Record)
	}
	return append([]state.Entry{state.Put(b.incomplete(rec, res.Err))}, b.closeIntents(i)...)
}

// put records an object of a create: what stood at the address before it steps aside.
func (b *batch) put(i int, rec *resource.Record) []state.Entry {
	if old := b.replaced[i]; old != nil && old.ID != rec.ID {
		if now, ok := b.run.Journal.Record(rec.Address); ok && now.ID == old.ID {
			return []state.Entry{state.Depose(rec.Address), state.Put(rec)}
		}
	}
	return []state.Entry{state.Put(rec)}
}

// completed is a driver's record with what only the plan knows.
func (b *batch) completed(i int, from *resource.Record) *resource.Record {
	s, c, rec := b.step(i), b.changes[i], *from
	rec.Address, rec.Kind = s.Address, s.Kind
	if o := cmp.Or(c.After, objectOf(c.Before)); o != nil {
		rec.Cluster, rec.UID, rec.Region = o.Cluster, o.UID, o.Region
	}
	rec.Generation, rec.UpdatedAt = c.Generation, b.run.Now().UTC()
	rec.Incomplete, rec.LastError = false, ""
	if c.Operation == resource.Delete {
		rec.Protected, rec.DependsOn, rec.Tainted, rec.Deposed = c.Before.Protected, c.Before.DependsOn, c.Before.Tainted, c.Before.Deposed
		return &rec
	}
	rec.Protected, rec.DependsOn, rec.Deposed = s.Protected, s.DependsOn, false
	rec.Tainted = c.Before != nil && c.Before.Tainted
	return &rec
}

// ended is the record of a change that ended, well or not.
func (b *batch) ended(i int, res resource.Result) *resource.Record {
	rec := b.completed(i, res.Record)
	if res.Err != nil {
		rec.Incomplete, rec.LastError = true, lastError(res.Err)
	}
	return rec
}

func (b *batch) incomplete(from *resource.Record, err error) *resource.Record {
	rec := *from
	rec.Incomplete, rec.LastError, rec.UpdatedAt = true, lastError(err), b.run.Now().UTC()
	return &rec
}

// closeIntents closes the intents of the step's address, unless they may belong to another step: one that still runs
// there, or one that may have made something.
func (b *batch) closeIntents(i int) []state.Entry {
	s := b.step(i)
	if s.Address == "" || b.run.active[s.Address] > 0 || b.run.unsure[s.Address] || !b.run.isBegun(b.ids[i]) && len(s.Adopt) == 0 {
		return nil
	}
	return []state.Entry{state.CloseIntents(s.Address)}
}

func (r *run) isBegun(id int32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begun[id]
}

func objectOf(r *resource.Record) *resource.Object {
	if r == nil {
		return nil
	}
	return &r.Object
}
