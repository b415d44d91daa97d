package apply

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// resolved is a step whose unknown values are known.
type resolved struct {
	after  *resource.Object
	fields []resource.FieldChange
}

// prepare does what ready steps need before a driver, or instead of one: changes of the record alone, as one entry of
// the journal, and the evaluation of unknown values.
func (r *run) prepare(ctx context.Context) {
	for len(r.local) > 0 && !r.isHalted() {
		ids := r.local
		r.local = nil
		slices.Sort(ids)
		var unknown, toRecord []int32
		for _, id := range ids {
			if s := &r.steps[id]; len(s.Unknown) > 0 && r.after[id].after == nil {
				unknown = append(unknown, id)
			} else {
				toRecord = append(toRecord, id)
			}
		}
		r.record(ctx, toRecord)
		r.resolve(ctx, unknown)
	}
}

// record carries out steps that only change the record. Of an object that is taken up, the driver does the rest.
func (r *run) record(ctx context.Context, ids []int32) {
	var ok []int32
	var entries []state.Entry
	for _, id := range ids {
		more, err := r.recordEntries(id)
		if err != nil {
			r.failStep(id, err, time.Time{})
			continue
		}
		entries, ok = append(entries, more...), append(ok, id)
	}
	moves, failed := r.moves(ok)
	for id, err := range failed {
		r.failStep(id, err, time.Time{})
	}
	ok = slices.DeleteFunc(ok, func(id int32) bool { return failed[id] != nil })
	if entries = append(moves, entries...); len(entries) > 0 {
		if err := r.Journal.Commit(context.WithoutCancel(ctx), false, entries...); err != nil {
			err = fmt.Errorf("cannot record it: %w", err)
			r.fail(err)
			for _, id := range ok {
				r.failStep(id, err, time.Time{})
			}
			return
		}
	}
	for _, id := range ok {
		if s := &r.steps[id]; takesUp(s) && r.goesOn(id) {
			r.queue.push(keyOf(s), id)
			continue
		}
		r.emitStep(event.StepStart, id, nil)
		r.complete(id)
	}
}

func (r *run) complete(id int32) {
	r.graph.finish(id, r.enqueue)
	r.emitStep(event.StepComplete, id, func(e *event.Event) { e.Remaining = r.estimate() })
}

// recordEntries is what a step other than a move changes in the record.
func (r *run) recordEntries(id int32) ([]state.Entry, error) {
	s := &r.steps[id]
	switch s.Action {
	case planner.ActionMove:
		return nil, nil
	case planner.ActionForget:
		if s.Before == nil {
			return nil, damaged(s, "has no record to forget")
		}
		return []state.Entry{state.Remove(s.Address, s.Before.ID), state.CloseIntents(s.Address)}, nil
	case planner.ActionAdopt, planner.ActionImport:
		return r.takeUp(id)
	}
	return nil, damaged(s, fmt.Sprintf("is to %s and has no operation", s.Action))
}

// takeUp records an object that exists. What is still to be changed on it makes the record incomplete until it is done,
// so that the next plan goes on with it.
func (r *run) takeUp(id int32) ([]state.Entry, error) {
	s := &r.steps[id]
	after := cmp.Or(r.after[id].after, s.After)
	if after == nil {
		return nil, damaged(s, "has no object to record")
	}
	rec := resource.Record{
		Object: *after, Generation: max(s.Generation, 1), Protected: s.Protected, DependsOn: s.DependsOn, UpdatedAt: r.Now().UTC(),
	}
	rec.Address, rec.Kind, rec.ID = s.Address, s.Kind, cmp.Or(s.ImportID, after.ID)
	if s.Kind == resource.KindNode {
		rec.Phase = resource.PhaseReady
	}
	if s.Before != nil {
		rec.ID, rec.Phase = cmp.Or(rec.ID, s.Before.ID), cmp.Or(s.Before.Phase, rec.Phase)
	}
	if r.goesOn(id) {
		rec.Incomplete, rec.LastError = true, "it was not finished to "+string(s.Action)+" it"
		if s.Before != nil {
			rec.Spec = s.Before.Spec
		}
	}
	if rec.ID == "" {
		return nil, damaged(s, "has no cloud id to record")
	}
	entries := []state.Entry{state.Put(&rec)}
	if len(s.Adopt) > 0 {
		entries = append(entries, state.CloseIntents(s.Address))
	}
	return entries, nil
}

