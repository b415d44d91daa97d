package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// difference is what one object's comparison comes to.
type difference struct {
	spec    resource.Spec
	fields  []resource.FieldChange
	unknown []string
	replace bool
	// repair: something is not well that shows in no field.
	repair  bool
	reason  Reason
	because string
	// destroyFirst: the old object must be gone before the new one is made.
	destroyFirst bool
}

func (p *planning) difference(w *want, rec *resource.Record) difference {
	d := difference{spec: w.spec}
	ps := w.owner.pathsOf(w.spec.Kind())
	d.fields = soften(w.spec.Kind(), resource.Diff(rec.Spec, w.spec))
	if len(d.fields) > 0 && (ps.ignoreAll || len(ps.ignore) > 0) {
		d.ignore(rec, ps)
	}
	if len(ps.unknown) > 0 {
		d.addUnknown(rec, ps)
	}
	if len(d.fields) > 0 {
		d.classify(p, w, rec)
	}
	if rec.Region != w.owner.region {
		d.fields = append(d.fields, resource.FieldChange{Path: "region", Old: rec.Region, New: w.owner.region, Effect: resource.EffectReplace})
		d.replace, d.destroyFirst, d.reason, d.because = true, true, ReasonCannotUpdate, "region"
	}
	if len(p.changes.renewed) > 0 {
		d.follow(p, w, rec)
		d.leave(p, rec)
	}
	switch {
	case rec.Tainted:
		d.replace, d.reason, d.because = true, ReasonTainted, ""
	case p.replaceRequested(w.address):
		d.replace, d.reason, d.because = true, ReasonRequested, ""
	case (w.group != nil || isWork(rec.Kind)) && w.owner.triggered != "" && !d.replace:
		d.replace, d.reason, d.because = true, ReasonTriggered, w.owner.triggered
	}
	d.revive(p, w, rec)
	if !d.replace {
		d.mend(p, w, rec)
	}
	return d
}

// soften lowers the effect of a difference that can be mended in place although a change of the field cannot, as is left
// by a create that ended part-way: an instance without a profile can be given one, a balancer without a listener too,
// and a gateway that is attached nowhere can be attached.
func soften(k resource.Kind, fields []resource.FieldChange) []resource.FieldChange {
	for i := range fields {
		f := &fields[i]
		switch {
		case k == resource.KindNode && f.Path == "profile" && f.Old == nil,
			k == resource.KindLoadBalancer && f.Path == "port" && f.Old == 0,
			k == resource.KindInternetGateway && f.Path == "vpc" && f.Old == nil:
			f.Effect = resource.EffectUpdate
		}
	}
	return fields
}

// ignore drops the differences that ignore_changes names; the object wanted has what is there.
func (d *difference) ignore(rec *resource.Record, ps paths) {
	var spec resource.Spec
	d.fields = slices.DeleteFunc(d.fields, func(f resource.FieldChange) bool {
		if !ps.ignoreAll && !slices.ContainsFunc(ps.ignore, func(path string) bool { return pathIn(f.Path, path) }) {
			return false
		}
		if spec == nil {
			spec = resource.Clone(d.spec)
		}
		resource.CopyField(spec, rec.Spec, f.Path)
		if f.Path == "user_data" {
			resource.CopyField(spec, rec.Spec, "setup") // what it is for stays with it
		}
		return true
	})
	if isWork(rec.Kind) && onlyContent(d.fields) {
		d.fields = nil // it differs for what is ignored
		if spec != nil {
			resource.CopyField(spec, rec.Spec, "content")
		}
	}
	if spec != nil {
		d.spec = spec
	}
}

// addUnknown counts what is known after apply only as a change.
func (d *difference) addUnknown(rec *resource.Record, ps paths) {
	for _, path := range ps.unknown {
		d.fields = slices.DeleteFunc(d.fields, func(f resource.FieldChange) bool { return pathIn(f.Path, path) })
		name, _, _ := strings.Cut(path, ".")
		effect, _ := resource.FieldEffect(rec.Kind, name)
		f := resource.FieldChange{Path: path, Effect: effect, Unknown: true}
		if path != "attributes" { // a long list of what may well stay
			f.Old = resource.FieldValue(rec.Spec, path)
		}
		d.fields = append(d.fields, f)
	}
	d.unknown = ps.unknown
}

// classify tells why there are differences and what they need.
func (d *difference) classify(p *planning, w *want, rec *resource.Record) {
	effect := resource.StrongestEffect(d.fields)
	d.replace = effect == resource.EffectReplace || effect == resource.EffectRoll
	d.reason = ReasonConfigChanged
	if old := p.current.before[w.address]; old != nil && len(resource.Diff(old.Spec, d.spec)) == 0 && len(d.unknown) == 0 {
		d.reason = ReasonDrifted
		return
	}
	if !d.replace {
		return
	}
	var names []string
	for _, f := range d.fields {
		if f.Effect == effect {
			names = append(names, f.Path)
		}
	}
	switch {
	case effect == resource.EffectReplace:
		d.reason, d.because = ReasonCannotUpdate, strings.Join(names, ", ")
	case w.group != nil && w.group.imageRoll && len(names) == 1 && names[0] == "image" && sameImageRef(rec.Spec, d.spec):
		d.reason = ReasonImageUpdate
	}
}

