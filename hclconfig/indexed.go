package hclconfig

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// indexedRef is a reference with a computed key: node_pool.w[each.key].size.
// HCL counts it as one to all of node_pool.w; knowing the key first keeps it
// to one instance, and what it depends on as well.
type indexedRef struct {
	collection hcl.Traversal
	key        hclsyntax.Expression
	keyRefs    []hcl.Traversal
	rest       hcl.Traversal
}

// findIndexed finds such references in an expression. refs are the references
// of the whole expression: a key that uses names of a for expression is none
// that could be known before.
func findIndexed(expr hcl.Expression, refs []hcl.Traversal) []indexedRef {
	node, ok := expr.(hclsyntax.Expression)
	if !ok || len(refs) < 2 {
		return nil
	}
	free := map[hcl.Range]bool{}
	for _, t := range refs {
		free[t.SourceRange()] = true
	}
	var out []indexedRef
	rests := map[*hclsyntax.IndexExpr]hcl.Traversal{}
	_ = hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
		if rel, ok := n.(*hclsyntax.RelativeTraversalExpr); ok {
			if index, ok := rel.Source.(*hclsyntax.IndexExpr); ok {
				rests[index] = rel.Traversal
			}
			return nil
		}
		index, ok := n.(*hclsyntax.IndexExpr)
		if !ok {
			return nil
		}
		scope, ok := index.Collection.(*hclsyntax.ScopeTraversalExpr)
		if !ok || len(scope.Traversal) != 2 || !(isMainType(scope.Traversal.RootName()) || scope.Traversal.RootName() == "module") {
			return nil
		}
		keyRefs := index.Key.Variables()
		if !slices.ContainsFunc(keyRefs, func(t hcl.Traversal) bool { return !free[t.SourceRange()] }) {
			out = append(out, indexedRef{collection: scope.Traversal, key: index.Key, keyRefs: keyRefs, rest: rests[index]})
		}
		return nil
	})
	return out
}

// traversal is the reference with its key known. It is false while that is not
// known, or cannot be had; the whole is then referred to.
func (x indexedRef) traversal(s *scope, e env) (hcl.Traversal, bool) {
	key, found := x.key.Value(s.context(x.keyRefs, nil, e))
	if found.HasErrors() || key.IsMarked() || !key.IsKnown() || key.IsNull() {
		return nil, false
	}
	text, err := convert.Convert(key, cty.String)
	if err != nil {
		return nil, false
	}
	out := slices.Clone(x.collection)
	out = append(out, hcl.TraverseIndex{Key: text})
	return append(out, x.rest...), true
}