// goesOn tells whether a driver has something to do for an object that is taken up.
func (r *run) goesOn(id int32) bool {
	s := &r.steps[id]
	fields := s.Fields
	if v, ok := r.after[id]; ok {
		fields = v.fields
	}
	return s.Action == planner.ActionImport || s.Operation == resource.Update && len(fields) > 0
}

// resolve evaluates the unknown values of steps whose needs are done, all on one view of the state.
func (r *run) resolve(ctx context.Context, ids []int32) {
	if len(ids) == 0 {
		return
	}
	snap := r.Journal.Snapshot()
	for _, id := range ids {
		s := &r.steps[id]
		v, err := r.resolveStep(ctx, s, snap)
		switch {
		case err != nil:
			r.failStep(id, err, time.Time{})
		case takesUp(s) || s.Operation == "":
			r.after[id] = v
			r.local = append(r.local, id)
		case s.Operation == resource.Update && len(v.fields) == 0: // it turned out to be right as it is
			r.emitStep(event.StepStart, id, nil)
			r.complete(id)
		default:
			r.after[id] = v
			r.queue.push(keyOf(s), id)
		}
	}
}

func (r *run) resolveStep(ctx context.Context, s *planner.Step, snap *resource.Snapshot) (resolved, error) {
	after, blobs, err := r.evaluate(ctx, s, snap)
	if err != nil {
		return resolved{}, err
	}
	var before resource.Spec
	if now, ok := r.Journal.Record(s.Address); ok && operation(s) == resource.Update {
		before = now.Spec
	} else if takesUp(s) && s.Before != nil {
		before = s.Before.Spec
	}
	v := resolved{after: after, fields: knownFields(s, resource.Diff(before, after.Spec))}
	if s.Operation == resource.Update {
		if e := resource.StrongestEffect(v.fields); e == resource.EffectRoll || e == resource.EffectReplace {
			return resolved{}, &resource.Error{
				Address: s.Address, Message: "a value that became known during the run needs a new object, which was not planned",
				Hint: "Plan again: the value is known now.",
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.Copy(r.blobs, blobs)
	return v, nil
}

// evaluate calls the evaluator; a panic in it is an error of its step.
func (r *run) evaluate(ctx context.Context, s *planner.Step, snap *resource.Snapshot) (after *resource.Object, blobs map[string]string, err error) {
	if r.Evaluator == nil {
		return nil, nil, damaged(s, "has unknown values, and the plan brings no configuration to evaluate")
	}
	defer func() {
		if p := recover(); p != nil {
			err = panicked("the evaluation of "+string(s.Address), p)
		}
	}()
	after, blobs, err = r.Evaluator.Resolve(ctx, s, snap)
	if err == nil && (after == nil || after.Spec == nil) {
		err = damaged(s, "evaluates to nothing")
	}
	return after, blobs, err
}

// knownFields are a step's differences now that everything is known: those that the plan knew stay (an id behind an
// unchanged reference is one of them), the unknown ones are what the comparison says.
func knownFields(s *planner.Step, diff []resource.FieldChange) []resource.FieldChange {
	var out []resource.FieldChange
	for _, f := range s.Fields {
		if !f.Unknown && !isUnknown(s, f.Path) {
			out = append(out, f)
		}
	}
	for _, f := range diff {
		if isUnknown(s, f.Path) {
			out = append(out, f)
		}
	}
	return out
}

// isUnknown tells whether a path is one of the step's unknown ones, or stands below or above one.
func isUnknown(s *planner.Step, path string) bool {
	for _, u := range s.Unknown {
		if u == path || below(path, u) || below(u, path) {
			return true
		}
	}
	return false
}

func below(path, parent string) bool {
	return len(path) > len(parent) && path[:len(parent)] == parent && (path[len(parent)] == '.' || path[len(parent)] == '[')
}
