package planner

import (
	"cmp"
	"slices"

	"github.com/clusterform/clusterform/planner/resource"
)

// lanes orders the rolling replacement of each group's nodes. There are max_surge lanes in which the new node is made
// first, and max_unavailable lanes in which the old one goes first; in each, one node comes after another. So at no
// moment are there more than max_surge nodes too many, or more than max_unavailable too few, however the lanes
// interleave. Canaries come first, and all others wait for them.
func (o *ordering) lanes() {
	rolling := map[resource.Address][]int32{}
	var groups []resource.Address
	for i := range o.steps {
		s := &o.steps[i]
		if s.Action != ActionRoll || s.Operation != resource.Create {
			continue
		}
		a := o.wants[i].group.address
		if rolling[a] == nil {
			groups = append(groups, a)
		}
		rolling[a] = append(rolling[a], int32(i))
	}
	revived := o.revivals()
	slices.SortStableFunc(groups, func(a, b resource.Address) int { return cmp.Compare(o.rank(rolling[a][0]), o.rank(rolling[b][0])) })
	upgraded := o.begunUpgrades() // the last steps of upgrades of control planes, by cluster
	for _, a := range groups {
		creates := rolling[a]
		first := o.wants[creates[0]]
		var gate []int32
		if end, ok := revived[a]; ok {
			gate = append(gate, end)
		}
		if first.group.role == roleWorker {
			gate = append(gate, upgraded[first.owner.cluster]...)
		}
		ends := o.roll(first.group, creates, gate)
		if first.group.role == roleControlPlane && slices.ContainsFunc(creates, o.changesVersion) {
			upgraded[first.owner.cluster] = append(upgraded[first.owner.cluster], ends...)
		}
	}
	o.newcomers(upgraded)
}

// rank puts control planes before workers.
func (o *ordering) rank(i int32) int {
	if o.wants[i].group.role == roleControlPlane {
		return 0
	}
	return 1
}

func (o *ordering) changesVersion(i int32) bool {
	return slices.ContainsFunc(o.steps[i].Fields, func(f resource.FieldChange) bool { return f.Path == "version" })
}

// begunUpgrades are the removals of control-plane nodes whose successors, of another version, an interrupted run has made.
func (o *ordering) begunUpgrades() map[resource.Address][]int32 {
	out := map[resource.Address][]int32{}
	for _, a := range sortedAddresses(o.deposed) {
		for _, id := range o.deposed[a] {
			old, ok := o.steps[id].Before.Spec.(*resource.Node)
			if !ok || old.Role != roleControlPlane {
				continue
			}
			successor := o.current.records[a]
			if successor == nil {
				continue
			}
			if now, ok := successor.Spec.(*resource.Node); ok && now.Version != old.Version {
				cluster := o.steps[id].Before.Cluster
				out[cluster] = append(out[cluster], id)
			}
		}
	}
	return out
}

// newcomers lets workers of the new version join only when the control plane has it: an API does not serve nodes that are
// ahead of it.
func (o *ordering) newcomers(upgraded map[resource.Address][]int32) {
	if len(upgraded) == 0 {
		return
	}
	for i := range o.steps {
		s, w := &o.steps[i], o.wants[i]
		if s.Kind != resource.KindNode || s.Operation != resource.Create || s.Action == ActionRoll || w == nil || w.group == nil || w.group.role != roleWorker {
			continue
		}
		for _, end := range upgraded[s.After.Cluster] {
			o.need(int32(i), end)
		}
	}
}

// revivals puts the replacements of dead control-plane nodes one after another, as a quorum loses and gains one member at
// a time; it returns the last step by control plane. Where no member is left there is no quorum to keep.
func (o *ordering) revivals() map[resource.Address]int32 {
	last := map[resource.Address]int32{}
	for _, i := range o.revived() {
		g := o.wants[i].group.address
		if end, ok := last[g]; ok {
			o.need(o.steps[i].Pair, end)
		}
		last[g] = i
	}
	return last
}

func (o *ordering) revived() []int32 {
	var out []int32
	for i := range o.steps {
		s, w := &o.steps[i], o.wants[i]
		if s.Action == ActionReplace && s.Operation == resource.Create && w != nil && w.group != nil && w.group.role == roleControlPlane && !o.controlPlaneLost(w.owner.cluster) {
			out = append(out, int32(i))
		}
	}
	slices.SortFunc(out, func(a, b int32) int { return resource.Compare(o.steps[a].Address, o.steps[b].Address) })
	return out
}

// roll puts the replacements of one group, in the order of their ordinals, into lanes behind a gate. It returns the lanes'
// last steps.
func (o *ordering) roll(g *group, creates, before []int32) []int32 {
	surge, unavailable := laneCounts(g)
	slices.SortFunc(creates, func(a, b int32) int { return resource.Compare(o.steps[a].Address, o.steps[b].Address) })
	canaries := min(max(g.update.Canary, 0), len(creates))
	left := append(before, o.leftovers(g.address)...)
	gate := o.lanesOf(creates[:canaries], surge, unavailable, left)
	if canaries > 0 {
		left = nil
	}
	if canaries == len(creates) {
		return gate
	}
	return o.lanesOf(creates[canaries:], surge, unavailable, append(gate, left...))
}

// laneCounts are the numbers of lanes of each kind. A control plane loses or gains one member at a time, whatever its
// update block says: its quorum depends on it.
func laneCounts(g *group) (surge, unavailable int) {
	surge, unavailable = max(0, g.update.MaxSurge.Of(g.size, true)), max(0, g.update.MaxUnavailable.Of(g.size, false))
	if surge+unavailable == 0 {
		surge = 1
	}
	if g.role == roleControlPlane {
		if surge > 0 {
			return 1, 0
		}
		return 0, 1
	}
	return surge, unavailable
}

// lanesOf deals the replacements out to the lanes. The first of each lane needs the gate; the last steps of the lanes are
// returned as the gate of what comes after.
func (o *ordering) lanesOf(creates []int32, surge, unavailable int, gate []int32) (last []int32) {
	lanes := min(surge+unavailable, len(creates))
	ends := make([]int32, lanes)
	for n, create := range creates {
		lane := n % lanes
		del := o.steps[create].Pair
		begin, end := create, del
		if lane >= min(surge, lanes) {
			begin, end = del, create
		} else {
			o.steps[create].CreateFirst, o.steps[del].CreateFirst = true, true
		}
		o.need(end, begin)
		if n < lanes {
			if len(gate)*lanes > maxProduct { // as many as there are lanes are enough to keep the bound
				gate = gate[len(gate)-min(len(gate), lanes):]
			}
			for _, g := range gate {
				o.need(begin, g)
			}
		} else {
			o.need(begin, ends[lane])
		}
		ends[lane] = end
	}
	return ends
}

// leftovers are the removals of nodes that an earlier roll replaced and left: they count as surge.
func (o *ordering) leftovers(group resource.Address) []int32 {
	var out []int32
	for a, ids := range o.deposed {
		if parent(a) == group {
			out = append(out, ids...)
		}
	}
	slices.Sort(out)
	return out
}
