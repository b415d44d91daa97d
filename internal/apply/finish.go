package apply

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner/resource"
)

// finish evaluates the outputs, forgets clusters of which nothing is left, and makes everything durable.
func (r *run) finish(ctx context.Context) {
	r.mu.Lock()
	over := r.fatal != nil || r.ended
	r.mu.Unlock()
	if over {
		return
	}
	if r.canceled == nil {
		if entries := r.reread(ctx); len(entries) > 0 {
			if err := r.Journal.Commit(context.WithoutCancel(ctx), false, entries...); err != nil {
				r.fail(fmt.Errorf("cannot record what was read again: %w", err))
				return
			}
		}
	}
	ctx = context.WithoutCancel(ctx)
	snap := r.Journal.Snapshot()
	entries := r.outputEntries(ctx, snap)
	if r.graph.count[done] == len(r.steps) {
		entries = append(entries, emptyClusters(snap)...)
	}
	// Without entries it is a sync of what was recorded last.
	if err := r.Journal.Commit(ctx, true, entries...); err != nil {
		r.fail(fmt.Errorf("everything was done as reported, but it could not be made durable: %w", err))
	}
}

// outputEntries records the outputs when they changed. After a failure they are recorded where they can be evaluated all
// the same; that they cannot is then no news.
func (r *run) outputEntries(ctx context.Context, snap *resource.Snapshot) []state.Entry {
	r.outputs = snap.Outputs
	if r.Outputs == nil || r.canceled != nil {
		return nil
	}
	outputs, err := r.evaluateOutputs(ctx, snap)
	if err != nil {
		if r.graph.count[done] == len(r.steps) {
			r.outputsErr = err
		}
		return nil
	}
	r.outputs = outputs
	if len(outputs) == 0 && len(snap.Outputs) == 0 || reflect.DeepEqual(outputs, snap.Outputs) {
		return nil
	}
	return []state.Entry{state.SetOutputs(outputs)}
}

func (r *run) evaluateOutputs(ctx context.Context, snap *resource.Snapshot) (outputs map[string]resource.OutputRecord, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked("the evaluation of the outputs", p)
		}
	}()
	return r.Outputs(ctx, snap)
}

// emptyClusters are identities of which nothing is left: no object, current or deposed, and no open intent.
func emptyClusters(snap *resource.Snapshot) []state.Entry {
	used := map[resource.Address]bool{}
	for _, rec := range snap.Records {
		used[rec.Cluster] = true
	}
	for _, list := range snap.Deposed {
		for _, rec := range list {
			used[rec.Cluster] = true
		}
	}
	announced := map[string]bool{}
	for _, in := range snap.Intents {
		announced[in.UID] = true
	}
	var entries []state.Entry
	for _, a := range slices.SortedFunc(maps.Keys(snap.Clusters), resource.Compare) {
		if !used[a] && !announced[snap.Clusters[a].UID] {
			entries = append(entries, state.RemoveCluster(a))
		}
	}
	return entries
}
