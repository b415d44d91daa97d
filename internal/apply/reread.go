package apply

import (
	"context"
	"slices"

	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// changesOthers tells kinds whose change shows in computed fields of the objects they refer to: a node has another public
// address once an elastic one is tied to it.
func changesOthers(k resource.Kind) bool { return k == resource.KindElasticIPAssociation }

// reread reads the objects again whose computed fields were changed by others' steps, for outputs and the next plan. What
// cannot be read, or does not show yet, is left to the refresh of that plan.
func (r *run) reread(ctx context.Context) []state.Entry {
	if r.Deduce {
		return r.deduced()
	}
	groups := map[batchKey][]*resource.Record{}
	for a := range r.affected() {
		if rec, ok := r.Journal.Record(a); ok && rec.ID != "" {
			k := batchKey{region: rec.Region, kind: rec.Kind}
			groups[k] = append(groups[k], rec)
		}
	}
	var entries []state.Entry
	for k, recs := range groups {
		// Without a cluster to search, a driver reads just these.
		found, err := r.read(ctx, k, nil, recs)
		if err != nil {
			continue
		}
		for _, o := range found {
			i := slices.IndexFunc(recs, func(rec *resource.Record) bool { return rec.ID == o.ID })
			if i < 0 || o.Status != resource.Present || o.Object == nil {
				continue
			}
			rec := *recs[i]
			rec.Spec = resource.Clone(rec.Spec)
			resource.TakeComputed(rec.Spec, o.Object.Spec)
			if len(resource.DiffComputed(recs[i].Spec, rec.Spec)) > 0 {
				rec.UpdatedAt = r.Now().UTC()
				entries = append(entries, state.Put(&rec))
			}
		}
	}
	return entries
}

// affected are the addresses that done steps of such kinds refer to, or did before.
func (r *run) affected() map[resource.Address]bool {
	out := map[resource.Address]bool{}
	add := func(s *planner.Step, spec resource.Spec) {
		for _, a := range resource.Refs(s.Address, spec) {
			out[a] = true
		}
	}
	for i := range r.steps {
		s := &r.steps[i]
		if r.graph.state[i] != done || !changesOthers(s.Kind) || s.Operation == "" {
			continue
		}
		if s.After != nil {
			add(s, s.After.Spec)
		}
		if s.Before != nil {
			add(s, s.Before.Spec)
		}
	}
	return out
}

// deduced is what reread would find, as far as it is known without asking: an elastic address that was tied to a node is the
// node's public one.
func (r *run) deduced() []state.Entry {
	var entries []state.Entry
	for i := range r.steps {
		s := &r.steps[i]
		if r.graph.state[i] != done || s.Kind != resource.KindElasticIPAssociation || s.After == nil {
			continue
		}
		tie, ok := s.After.Spec.(*resource.ElasticIPAssociation)
		if !ok {
			continue
		}
		address, ok := r.Journal.Record(resource.Address(tie.Address))
		if !ok {
			continue
		}
		rec, ok := r.Journal.Record(resource.Address(tie.Node))
		if !ok {
			continue
		}
		ip, ok := address.Spec.(*resource.ElasticIP)
		if !ok || ip.PublicIP == "" {
			continue
		}
		if n, ok := rec.Spec.(*resource.Node); ok && n.PublicAddr != ip.PublicIP {
			now, node := *rec, *n
			node.PublicAddr = ip.PublicIP
			now.Spec, now.UpdatedAt = &node, r.Now().UTC()
			entries = append(entries, state.Put(&now))
		}
	}
	return entries
}
