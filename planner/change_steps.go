package planner

import (
	"github.com/clusterform/clusterform/planner/resource"
)

// step begins a step that leaves an object behind.
func (w *want) step(spec resource.Spec) Step {
	return Step{
		Address: w.address, Kind: spec.Kind(), After: w.object(spec),
		Protected: w.protected(), DependsOn: w.owner.dependsOn,
	}
}

// create plans a new object, or takes up what an interrupted run made of it.
func (p *planning) create(w *want, generation int, reason Reason, because string) {
	s := w.step(p.ofItsOwn(w, w.spec))
	s.Action, s.Operation, s.Reason, s.Because, s.Generation = ActionCreate, resource.Create, reason, because, generation
	s.Unknown = w.owner.pathsOf(w.spec.Kind()).unknown
	p.takeIntents(&s)
	if len(s.Adopt) > 0 && s.Reason == ReasonOrphanAdopted {
		s.Action = ActionAdopt
	}
	p.changes.add(s, w)
}

// takeIntents gives a creation the open intents of the same object.
func (p *planning) takeIntents(s *Step) {
	for _, o := range p.changes.open[p.oldAddress(s.Address)] {
		in := o.recovery.Intent
		if in.Generation != s.Generation && in.Generation != 0 {
			continue
		}
		s.Adopt = append(s.Adopt, in)
		if o.found != nil && s.Reason != ReasonOrphanAdopted {
			s.Reason, s.Because = ReasonOrphanAdopted, o.found.ID+" was made by a run that ended before it could record it"
		}
	}
}

// update plans a change in place.
func (p *planning) update(w *want, rec *resource.Record, d difference) {
	after := d.spec
	if after == w.spec { // specs are shared between nodes; computed values are each one's own
		after = resource.Clone(after)
	}
	resource.TakeComputed(after, rec.Spec)
	s := w.step(after)
	s.After.ID = rec.ID
	s.Action, s.Operation, s.Reason, s.Because = ActionUpdate, resource.Update, d.reason, d.because
	s.Before, s.Fields, s.Unknown, s.Generation = rec, d.fields, d.unknown, rec.Generation
	p.takeIntents(&s)
	if s.Reason == ReasonOrphanAdopted {
		s.Reason, s.Because = d.reason, d.because
	}
	p.changes.add(s, w)
}

// replace plans the two steps of a replacement.
func (p *planning) replace(w *want, rec *resource.Record, d difference) {
	p.refuseIfProtected(w.owner.block, rec)
	action, createFirst := ActionReplace, false
	switch {
	case d.destroyFirst:
	case w.group != nil:
		action = ActionRoll // the lanes decide on the order
	default:
		createFirst = w.owner.block.Lifecycle.CreateBeforeDestroy && p.canCreateFirst(w)
	}
	p.changes.renewed[w.address] = renewal{createFirst: createFirst || action == ActionRoll}
	s := w.step(p.ofItsOwn(w, withoutLive(d.spec)))
	s.Action, s.Operation, s.Reason, s.Because, s.CreateFirst = action, resource.Create, d.reason, d.because, createFirst
	s.Fields, s.Unknown, s.Generation = d.fields, d.unknown, rec.Generation+1
	p.takeIntents(&s)
	if s.Reason == ReasonOrphanAdopted {
		s.Because = d.because + s.Because
		s.Reason = d.reason
	}
	create := p.changes.add(s, w)
	del := p.changes.add(Step{
		Address: w.address, Kind: rec.Kind, Action: action, Operation: resource.Delete, Reason: d.reason, Because: d.because,
		CreateFirst: createFirst, Before: rec, Generation: rec.Generation, Adopt: p.openDeletes(rec),
	}, w)
	p.changes.steps[create].Pair, p.changes.steps[del].Pair = del, create
}

// canCreateFirst tells whether two objects of the kind can exist side by side: names of roles and balancers are unique in
// an account; those of groups, and the addresses of subnets, in a VPC, so that a new VPC makes room for them.
func (p *planning) canCreateFirst(w *want) bool {
	switch s := w.spec.(type) {
	case *resource.VPC, *resource.ElasticIP:
		return true
	case *resource.InternetGateway:
		return p.changes.renewed[resource.Address(s.VPC)].createFirst
	case *resource.Subnet:
		return p.changes.renewed[resource.Address(s.VPC)].createFirst
	case *resource.SecurityGroup:
		return p.changes.renewed[resource.Address(s.VPC)].createFirst
	case *resource.RouteTable:
		return p.changes.renewed[resource.Address(s.VPC)].createFirst
	case *resource.SecurityGroupRules:
		return p.changes.renewed[resource.Address(s.Group)].createFirst
	}
	return false
}

// takeUp plans to record an object that exists outside the record. false means that it cannot become what is wanted: it
// is removed, if it is ours, and another one made.
func (p *planning) takeUp(w *want, f *foundObject) bool {
	rec := f.record
	fields := soften(w.spec.Kind(), resource.DiffObserved(rec.Spec, w.spec))
	effect := resource.StrongestEffect(fields)
	if effect == resource.EffectReplace || effect == resource.EffectRoll {
		if f.imported {
			p.failImport(w, rec, fields)
			return true
		}
		return false
	}
	if n, isNode := w.spec.(*resource.Node); isNode && !f.imported && p.current.digests[rec.ID] != resource.SpecDigest(n) {
		return false // its user-data and the like cannot be read back: another launch may have been another node
	}
	f.used = true
	after := resource.Clone(w.spec)
	resource.TakeComputed(after, rec.Spec)
	s := w.step(after)
	s.After.ID, s.Before, s.Fields, s.Generation = rec.ID, rec, fields, max(1, rec.Generation)
	s.Unknown = w.owner.pathsOf(w.spec.Kind()).unknown
	switch {
	case f.imported:
		s.Action, s.Operation, s.Reason, s.ImportID = ActionImport, resource.Update, ReasonImported, rec.ID
	default:
		s.Action, s.Reason, s.Because = ActionAdopt, ReasonOrphanAdopted, rec.ID+" is tagged as this and was not recorded"
		if len(fields) > 0 || len(s.Unknown) > 0 {
			s.Operation = resource.Update
		}
	}
	p.changes.add(s, w)
	return true
}

func (p *planning) failImport(w *want, rec *resource.Record, fields []resource.FieldChange) {
	for _, f := range fields {
		if f.Effect == resource.EffectUpdate {
			continue
		}
		p.failTurn(w.owner.block, w.address, "Import would replace the object",
			"%s is to become %s, but its %s is %v and the configuration wants %v, which would mean a new object. Change the configuration to what there is.",
			rec.ID, w.address, f.Path, shown(f.Old), shown(f.New))
	}
}

// shown makes a value fit for a sentence.
func shown(v any) any {
	if v == nil {
		return "not set"
	}
	return v
}
