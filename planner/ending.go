package planner

import (
	"context"
	"slices"

	"github.com/clusterform/clusterform/planner/resource"
)

// endings marks the removals that need no care because the whole cluster goes: nothing is left for its work to move to,
// and nobody to ask.
func (p *planning) endings(context.Context) {
	ends := clustersEnding(p.plan.Steps)
	for i := range p.plan.Steps {
		s := &p.plan.Steps[i]
		if s.Operation != resource.Delete || s.Before == nil {
			continue
		}
		switch {
		case s.Kind == resource.KindNode || isWork(s.Kind):
			s.Ending = ends[s.Before.Cluster] || p.isLastMember(s)
		}
	}
}

// clustersEnding are the clusters whose credentials are removed or lost, so that none of their nodes outlives the plan.
func clustersEnding(steps []Step) map[resource.Address]bool {
	out := map[resource.Address]bool{}
	for i := range steps {
		s := &steps[i]
		switch {
		case s.Kind != resource.KindCredentials:
		case s.Operation == resource.Delete && s.Before != nil && !s.Before.Deposed && s.Reason != ReasonOrphanRemoved:
			out[s.Before.Cluster] = true
		case s.Operation == resource.Create && s.Reason == ReasonGone:
			out[s.After.Cluster] = true
		}
	}
	return out
}

// isLastMember tells whether a control-plane node goes before another one is there to take over from it.
func (p *planning) isLastMember(s *Step) bool {
	n, isNode := s.Before.Spec.(*resource.Node)
	if !isNode || n.Role != roleControlPlane || s.CreateFirst || s.Before.Deposed || s.Reason == ReasonOrphanRemoved {
		return false
	}
	return p.controlPlaneLost(s.Before.Cluster)
}

// controlPlaneLost tells whether there is, or comes, a moment at which a cluster has no control-plane node. What the
// cluster stored is lost then; what is wanted on it is put back.
func (p *planning) controlPlaneLost(cluster resource.Address) bool {
	lost, known := p.changes.lost[cluster]
	if !known {
		lost = p.losesControlPlane(cluster)
		p.changes.lost[cluster] = lost
	}
	return lost
}

func (p *planning) losesControlPlane(cluster resource.Address) bool {
	group := controlPlaneOf(cluster)
	g := p.wanted.groups[group]
	if g == nil {
		return false // it ends
	}
	var members, rolling int
	for a, rec := range p.current.records {
		if rec.Kind != resource.KindNode || parent(a) != group {
			continue
		}
		if _, gone := p.current.gone[a]; gone {
			continue
		}
		members++
		id, goes := p.changes.deletes[a]
		if !goes {
			return false
		}
		if p.changes.steps[id].Action == ActionRoll {
			rolling++
		}
	}
	if members == 0 {
		return true
	}
	surge, _ := laneCounts(g)
	return rolling == 0 || members == 1 && surge == 0
}

// lossOf says what happens to a control plane, for a warning; "" while nothing was stored in it.
func (p *planning) lossOf(cluster resource.Address) string {
	group := controlPlaneOf(cluster)
	for _, a := range sortedAddresses(p.current.records) {
		if p.current.records[a].Kind != resource.KindNode || parent(a) != group {
			continue
		}
		if why, gone := p.current.gone[a]; gone {
			return string(a) + " no longer exists (" + why + ")"
		}
		return string(a) + " goes before another one can take over from it"
	}
	work := slices.ContainsFunc(sortedAddresses(p.current.records), func(a resource.Address) bool {
		r := p.current.records[a]
		return isWork(r.Kind) && r.Cluster == cluster
	})
	if work {
		return "none of its nodes is left"
	}
	return ""
}
