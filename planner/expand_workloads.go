package planner

import (
	"github.com/zclconf/go-cty/cty"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// expandWorkloads makes objects of the blocks that run on a cluster.
func (p *planning) expandWorkloads(c *cluster) {
	if !p.orchestrates(c.Orchestrator) {
		return
	}
	for _, m := range p.desired.Manifests {
		if m.Cluster == c.Address {
			o := p.own(&m.Block, resource.Address(m.Address), c)
			p.wantWork(c, o, func() (resource.Spec, Content, error) { return work(p.req.Orchestration.Manifest(c.Cluster, m)) }, p.manifestIdentity(m))
		}
	}
	for _, w := range p.desired.Workloads {
		if w.Cluster == c.Address {
			o := p.own(&w.Block, resource.Address(w.Address), c)
			p.wantWork(c, o, func() (resource.Spec, Content, error) { return work(p.req.Orchestration.Workload(c.Cluster, w)) }, p.workloadIdentity(w))
		}
	}
}

// work gives the results of both kinds one type; without it a nil pointer would be a Spec that is not nil.
func work[S resource.Spec](spec S, content Content, err error) (resource.Spec, Content, error) {
	return spec, content, err
}

// wantWork wants a workload or manifest. One with values that are known after apply is only known by its name until then.
func (p *planning) wantWork(c *cluster, o *owner, render func() (resource.Spec, Content, error), identity resource.Spec) {
	spec := identity
	if len(o.block.Unknown) == 0 {
		made, content, err := render()
		if err != nil {
			p.failTurn(o.block, o.address, "Cannot be run as it is written", "%s: this cannot be made into what %s runs: %s", o.address, c.Orchestrator, callText(err))
			return
		}
		p.wanted.contents[content.Digest] = content
		spec = made
	}
	p.takeLive(o.address, spec)
	p.wanted.add(o, nil, o.address, spec)
}

// takeLive gives a wanted object what its record says of the orchestrator's own objects, as it was before the refresh: what
// the refresh found different is drift, to be undone.
func (p *planning) takeLive(a resource.Address, spec resource.Spec) {
	rec, gone := p.current.at(a)
	if rec == nil || gone {
		return
	}
	if before := p.current.before[a]; before != nil {
		rec = before
	}
	switch s := spec.(type) {
	case *resource.Workload:
		if was, ok := rec.Spec.(*resource.Workload); ok {
			s.Live = was.Live
		}
	case *resource.Manifest:
		if was, ok := rec.Spec.(*resource.Manifest); ok {
			s.Live = was.Live
		}
	}
}

// workloadIdentity is a workload as far as it is known for sure: as recorded, but for what the block says.
func (p *planning) workloadIdentity(w *hclconfig.Workload) *resource.Workload {
	out := &resource.Workload{Name: w.Name}
	if rec, gone := p.current.at(resource.Address(w.Address)); rec != nil && !gone {
		if was, ok := rec.Spec.(*resource.Workload); ok {
			out = resource.Clone(was)
		}
	}
	for _, c := range p.desired.Clusters {
		if c.Address == w.Cluster {
			out.Orchestrator = string(c.Orchestrator)
		}
	}
	out.Namespace, out.Type = w.Namespace, string(w.Kind)
	return out
}

// manifestIdentity is the same for a manifest.
func (p *planning) manifestIdentity(m *hclconfig.Manifest) *resource.Manifest {
	out := &resource.Manifest{}
	if rec, gone := p.current.at(resource.Address(m.Address)); rec != nil && !gone {
		if was, ok := rec.Spec.(*resource.Manifest); ok {
			out = resource.Clone(was)
		}
	}
	out.Wait = m.Wait
	for _, part := range []struct {
		field *string
		path  []string
	}{
		{&out.APIVersion, []string{"apiVersion"}}, {&out.ObjectKind, []string{"kind"}},
		{&out.Namespace, []string{"metadata", "namespace"}}, {&out.Name, []string{"metadata", "name"}},
	} {
		if s := textAt(m.Object, part.path...); s != "" {
			*part.field = s
		}
	}
	return out
}

// textAt is a text within an object value; "" where there is none, or it is not known, or sensitive.
func textAt(v cty.Value, path ...string) string {
	for _, name := range path {
		switch {
		case v == cty.NilVal || v.IsMarked() || !v.IsKnown() || v.IsNull():
			return ""
		case v.Type().IsObjectType() && v.Type().HasAttribute(name):
			v = v.GetAttr(name)
		case v.Type().IsMapType():
			key := cty.StringVal(name)
			if has := v.HasIndex(key); !has.IsKnown() || has.False() {
				return ""
			}
			v = v.Index(key)
		default:
			return ""
		}
	}
	if v.IsMarked() || !v.IsKnown() || v.IsNull() || v.Type() != cty.String {
		return ""
	}
	return v.AsString()
}

// isWork tells the kinds that run on a cluster from those that it is made of.
func isWork(k resource.Kind) bool { return k == resource.KindWorkload || k == resource.KindManifest }

// workPaths translates ignore_changes and the unknown arguments of a workload or manifest. What is made of it is one
// content, so that with one value nothing of it is known.
func workPaths(b *hclconfig.Block, kind resource.Kind) paths {
	var out paths
	for _, a := range b.Lifecycle.IgnoreChanges {
		if a == "all" {
			out.ignoreAll = true
			continue
		}
		if kind == resource.KindManifest && pathIn(a, "object") {
			a = trimDot(a[len("object"):])
		}
		if a == "" {
			out.ignore = append(out.ignore, "attributes")
			continue
		}
		out.ignore = append(out.ignore, "attributes."+a)
	}
	if len(out.ignore) > 0 || out.ignoreAll {
		out.ignore = append(out.ignore, "live")
	}
	if len(b.Unknown) > 0 {
		out.unknown = []string{"attributes", "content"}
	}
	return out
}

func trimDot(s string) string {
	if s != "" && s[0] == '.' {
		return s[1:]
	}
	return s
}

// contentOf is the digest of what is applied of an object.
func contentOf(s resource.Spec) string {
	switch s := s.(type) {
	case *resource.Workload:
		return s.Content
	case *resource.Manifest:
		return s.Content
	}
	return ""
}

// withoutLive is a spec that says nothing of objects that are there: those of another name are not its own.
func withoutLive(s resource.Spec) resource.Spec {
	switch s := s.(type) {
	case *resource.Workload:
		s = resource.Clone(s)
		s.Live = nil
		return s
	case *resource.Manifest:
		s = resource.Clone(s)
		s.Live = nil
		return s
	}
	return s
}
