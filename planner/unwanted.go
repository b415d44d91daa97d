package planner

import (
	"fmt"
	"slices"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// compareUnwanted plans what happens to objects that exist and are not in the configuration.
func (p *planning) compareUnwanted() {
	var unwanted []resource.Address
	for a := range p.current.records {
		if _, isWanted := p.wanted.at[a]; !isWanted {
			unwanted = append(unwanted, a)
		}
	}
	slices.SortFunc(unwanted, resource.Compare)
	blocks := p.blocks()
	for _, a := range unwanted {
		rec := p.current.records[a]
		if _, gone := p.current.gone[a]; gone {
			continue // the record goes with the drift
		}
		if from, ok := p.forgotten(a); ok {
			p.changes.add(Step{Address: a, Kind: rec.Kind, Action: ActionForget, Reason: ReasonForgotten, Because: "removed block for " + string(from), Before: rec}, nil)
			continue
		}
		block := blocks[blockAddress(rec)]
		p.refuseIfProtected(block, rec)
		s := Step{Address: a, Kind: rec.Kind, Action: ActionDestroy, Operation: resource.Delete, Before: rec, Generation: rec.Generation}
		s.Reason, s.Because = p.whyUnwanted(rec, block)
		s.Adopt = p.openDeletes(rec)
		p.changes.add(s, nil)
	}
	for _, a := range sortedAddresses(p.current.deposed) {
		for _, rec := range p.current.deposed[a] {
			p.changes.add(Step{
				Address: a, Kind: rec.Kind, Action: ActionDestroy, Operation: resource.Delete, Reason: ReasonDeposed,
				Because: "replaced by an earlier run that did not remove it", Before: rec, Generation: rec.Generation, Adopt: p.openDeletes(rec),
			}, nil)
		}
	}
	p.removeOrphans()
}

func (p *planning) whyUnwanted(rec *resource.Record, block *hclconfig.Block) (Reason, string) {
	switch {
	case p.req.Mode == ModeDestroy:
		return ReasonDestroyMode, ""
	case block != nil && rec.Kind == resource.KindNode:
		if size, known := p.wanted.sizes[parent(rec.Address)]; known {
			return ReasonScaledDown, fmt.Sprintf("the size is %d now", size)
		}
	}
	return ReasonRemoved, ""
}

// forgotten tells whether a removed block says to leave an object alone.
func (p *planning) forgotten(a resource.Address) (resource.Address, bool) {
	if p.req.Mode == ModeDestroy {
		return "", false
	}
	for _, r := range p.desired.Removed {
		if from := resource.Address(r.From); !r.Destroy && from.Contains(a) {
			return from, true
		}
	}
	return "", false
}

// blocks finds the blocks of the configuration, also when nothing of them is wanted because all is to be destroyed.
func (p *planning) blocks() map[resource.Address]*hclconfig.Block {
	out := map[resource.Address]*hclconfig.Block{}
	for _, c := range p.desired.Clusters {
		out[resource.Address(c.Address)] = &c.Block
	}
	for _, np := range p.desired.NodePools {
		out[resource.Address(np.Address)] = &np.Block
	}
	for _, m := range p.desired.Manifests {
		out[resource.Address(m.Address)] = &m.Block
	}
	for _, w := range p.desired.Workloads {
		out[resource.Address(w.Address)] = &w.Block
	}
	return out
}

// blockAddress is the block that a recorded object belongs to.
func blockAddress(rec *resource.Record) resource.Address {
	if isWork(rec.Kind) {
		return rec.Address
	}
	if rec.Kind == resource.KindNode && !rec.Cluster.Contains(rec.Address) {
		return parent(rec.Address)
	}
	return rec.Cluster
}

// openDeletes are the intents of an interrupted removal of the same object.
func (p *planning) openDeletes(rec *resource.Record) []resource.Intent {
	var out []resource.Intent
	for _, in := range p.open[p.oldAddress(rec.Address)] {
		if in.Operation == resource.Delete && slices.Contains(in.IDs, rec.ID) {
			out = append(out, *in)
		}
	}
	return out
}

// removeOrphans plans the removal of what interrupted runs made and nobody wants, and of other objects with our tags.
func (p *planning) removeOrphans() {
	for i := range p.recoveries {
		r := &p.recoveries[i]
		if r.Intent.Operation != resource.Create {
			continue
		}
		for _, a := range sortedAddresses(r.Found) {
			if obj := r.Found[a]; !p.takenUp(r, a) {
				p.removeOrphan(&resource.Record{Object: *obj, Generation: max(1, r.Intent.Generation)}, a, []resource.Intent{r.Intent},
					"made by a run that was interrupted")
			}
		}
	}
	used := map[string]bool{}
	for _, f := range p.wanted.found {
		if f.used {
			used[f.record.ID] = true
		}
	}
	blocks := p.blocks()
	for _, rec := range p.current.orphans {
		switch {
		case used[rec.ID]:
		case p.manages(blocks, rec.Address):
			p.removeOrphan(rec, rec.Address, nil, "tagged as this cluster's and not recorded")
		default:
			p.changes.strangers = append(p.changes.strangers, rec)
		}
	}
}

// manages tells whether a block of the configuration decides on what is at an address. What no block speaks for may be
// there because it was forgotten on purpose, and is let be.
func (p *planning) manages(blocks map[resource.Address]*hclconfig.Block, a resource.Address) bool {
	if _, forgotten := p.forgotten(a); forgotten {
		return false
	}
	for b := range blocks {
		if b.Contains(a) {
			return true
		}
	}
	return false
}

// takenUp tells whether the record or a step has the object that an intent made.
func (p *planning) takenUp(r *resource.Recovery, a resource.Address) bool {
	if rec := p.seen.records[a]; rec != nil && rec.ID == r.Found[a].ID {
		return true
	}
	for _, rec := range p.seen.deposed[a] {
		if rec.ID == r.Found[a].ID {
			return true
		}
	}
	id, ok := p.changes.makes[renames(p.desired.Moved).rename(a)]
	if !ok {
		return false
	}
	return slices.ContainsFunc(p.changes.steps[id].Adopt, func(in resource.Intent) bool { return in.Seq == r.Intent.Seq && in.Token == r.Intent.Token })
}

func (p *planning) removeOrphan(rec *resource.Record, a resource.Address, adopt []resource.Intent, because string) {
	rec.Address = a
	p.changes.addOrphan(Step{
		Address: a, Kind: rec.Kind, Action: ActionDestroy, Operation: resource.Delete, Reason: ReasonOrphanRemoved,
		Because: rec.ID + " was " + because, Before: rec, Generation: rec.Generation, Adopt: adopt,
	})
}

// addOrphan adds the removal of an object beside the recorded one of its address; it is found like a deposed one.
func (c *changes) addOrphan(s Step) {
	id := int32(len(c.steps))
	s.ID, s.Pair = id, -1
	c.steps = append(c.steps, s)
	c.wants = append(c.wants, nil)
	c.deposed[s.Address] = append(c.deposed[s.Address], id)
}
