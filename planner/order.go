package planner

import (
	"cmp"
	"context"
	"slices"

	"github.com/clusterform/clusterform/planner/resource"
)

// order finds which steps wait for which:
//
//   - what is made needs the steps of everything that it refers to;
//   - what is removed needs the removal of everything that referred to it, and the updates that let go of it;
//   - of a replacement, one step needs the other, which one first is Step.CreateFirst;
//   - nodes are replaced in lanes, as the update block of their pool says;
//   - workloads and manifests wait for the control plane, and nodes that go for workloads that go;
//   - a subnet is let go of when its nodes have left;
//   - nodes and balancers need a working network: the gateway, the route table and the rules of their groups.
//
// Edges are lists of step ids. Steps that need the same share one list, so that their number grows with the steps.
func (p *planning) order(context.Context) {
	o := &ordering{planning: p, changes: p.changes, needs: make([][]int32, len(p.changes.steps)), shared: map[resource.Spec][]int32{}}
	for i := range o.steps {
		o.makesNeed(int32(i))
	}
	for i := range o.steps {
		o.deletesNeed(int32(i))
	}
	for i := range o.steps {
		o.pairNeeds(int32(i))
		o.releaseNeeds(int32(i))
	}
	o.workNeeds()
	o.lanes()
	for i := range o.needs {
		o.needs[i] = tidy(o.needs[i], int32(i))
	}
	sequence, cycle := topological(o.needs)
	if cycle != nil {
		p.failCycle(cycle)
		return
	}
	p.plan.Steps = renumber(o.steps, o.needs, sequence)
}

type ordering struct {
	*planning
	*changes
	needs  [][]int32
	shared map[resource.Spec][]int32 // what making an object of the spec needs
	blocks map[string][]int32        // steps by list of blocks
	// leaving are the removals of nodes by subnet, once asked for.
	leaving map[resource.Ref][]int32
}

// need adds an edge. Shared lists are copied by it.
func (o *ordering) need(step, on int32) {
	if step != on {
		o.needs[step] = append(slices.Clip(o.needs[step]), on)
	}
}

func (o *ordering) makesNeed(i int32) {
	s := &o.steps[i]
	if id, ok := o.moves[s.Address]; ok && id != i {
		o.need(i, id)
	}
	if s.After == nil || s.Action == ActionMove {
		return
	}
	needs, known := o.shared[s.After.Spec]
	if !known {
		for _, a := range o.standsOn(s.Address, s.After.Cluster, s.After.Spec) {
			if id, ok := o.makes[a]; ok && len(o.releases(id)) == 0 {
				needs = append(needs, id)
			}
		}
		needs = tidy(needs, -1)
		o.shared[s.After.Spec] = needs
	}
	if len(o.needs[i]) == 0 {
		o.needs[i] = slices.Clip(needs)
	} else {
		o.needs[i] = slices.Concat(o.needs[i], needs)
	}
	o.blocksNeed(i)
}

// standsOn lists what an object refers to, and what else must work before it can.
func (o *ordering) standsOn(self, cluster resource.Address, s resource.Spec) []resource.Address {
	refs := resource.Refs(self, s)
	switch s := s.(type) {
	case *resource.Node:
		for _, g := range s.SecurityGroups {
			if resource.IsAddress(g) {
				refs = append(refs, rulesOf(resource.Address(g)))
			}
		}
		refs = append(refs, cluster.Child("route_table"), cluster.Child("internet_gateway"), credentialsOf(cluster))
	case *resource.Workload, *resource.Manifest:
		refs = append(refs, credentialsOf(cluster))
	case *resource.LoadBalancer:
		refs = append(refs, cluster.Child("route_table"), cluster.Child("internet_gateway"))
	}
	return refs
}

// maxProduct bounds the edges between two sets of steps; beyond it the first of one waits for all of the other, and the
// rest for the first.
const maxProduct = 200_000

// blocksNeed makes a block's steps wait for the blocks in its depends_on, and what is known after apply only for the
// blocks that it refers to.
func (o *ordering) blocksNeed(i int32) {
	w := o.wants[i]
	if w == nil {
		return
	}
	blocks := w.owner.dependsOn
	if len(o.steps[i].Unknown) > 0 {
		blocks = slices.Clone(blocks)
		for _, r := range w.owner.block.References {
			blocks = append(blocks, resource.Address(r))
		}
	}
	if len(blocks) == 0 {
		return
	}
	needs := o.stepsOf(blocks)
	own := len(o.stepsOf([]resource.Address{w.owner.address}))
	if len(needs)*own <= maxProduct {
		for _, id := range needs {
			if !w.owner.address.Contains(o.steps[id].Address) {
				o.needs[i] = append(slices.Clip(o.needs[i]), id)
			}
		}
		return
	}
	first := o.stepsOf([]resource.Address{w.owner.address})[0]
	if first != i {
		o.need(i, first)
		return
	}
	o.needs[i] = slices.Concat(o.needs[i], needs)
}

