package hclconfig

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// clusterReference finds the address behind cluster = cluster.lab, or
// cluster.lab[each.key], without evaluating the cluster. It is false for any
// other expression, and for one that will fail, which evaluation then reports.
func (s *scope) clusterReference(a *argument, e env) (Address, bool) {
	if a.schema == nil || a.schema.Form != formCluster {
		return "", false
	}
	expr := a.expr
	var index hclsyntax.Expression
	if x, ok := expr.(*hclsyntax.IndexExpr); ok {
		expr, index = x.Collection, x.Key
	}
	t, found := hcl.AbsTraversalForExpr(expr)
	if found.HasErrors() || t.RootName() != "cluster" {
		return "", false
	}
	name, ok := attrStep(t, 1)
	g := s.groups["cluster."+name]
	if !ok || g == nil || !g.expand() {
		return "", false
	}
	switch {
	case g.object.forEach == nil && len(t) == 2 && index == nil:
		return s.reach(g.instances[0])
	case g.object.forEach != nil && index == nil && len(t) == 3:
		key, _ := indexStep(t, 2)
		return s.reach(g.byKey[key])
	case g.object.forEach != nil && index != nil && len(t) == 2:
		refs := index.Variables()
		v, found := index.Value(s.context(refs, nil, e))
		if found.HasErrors() || v.IsMarked() || !v.IsKnown() || v.IsNull() || v.Type() != cty.String {
			return "", false
		}
		return s.reach(g.byKey[v.AsString()])
	}
	return "", false
}

func (s *scope) reach(i *instance) (Address, bool) {
	if i == nil || !i.enabled {
		return "", false
	}
	i.mention()
	return i.address, true
}
