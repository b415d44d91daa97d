package planner

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/clusterform/clusterform/planner/resource"
)

// report fills in the rest of the plan: identities, drift, what became of interrupted runs, protection, and the contents
// that steps point to.
func (p *planning) report(context.Context) {
	p.plan.Clusters = p.clusters()
	p.timeouts()
	if p.req.Mode == ModeNormal {
		p.setups()
	}
	for _, list := range [][]Drift{p.plan.Drift, p.plan.Refreshed} {
		slices.SortFunc(list, func(a, b Drift) int {
			return cmp.Or(resource.Compare(a.Address, b.Address), strings.Compare(a.ID, b.ID))
		})
	}
	type intent struct {
		seq   uint64
		token string
	}
	taken, removed := map[intent]int{}, map[intent]int{}
	for i := range p.plan.Steps {
		for _, in := range p.plan.Steps[i].Adopt {
			if p.plan.Steps[i].Reason == ReasonOrphanRemoved {
				removed[intent{in.Seq, in.Token}]++
			} else {
				taken[intent{in.Seq, in.Token}]++
			}
		}
	}
	leave := p.plan.Partial || p.req.Mode == ModeRefreshOnly
	for _, r := range p.recoveries {
		k := intent{r.Intent.Seq, r.Intent.Token}
		p.plan.Recovered = append(p.plan.Recovered, recovered(r, taken[k], removed[k], leave))
	}
	maps.DeleteFunc(p.changes.protect, func(a resource.Address, _ bool) bool { return !p.asked(a) })
	if len(p.changes.protect) > 0 {
		p.plan.Protect = p.changes.protect
	}
	p.blobs()
}

// timeouts records what the update block says now of nodes that go, as their removal reads it from the record.
func (p *planning) timeouts() {
	for i := range p.plan.Steps {
		s := &p.plan.Steps[i]
		if s.Operation != resource.Delete || s.Kind != resource.KindNode || s.Ending || s.Before.Deposed || s.Reason == ReasonOrphanRemoved || p.current.moved[s.Address] != "" {
			continue
		}
		n, isNode := s.Before.Spec.(*resource.Node)
		g := p.wanted.groups[parent(s.Address)]
		if !isNode || g == nil || n.DrainTimeoutSeconds == int(g.update.DrainTimeout.Seconds()) {
			continue
		}
		is := s.Before.Object
		spec := resource.Clone(n)
		spec.DrainTimeoutSeconds = int(g.update.DrainTimeout.Seconds())
		is.Spec = spec
		p.plan.Refreshed = append(p.plan.Refreshed, Drift{Address: s.Address, Kind: s.Kind, ID: s.Before.ID, Observed: &is})
	}
}

// clusters are the identities to record: those of the configuration, and those recorded under an old address.
func (p *planning) clusters() map[resource.Address]resource.ClusterRecord {
	switch p.req.Mode {
	case ModeRefreshOnly:
		return p.seen.clusters
	case ModeDestroy:
		return p.current.clusters
	}
	out := maps.Clone(p.current.clusters)
	if out == nil {
		out = map[resource.Address]resource.ClusterRecord{}
	}
	maps.Copy(out, p.wanted.clusters)
	if len(out) == 0 {
		return nil
	}
	return out
}

// blobs keeps what steps point to by its digest: user-data, and native objects that hold no secret.
func (p *planning) blobs() {
	for i := range p.plan.Steps {
		s := &p.plan.Steps[i]
		if s.After == nil || s.Operation == "" {
			continue
		}
		if n, isNode := s.After.Spec.(*resource.Node); isNode && n.UserData != "" {
			if text, ok := p.wanted.blobs[n.UserData]; ok {
				p.keep(n.UserData, text)
			}
		}
		if c, ok := p.wanted.contents[contentOf(s.After.Spec)]; ok && !c.Secret {
			p.keep(c.Digest, string(c.Data))
		}
	}
	for region, a := range p.lookups.endpoints {
		if a.url != "" {
			if p.plan.Endpoints == nil {
				p.plan.Endpoints = map[string]string{}
			}
			p.plan.Endpoints[region] = a.url
		}
	}
}

func (p *planning) keep(digest, text string) {
	if p.plan.Blobs == nil {
		p.plan.Blobs = map[string]string{}
	}
	p.plan.Blobs[digest] = text
}