// stepsOf lists the steps that make the objects of blocks.
func (o *ordering) stepsOf(blocks []resource.Address) []int32 {
	if o.blocks == nil {
		o.blocks = map[string][]int32{}
	}
	key := ""
	for _, b := range blocks {
		key += string(b) + "\n"
	}
	if got, ok := o.blocks[key]; ok {
		return got
	}
	var out []int32
	for i := range o.steps {
		s := &o.steps[i]
		if s.After == nil || s.Action == ActionMove || len(o.releases(int32(i))) > 0 {
			continue
		}
		if slices.ContainsFunc(blocks, func(b resource.Address) bool { return b.Contains(s.Address) }) {
			out = append(out, int32(i))
		}
	}
	o.blocks[key] = out
	return out
}

func (o *ordering) deletesNeed(i int32) {
	s := &o.steps[i]
	if s.Before == nil {
		return
	}
	switch s.Operation {
	case resource.Delete:
		beside := s.Before.Deposed || s.Reason == ReasonOrphanRemoved
		if id, ok := o.makes[s.Address]; ok && s.Before.Deposed && s.Kind == resource.KindNode && o.steps[id].Operation == resource.Update {
			o.need(i, id) // a run was interrupted while its successor came: it stays until that is there
		}
		for _, a := range o.standsOn(s.Address, s.Before.Cluster, s.Before.Spec) {
			if id, ok := o.deletes[a]; ok {
				o.needs[id] = append(o.needs[id], i)
			}
			if beside {
				for _, id := range o.deposed[a] {
					o.needs[id] = append(o.needs[id], i)
				}
			}
		}
		for _, d := range s.Before.DependsOn {
			for _, id := range o.deletesOf(d) {
				o.needs[id] = append(o.needs[id], i)
			}
		}
		if id, ok := o.makes[s.Address]; ok && s.Reason == ReasonOrphanRemoved && s.Kind != resource.KindNode && o.steps[id].Operation == resource.Create {
			o.need(id, i) // the names of most kinds are unique
		}
	case resource.Update:
		// What is let go of may only be removed afterwards. Of what is replaced in its place, the old one is gone before.
		for _, a := range resource.Refs(s.Address, s.Before.Spec) {
			if id, ok := o.deletes[a]; ok && (o.steps[id].Pair < 0 || o.steps[id].CreateFirst || o.steps[id].Action == ActionRoll) {
				o.needs[id] = append(o.needs[id], i)
			}
		}
	}
}

// deletesOf lists the steps that remove a block's objects, up to a number beyond which their order is left to the refs.
func (o *ordering) deletesOf(block resource.Address) []int32 {
	key := "delete\n" + string(block)
	if o.blocks == nil {
		o.blocks = map[string][]int32{}
	}
	if got, ok := o.blocks[key]; ok {
		return got
	}
	var out []int32
	for i := range o.steps {
		if s := &o.steps[i]; s.Operation == resource.Delete && block.Contains(s.Address) {
			out = append(out, int32(i))
		}
	}
	if len(out)*len(o.steps) > 50*maxProduct {
		out = nil
	}
	o.blocks[key] = out
	return out
}

func (o *ordering) pairNeeds(i int32) {
	s := &o.steps[i]
	if s.Pair < 0 || s.Action == ActionRoll || s.Operation != resource.Create {
		return
	}
	if s.CreateFirst {
		o.need(s.Pair, i)
	} else {
		o.need(i, s.Pair)
	}
}

// tidy sorts a list and drops repetitions and self. A list without any is returned as it is, so that it stays shared.
func tidy(needs []int32, self int32) []int32 {
	clean := true
	for i, n := range needs {
		if n == self || i > 0 && needs[i-1] >= n {
			clean = false
			break
		}
	}
	if clean {
		return needs
	}
	out := slices.Clone(needs)
	slices.SortFunc(out, cmp.Compare[int32])
	out = slices.Compact(out)
	return slices.DeleteFunc(out, func(n int32) bool { return n == self })
}
