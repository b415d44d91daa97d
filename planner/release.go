package planner

import (
	"slices"

	"github.com/clusterform/clusterform/planner/resource"
)

// subnetsOf are the subnets that a route table or balancer serves.
func subnetsOf(s resource.Spec) []resource.Ref {
	switch s := s.(type) {
	case *resource.RouteTable:
		return s.Subnets
	case *resource.LoadBalancer:
		return s.Subnets
	}
	return nil
}

// releases lists the subnets that a step only lets go of: they are served until their nodes have left, or those could
// not drain. It is empty for a step that does anything else besides, which others may wait for.
func (o *ordering) releases(i int32) []resource.Ref {
	s := &o.steps[i]
	if s.Operation != resource.Update || s.Before == nil || s.After == nil || len(s.Unknown) > 0 {
		return nil
	}
	if slices.ContainsFunc(s.Fields, func(f resource.FieldChange) bool { return f.Path != "subnets" || f.Unknown }) {
		return nil
	}
	after := subnetsOf(s.After.Spec)
	dropped := slices.Clone(subnetsOf(s.Before.Spec))
	if slices.ContainsFunc(after, func(r resource.Ref) bool { return !slices.Contains(dropped, r) }) {
		return nil
	}
	return slices.DeleteFunc(dropped, func(r resource.Ref) bool { return slices.Contains(after, r) })
}

// releaseNeeds makes a step that only lets go of subnets wait for the removal of the nodes in them.
func (o *ordering) releaseNeeds(i int32) {
	for _, subnet := range o.releases(i) {
		if o.leaving == nil {
			o.leaving = o.leavingNodes()
		}
		o.needs[i] = slices.Concat(o.needs[i], o.leaving[subnet])
	}
}

// leavingNodes are the steps that remove nodes, by subnet.
func (o *ordering) leavingNodes() map[resource.Ref][]int32 {
	out := map[resource.Ref][]int32{}
	for i := range o.steps {
		s := &o.steps[i]
		if s.Operation != resource.Delete {
			continue
		}
		if n, isNode := s.Before.Spec.(*resource.Node); isNode {
			out[n.Subnet] = append(out[n.Subnet], int32(i))
		}
	}
	return out
}
