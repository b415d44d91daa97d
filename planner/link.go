package planner

import (
	"context"

	"github.com/clusterform/clusterform/planner/resource"
)

// link gives objects that were found without a record the addresses of what they point to: drivers know only the ids of
// recorded objects, and when several objects of one cluster are not recorded, they point to one another.
func (p *planning) link(context.Context) {
	byID := map[string]resource.Address{}
	note := func(o *resource.Object) {
		switch o.Kind {
		case resource.KindNode, resource.KindSecurityGroupRules, resource.KindElasticIPAssociation, resource.KindLoadBalancerTarget:
			// Nodes get their ordinals later; of the others nothing points to them, and their ids are those of others.
		default:
			byID[o.ID] = o.Address
		}
	}
	for _, r := range p.seen.orphans {
		note(&r.Object)
	}
	for i := range p.recoveries {
		for _, o := range p.recoveries[i].Found {
			note(o)
		}
	}
	if len(byID) == 0 {
		return
	}
	for _, r := range p.seen.orphans {
		r.Spec = resource.LinkRefs(r.Spec, byID)
	}
	for i := range p.recoveries {
		for a, o := range p.recoveries[i].Found {
			linked := *o
			linked.Spec = resource.LinkRefs(o.Spec, byID)
			p.recoveries[i].Found[a] = &linked
		}
	}
}