func sameImageRef(a, b resource.Spec) bool {
	x, ok1 := a.(*resource.Node)
	y, ok2 := b.(*resource.Node)
	return ok1 && ok2 && x.ImageRef == y.ImageRef
}

// specRefs are the references of a spec, with what the replacement of their object means.
type specRefs []specRef

type specRef struct {
	to     resource.Address
	path   string
	effect resource.Effect
}

func (c *changes) refsOf(self resource.Address, s resource.Spec) specRefs {
	if got, ok := c.refs[s]; ok {
		return got
	}
	var out specRefs
	replacing := resource.ReplacingRefs(s)
	for _, a := range resource.Refs(self, s) {
		e, ok := replacing[a]
		if !ok {
			e = resource.EffectUpdate
		}
		if e != resource.EffectNone {
			out = append(out, specRef{to: a, path: resource.RefField(s, a), effect: e})
		}
	}
	c.refs[s] = out
	return out
}

// follow adds what it means that objects referred to get another id.
func (d *difference) follow(p *planning, w *want, rec *resource.Record) {
	for _, r := range p.changes.refsOf(w.address, d.spec) {
		renewal, renewed := p.changes.renewed[r.to]
		if !renewed {
			continue
		}
		if rec.Kind == resource.KindLoadBalancer && !renewal.createFirst {
			r.effect = resource.EffectReplace // its addresses hold the subnet, which has to go first
		}
		old := resource.FieldValue(rec.Spec, r.path)
		if !slices.ContainsFunc(d.fields, func(f resource.FieldChange) bool { return f.Path == r.path }) {
			d.fields = append(d.fields, resource.FieldChange{Path: r.path, Old: old, Effect: r.effect, Unknown: true})
		}
		if r.effect == resource.EffectUpdate {
			if d.reason == "" {
				d.reason, d.because = ReasonReplacedBecauseOf, string(r.to)
			}
			continue
		}
		if !d.replace {
			d.reason, d.because = ReasonReplacedBecauseOf, string(r.to)
		}
		d.replace = true
		d.destroyFirst = d.destroyFirst || !renewal.createFirst
	}
}

// leave replaces a node whose cluster gets other credentials: it is another cluster, and nodes of the old one must be gone
// before theirs are.
func (d *difference) leave(p *planning, rec *resource.Record) {
	if rec.Kind != resource.KindNode {
		return
	}
	if _, renewed := p.changes.renewed[credentialsOf(rec.Cluster)]; !renewed {
		return
	}
	if !d.replace {
		d.reason, d.because = ReasonReplacedBecauseOf, string(credentialsOf(rec.Cluster))
	}
	d.replace, d.destroyFirst = true, true
}

// mend goes on with what ended part-way or does not run.
func (d *difference) mend(p *planning, w *want, rec *resource.Record) {
	switch why := p.current.unwell[w.address]; {
	case rec.Incomplete:
		d.repair, d.reason, d.because = true, ReasonIncomplete, rec.LastError
	case !stands(rec):
		d.repair, d.reason, d.because = true, ReasonIncomplete, fmt.Sprintf("its phase is %s", rec.Phase)
	case p.interrupted(w.address, rec):
		d.repair, d.reason, d.because = true, ReasonIncomplete, "a run was interrupted while it changed this"
	case why != "":
		d.repair, d.reason, d.because = true, ReasonDrifted, why
	case (isWork(rec.Kind) || comesBack(rec.Spec)) && p.controlPlaneLost(rec.Cluster):
		d.repair, d.reason, d.because = true, ReasonReplacedBecauseOf, string(controlPlaneOf(rec.Cluster))
	}
}

// comesBack tells nodes that come to a new control plane by themselves: of Kubernetes, since its authorities are those that
// they know, and of a Swarm, since they look for one that took the place of theirs. They are waited for, and told again what
// the files say of them.
func comesBack(s resource.Spec) bool {
	n, isNode := s.(*resource.Node)
	return isNode && n.Role == roleWorker && (n.Orchestrator == string(hclconfig.Kubernetes) || n.Orchestrator == string(hclconfig.Swarm))
}

// revive replaces a node that is beyond being started again. Its place is empty as it is, so the old one goes first.
func (d *difference) revive(p *planning, w *want, rec *resource.Record) {
	why, isDead := p.current.dead[w.address]
	if !isDead || rec.Incomplete || w.protected() {
		return
	}
	d.destroyFirst = true
	if !d.replace {
		d.replace, d.reason, d.because = true, ReasonDrifted, why
	}
}

// onlyContent tells whether nothing differs but the native objects.
func onlyContent(fields []resource.FieldChange) bool {
	return len(fields) == 1 && fields[0].Path == "content"
}

// interrupted tells whether an open intent says that the object's making or change did not end.
func (p *planning) interrupted(a resource.Address, rec *resource.Record) bool {
	return slices.ContainsFunc(p.open[p.oldAddress(a)], func(in *resource.Intent) bool {
		return in.Operation == resource.Update || in.Operation == resource.Create && in.Generation == rec.Generation
	})
}

// oldAddress is the address that the record has.
func (p *planning) oldAddress(a resource.Address) resource.Address {
	return cmp.Or(p.current.moved[a], a)
}
