package hclconfig

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// refTree is the part of everything that an expression mentions, so that no
// more than that is ever computed.
type refTree struct {
	whole cty.Value
	kids  map[string]*refTree
}

func (t *refTree) at(path ...string) *refTree {
	for _, p := range path {
		next := t.kids[p]
		if next == nil {
			if t.kids == nil {
				t.kids = map[string]*refTree{}
			}
			next = &refTree{}
			t.kids[p] = next
		}
		t = next
	}
	return t
}

func (t *refTree) value() cty.Value {
	if t.whole != cty.NilVal {
		return t.whole
	}
	attrs := make(map[string]cty.Value, len(t.kids))
	for name, kid := range t.kids {
		attrs[name] = kid.value()
	}
	return cty.ObjectVal(attrs)
}

// context holds what the references mention, and the functions.
func (s *scope) context(refs []hcl.Traversal, indexed []indexedRef, e env) *hcl.EvalContext {
	ctx := &hcl.EvalContext{Functions: s.ev.functions}
	if len(refs) == 0 {
		return ctx
	}
	var tree refTree
	ctx.Variables = make(map[string]cty.Value, 2)
	for _, t := range refs {
		for _, x := range indexed {
			if x.collection.SourceRange() == t.SourceRange() {
				if precise, ok := x.traversal(s, e); ok {
					t = precise
				}
				break
			}
		}
		s.resolve(t, e, &tree)
	}
	for name, kid := range tree.kids {
		ctx.Variables[name] = kid.value()
	}
	return ctx
}

// resolve puts what one reference stands for into the tree. References to
// what is not declared were reported by Load; they stand for a failure.
func (s *scope) resolve(t hcl.Traversal, e env, tree *refTree) {
	root := t.RootName()
	if v, ok := e.iterators[root]; ok {
		tree.at(root).whole = v
		return
	}
	if root == "each" {
		if e.each == cty.NilVal {
			tree.at("each").whole = failure()
		} else {
			tree.at("each").whole = e.each
		}
		return
	}
	switch root {
	case "path":
		tree.at("path").whole = s.paths
		return
	case "clusterform":
		tree.at("clusterform").whole = s.ev.settings
		return
	}
	name, ok := attrStep(t, 1)
	if !ok {
		tree.at(root).whole = failure()
		return
	}
	switch root {
	case "var":
		tree.at("var", name).whole = s.variable(name)
	case "local":
		tree.at("local", name).whole = s.local(name)
	case "module":
		s.resolveModule(t, name, tree.at("module", name))
	default:
		if g := s.groups[root+"."+name]; g != nil {
			g.resolve(t, tree.at(root, name))
			return
		}
		tree.at(root, name).whole = failure()
	}
}

// resolve for an object: cluster.lab.endpoint, node_pool.worker["blue"].size…
func (g *group) resolve(t hcl.Traversal, tree *refTree) {
	if tree.whole != cty.NilVal {
		return
	}
	if !g.expand() {
		tree.whole = failure()
		return
	}
	if g.object.forEach == nil {
		i := g.instances[0]
		if attr, ok := attrStep(t, 2); ok && i.enabled {
			i.mention()
			tree.at(attr).whole = i.item(attr)
			return
		}
		tree.whole = i.value()
		return
	}
	if _, ok := attrStep(t, 2); ok {
		tree.whole = failure() // the key is missing, which Load reported
		return
	}
	key, ok := indexStep(t, 2)
	if !ok {
		tree.whole = g.value()
		return
	}
	i := g.byKey[key]
	if i == nil || !i.enabled {
		return // the key is missing from the object, as HCL will say
	}
	if attr, ok := attrStep(t, 3); ok {
		i.mention()
		tree.at(key, attr).whole = i.item(attr)
		return
	}
	tree.at(key).whole = i.value()
}

// resolveModule puts a module's outputs into the tree.
func (s *scope) resolveModule(t hcl.Traversal, name string, tree *refTree) {
	g := s.calls[name]
	if g == nil || !g.expand() {
		tree.whole = failure()
		return
	}
	if tree.whole != cty.NilVal {
		return
	}
	if g.call.forEach == nil {
		if len(g.scopes) == 0 {
			tree.whole = cty.NullVal(cty.DynamicPseudoType)
			return
		}
		if out, ok := attrStep(t, 2); ok {
			tree.at(out).whole = g.scopes[0].output(out)
			return
		}
		tree.whole = g.scopes[0].outputsValue()
		return
	}
	if _, ok := attrStep(t, 2); ok {
		tree.whole = failure() // the key is missing, which Load reported
		return
	}
	key, ok := indexStep(t, 2)
	if !ok {
		tree.whole = g.value()
		return
	}
	child := g.byKey[key]
	if child == nil {
		return
	}
	if out, ok := attrStep(t, 3); ok {
		tree.at(key, out).whole = child.output(out)
		return
	}
	tree.at(key).whole = child.outputsValue()
}

func attrStep(t hcl.Traversal, i int) (string, bool) {
	if i >= len(t) {
		return "", false
	}
	a, ok := t[i].(hcl.TraverseAttr)
	return a.Name, ok
}

// indexStep reads an index by a string.
func indexStep(t hcl.Traversal, i int) (string, bool) {
	if i >= len(t) {
		return "", false
	}
	x, ok := t[i].(hcl.TraverseIndex)
	if !ok || x.Key.Type() != cty.String || !x.Key.IsKnown() || x.Key.IsNull() {
		return "", false
	}
	return x.Key.AsString(), true
}
