package planner

import (
	"context"
	"slices"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// changes are the steps as they are found, before they are ordered.
type changes struct {
	steps []Step
	// wants are the wants behind the steps, by step; nil for what is not wanted.
	wants []*want
	// makes, deletes and moves find a step by address; deposed those that remove replaced objects.
	makes, deletes, moves map[resource.Address]int32
	deposed               map[resource.Address][]int32
	// renewed are the addresses whose object gets another id.
	renewed map[resource.Address]renewal
	protect map[resource.Address]bool
	noOp    int
	// refused are the blocks whose protected objects would go, with the first of those.
	refused map[resource.Address]refusal
	open    openCreates
	// lost remembers the answers of controlPlaneLost.
	lost map[resource.Address]bool
	refs map[resource.Spec]specRefs
	// strangers are tagged as a cluster's, and neither record nor configuration knows them.
	strangers []*resource.Record
}

// renewal is how an object is replaced.
type renewal struct {
	createFirst bool
}

func (p *planning) newChanges() *changes {
	return &changes{
		makes: map[resource.Address]int32{}, deletes: map[resource.Address]int32{}, moves: map[resource.Address]int32{},
		deposed: map[resource.Address][]int32{}, renewed: map[resource.Address]renewal{}, protect: map[resource.Address]bool{},
		refused: map[resource.Address]refusal{}, lost: map[resource.Address]bool{}, open: p.openCreates(), refs: map[resource.Spec]specRefs{},
	}
}

// add appends a step and returns its index.
func (c *changes) add(s Step, w *want) int32 {
	id := int32(len(c.steps))
	s.ID, s.Pair = id, -1
	c.steps = append(c.steps, s)
	c.wants = append(c.wants, w)
	switch {
	case s.Action == ActionMove:
		c.moves[s.Address] = id
	case s.Operation == resource.Delete && s.Before != nil && s.Before.Deposed:
		c.deposed[s.Address] = append(c.deposed[s.Address], id)
	case s.Operation == resource.Delete:
		c.deletes[s.Address] = id
	case s.After != nil:
		c.makes[s.Address] = id
	}
	return id
}

// compare finds what has to change. An object's own differences come first, then what the replacement of others means
// for it: kinds are gone through in the order of their making, so that those are known.
func (p *planning) compare(context.Context) {
	for {
		p.changes = p.newChanges()
		if p.req.Mode != ModeRefreshOnly {
			p.moveSteps()
			p.compareWanted()
			p.compareUnwanted()
		}
		if !p.fireTriggers() {
			break
		}
	}
	p.refuseProtected()
}

func (p *planning) compareWanted() {
	byKind := map[resource.Kind][]int32{}
	for i := range p.wanted.list {
		k := p.wanted.list[i].spec.Kind()
		byKind[k] = append(byKind[k], int32(i))
	}
	for _, k := range resource.Kinds() {
		for _, i := range byKind[k] {
			w := &p.wanted.list[i]
			p.takeOrphan(w)
			p.compareOne(w)
		}
	}
}

// compareOne decides on one object.
func (p *planning) compareOne(w *want) {
	rec, gone := p.current.at(w.address)
	switch {
	case rec == nil || gone:
		if f := p.wanted.found[w.address]; f != nil && p.takeUp(w, f) {
			return
		}
		if gone {
			p.create(w, rec.Generation+1, ReasonGone, p.current.gone[w.address])
			p.changes.renewed[w.address] = renewal{}
			return
		}
		p.create(w, 1, ReasonNew, "")
		return
	}
	c := p.difference(w, rec)
	switch {
	case c.replace:
		p.replace(w, rec, c)
	case len(c.fields) > 0 || c.repair:
		p.update(w, rec, c)
	default:
		p.changes.noOp++
		if rec.Protected != w.protected() {
			p.changes.protect[w.address] = w.protected()
		}
	}
}

func (p *planning) replaceRequested(a resource.Address) bool {
	return slices.ContainsFunc(p.replaced, func(r resource.Address) bool { return r.Contains(a) })
}

func (w *want) protected() bool { return w.owner.block.Lifecycle.PreventDestroy }

// fireTriggers looks for replace_triggered_by blocks whose trigger now changes; true means to compare again.
func (p *planning) fireTriggers() bool {
	fired := false
	for _, o := range p.wanted.owners {
		if o.triggered != "" {
			continue
		}
		for _, t := range o.block.Lifecycle.ReplaceTriggeredBy {
			if p.changes.touches(t) {
				o.triggered, fired = string(t), true
				break
			}
		}
	}
	return fired
}

// touches tells whether an object that was there, and stays, changes or is replaced.
func (c *changes) touches(t hclconfig.Address) bool {
	for i := range c.steps {
		switch s := &c.steps[i]; s.Action {
		case ActionUpdate, ActionReplace, ActionRoll: // more nodes of a pool, or less, change none of those that stay
			if resource.Address(t).Contains(s.Address) {
				return true
			}
		}
	}
	return false
}
