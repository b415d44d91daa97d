package apply

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner/resource"
)

// refuseStale compares what the plan was made from with the state that is locked.
func (r *run) refuseStale() error {
	snap := r.Journal.Snapshot()
	p := r.Plan
	// A plan made before there was any state fits a state that has nothing yet.
	first := p.Lineage == "" && snap.Serial == 0 && len(snap.Records) == 0
	if (p.Lineage != snap.Lineage && !first) || p.Serial != snap.Serial {
		return &StaleError{PlanLineage: p.Lineage, StateLineage: snap.Lineage, PlanSerial: p.Serial, StateSerial: snap.Serial}
	}
	return nil
}

// begin records what is known before the first step: identities first, so that everything that is made can be found
// again, then what the refresh saw, protection, and what became of the intents of interrupted runs.
func (r *run) begin(ctx context.Context) {
	r.emit(event.Event{Type: event.ApplyStart, Total: len(r.steps), Remaining: r.Plan.Summary.Duration})
	entries := r.identities()
	entries = append(entries, r.refreshed()...)
	entries = append(entries, r.recovered()...)
	if len(entries) == 0 {
		return
	}
	if err := r.Journal.Commit(context.WithoutCancel(ctx), false, entries...); err != nil {
		r.fail(fmt.Errorf("nothing was started: %w", err))
	}
}

func (r *run) identities() []state.Entry {
	known := r.Journal.Snapshot().Clusters
	var entries []state.Entry
	for _, a := range slices.SortedFunc(maps.Keys(r.Plan.Clusters), resource.Compare) {
		c := r.Plan.Clusters[a]
		if have, ok := known[a]; !ok || !reflect.DeepEqual(have, c) {
			entries = append(entries, state.SetCluster(a, c))
		}
	}
	return entries
}

// refreshed brings records to what was observed, and protection to what is configured: one Put for each record that
// changes.
func (r *run) refreshed() []state.Entry {
	changed := map[resource.Address]*resource.Record{}
	edit := func(a resource.Address) (*resource.Record, bool) {
		if rec, ok := changed[a]; ok {
			return rec, true
		}
		rec, ok := r.Journal.Record(a)
		if !ok {
			return nil, false
		}
		changed[a] = new(*rec)
		return changed[a], true
	}
	var gone []state.Entry
	for _, d := range slices.Concat(r.Plan.Drift, r.Plan.Refreshed) {
		if d.Gone {
			gone = append(gone, state.Remove(d.Address, d.ID))
			continue
		}
		if rec, ok := edit(d.Address); ok && d.Observed != nil && cmp.Or(d.ID, rec.ID) == rec.ID {
			rec.Spec = d.Observed.Spec
		}
	}
	for a, protected := range r.Plan.Protect {
		if now, ok := r.Journal.Record(a); ok && now.Protected != protected {
			rec, _ := edit(a)
			rec.Protected = protected
		}
	}
	at := r.Now().UTC()
	entries := make([]state.Entry, 0, len(changed)+len(gone))
	for _, a := range slices.SortedFunc(maps.Keys(changed), resource.Compare) {
		changed[a].UpdatedAt = at
		entries = append(entries, state.Put(changed[a]))
	}
	return append(entries, gone...)
}

// recovered closes the intents of interrupted runs whose end is known and that no step takes up. One that may still
// appear stays open.
func (r *run) recovered() []state.Entry {
	taken := map[uint64]bool{}
	for i := range r.steps {
		for _, in := range r.steps[i].Adopt {
			taken[in.Seq] = true
		}
	}
	var entries []state.Entry
	for _, rec := range r.Plan.Recovered {
		if !taken[rec.Intent.Seq] && rec.Status != resource.Unread {
			entries = append(entries, state.CloseIntent(rec.Intent.Seq))
		}
	}
	return entries
}
