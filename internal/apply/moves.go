package apply

import (
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// move is one record on its way to another address.
type move struct {
	step    *planner.Step
	source  resource.Address // where the record is now
	visited bool
	open    bool // on the way down: what it has to wait for is being moved
	err     error
}

// mover puts moves into an order in which every target is free: chains from their end, circles by way of an address that
// nothing else has.
type mover struct {
	journal Journal
	from    map[resource.Address]*move
	entries []state.Entry
}

// movedEntries is the record at its new address: the same object, with the new names of what it refers to.
func (r *run) movedEntries(s *planner.Step) []state.Entry {
	now, ok := r.Journal.Record(s.From)
	if !ok || s.After == nil {
		return nil
	}
	rec := *now
	rec.Address, rec.Cluster, rec.Spec = s.Address, s.After.Cluster, s.After.Spec
	rec.Protected, rec.DependsOn = s.Protected, s.DependsOn
	rec.UpdatedAt = r.Now().UTC()
	return []state.Entry{state.Put(&rec)}
}

// moves is what to record for those of the steps that move a record, and which of them cannot.
func (r *run) moves(ids []int32) (entries []state.Entry, failed map[int32]error) {
	m := mover{journal: r.Journal, from: map[resource.Address]*move{}}
	var list []*move
	for _, id := range ids {
		if s := &r.steps[id]; s.Action == planner.ActionMove {
			v := &move{step: s, source: s.From}
			m.from[s.From] = v
			list = append(list, v)
		}
	}
	failed = map[int32]error{}
	var puts []state.Entry
	for _, v := range list {
		m.visit(v)
		if v.err != nil {
			failed[v.step.ID] = v.err
		} else {
			puts = append(puts, r.movedEntries(v.step)...)
		}
	}
	return append(m.entries, puts...), failed
}

func (m *mover) visit(v *move) {
	if v.visited {
		return
	}
	v.visited, v.open = true, true
	defer func() { v.open = false }()
	s := v.step
	now, ok := m.journal.Record(s.From)
	if !ok || s.Before != nil && s.Before.ID != now.ID {
		v.err = &resource.Error{Address: s.Address, Message: "the record that was to be moved from " + string(s.From) + " is no longer there", Hint: "Make a new plan."}
		return
	}
	if _, taken := m.journal.Record(s.Address); taken && s.Address != s.From {
		other, moving := m.from[s.Address]
		switch {
		case moving && other.open:
			aside := other.step.From.Child("moving")
			m.entries = append(m.entries, state.Move(other.source, aside))
			other.source = aside
		case moving:
			m.visit(other)
			moving = other.err == nil
		}
		if !moving {
			v.err = &resource.Error{Address: s.Address, Message: "cannot be moved here from " + string(s.From) + ": another object is recorded here", Hint: "Make a new plan."}
			return
		}
	}
	if v.source != s.Address {
		m.entries = append(m.entries, state.Move(v.source, s.Address))
	}
}
