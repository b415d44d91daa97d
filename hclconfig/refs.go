package hclconfig

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// refScope says which names of repetition may be mentioned at a place.
type refScope struct {
	each      bool
	iterators []string
	self      string // variable whose validation this is
}

// checkReferences finds references to what is not declared, in every
// expression of the module, before anything is evaluated.
func (m *module) checkReferences(diags *Diagnostics) {
	for _, v := range m.variableOrder {
		for _, b := range v.validations {
			m.checkBlock(b, refScope{self: v.name}, diags)
		}
	}
	for _, a := range m.localOrder {
		m.checkArgument(a, refScope{}, diags)
	}
	for _, o := range m.outputOrder {
		m.checkBlock(o.block, refScope{}, diags)
		m.checkDependencies(o.dependsOn, diags)
	}
	for _, o := range m.objectOrder {
		m.checkBlock(o.block, refScope{each: o.forEach != nil}, diags)
		m.checkDependencies(o.dependsOn, diags)
		m.checkDependencies(o.lifecycle.replaceTriggeredBy, diags)
	}
	for _, c := range m.callOrder {
		m.checkBlock(c.block, refScope{each: c.forEach != nil}, diags)
		m.checkDependencies(c.dependsOn, diags)
		c.checkInputs(diags)
	}
	for _, c := range m.checks {
		m.checkBlock(c.block, refScope{}, diags)
	}
	for _, i := range m.imports {
		m.checkArgument(i.id, refScope{}, diags)
	}
}

// checkInputs compares a module's arguments with the variables it declares.
func (c *call) checkInputs(diags *Diagnostics) {
	if c.module == nil {
		return
	}
	for _, a := range c.block.order {
		if a.schema == nil && c.module.variables[a.name] == nil {
			diags.errorf(a.rng, "Unsupported argument", "The module in %q has no variable %q.%s", c.source, a.name, didYouMeanSentence(a.name, maps.Keys(c.module.variables)))
		}
	}
	for _, v := range c.module.variableOrder {
		if v.block.attrs["default"] == nil && c.block.attrs[v.name] == nil {
			diags.errorf(c.block.rng, "Missing argument", "The module in %q needs a value for its variable %q, as that has no default.", c.source, v.name)
		}
	}
}

func (m *module) checkBlock(b *block, scope refScope, diags *Diagnostics) {
	if b.dynamic != nil {
		m.checkArgument(b.dynamic.forEach, scope, diags)
		scope.iterators = append(slices.Clone(scope.iterators), b.dynamic.iterator)
		if b.dynamic.label != nil {
			m.checkArgument(b.dynamic.label, scope, diags)
		}
	}
	for _, a := range b.order {
		inner := scope
		if a.name == "for_each" && a.schema != nil {
			inner.each = false
		}
		m.checkArgument(a, inner, diags)
	}
	for _, n := range b.blocks {
		m.checkBlock(n, scope, diags)
	}
}

// checkArgument checks the references of one expression.
func (m *module) checkArgument(a *argument, scope refScope, diags *Diagnostics) {
	for _, t := range a.refs {
		if summary, detail := m.referenceProblem(t, scope); detail != "" {
			diags.errorf(t.SourceRange(), summary, "%s", detail)
		}
	}
	for _, x := range a.indexed {
		if len(x.rest) == 0 {
			continue
		}
		t := append(slices.Clone(x.collection), hcl.TraverseIndex{Key: cty.StringVal("KEY")})
		t = append(t, x.rest...)
		if summary, detail := m.referenceProblem(t, scope); detail != "" {
			diags.errorf(hcl.RangeBetween(x.collection.SourceRange(), x.rest.SourceRange()), summary, "%s", detail)
		}
	}
}

// referenceProblem says what is wrong with a reference, or nothing.
func (m *module) referenceProblem(t hcl.Traversal, scope refScope) (summary, detail string) {
	const undeclared = "Reference to what is not declared"
	root := t.RootName()
	if slices.Contains(scope.iterators, root) {
		return "", ""
	}
	name, hasName := attrStep(t, 1)
	switch root {
	case "each":
		if !scope.each {
			return "Invalid reference", "\"each\" has a meaning only in blocks with for_each, and not in for_each itself."
		}
		if hasName && name != "key" && name != "value" {
			return "Invalid reference", "\"each\" has key and value only."
		}
		return "", ""
	case "path":
		if hasName && name != "module" && name != "root" && name != "cwd" {
			return "Invalid reference", "\"path\" has module, root and cwd only."
		}
	case "clusterform":
		if hasName && name != "version" {
			return "Invalid reference", "\"clusterform\" has version only."
		}
	case "var":
		if hasName && m.variables[name] == nil {
			return undeclared, fmt.Sprintf("There is no variable %q%s.%s", name, m.where(), suggestion(name, maps.Keys(m.variables), "Declare it: variable %q {}.", name))
		}
	case "local":
		if hasName && m.locals[name] == nil {
			return undeclared, fmt.Sprintf("There is no local value %q%s.%s", name, m.where(), suggestion(name, maps.Keys(m.locals), "Declare it in a locals block."))
		}
	case "module":
		return m.moduleReferenceProblem(t, name, hasName)
	case "cluster", "node_pool", "workload", "manifest":
		return m.objectReferenceProblem(t, root, name, hasName)
	case "self", "count":
		return "Invalid reference", fmt.Sprintf("There is no %q in this language. Use for_each with each.key.", root)
	case "data", "resource":
		return "Invalid reference", fmt.Sprintf("There is no %q in this language.", root)
	default:
		if len(t) == 1 {
			return "Invalid reference", fmt.Sprintf("%q stands for nothing. A string is written in quotes, %q; a local value is local.%s, a variable var.%s.", root, root, root, root)
		}
		roots := []string{"var", "local", "module", "each", "path", "cluster", "node_pool", "workload", "manifest"}
		return undeclared, fmt.Sprintf("%q is not a kind of object.%s", root, didYouMeanSentence(root, slices.Values(roots)))
	}
	if !hasName {
		return "Invalid reference", fmt.Sprintf("A name must follow %q: %s.NAME.", root, root)
	}
	return "", ""
}

func (m *module) moduleReferenceProblem(t hcl.Traversal, name string, hasName bool) (summary, detail string) {
	if !hasName {
		return "Invalid reference", "A name must follow \"module\": module.NAME.OUTPUT."
	}
	c := m.calls[name]
	if c == nil {
		return "Reference to what is not declared", fmt.Sprintf("There is no module %q%s.%s", name, m.where(), didYouMeanSentence(name, maps.Keys(m.calls)))
	}
	if c.module == nil {
		return "", ""
	}
	i := 2
	if c.forEach != nil {
		if attr, ok := attrStep(t, 2); ok {
			return "Missing key", fmt.Sprintf("module.%s has for_each, so it has instances: write module.%s[\"KEY\"].%s.", name, name, attr)
		}
		i = 3
	}
	if out, ok := attrStep(t, i); ok && c.module.outputs[out] == nil {
		return "Reference to what is not declared", fmt.Sprintf("The module in %q has no output %q.%s", c.source, out, didYouMeanSentence(out, maps.Keys(c.module.outputs)))
	}
	return "", ""
}

func (m *module) objectReferenceProblem(t hcl.Traversal, typ, name string, hasName bool) (summary, detail string) {
	if !hasName {
		return "Invalid reference", fmt.Sprintf("A name must follow %q: %s.NAME.", typ, typ)
	}
	o := m.objects[typ+"."+name]
	if o == nil {
		var names []string
		for _, x := range m.objectOrder {
			if x.typ == typ {
				names = append(names, x.name)
			}
		}
		return "Reference to what is not declared", fmt.Sprintf("There is no %s %q%s.%s", typ, name, m.where(), suggestion(name, slices.Values(names), "Declare it: %s %q { … }.", typ, name))
	}
	i := 2
	if o.forEach != nil {
		if attr, ok := attrStep(t, 2); ok {
			return "Missing key", fmt.Sprintf("%s.%s has for_each, so it has instances: write %s.%s[\"KEY\"].%s.", typ, name, typ, name, attr)
		}
		i = 3
	}
	attr, ok := attrStep(t, i)
	if !ok {
		return "", ""
	}
	schema := o.block.schema
	if !isMeta(attr) && (schema.attribute(attr) != nil || schema.block(attr) != nil) {
		return "", ""
	}
	var can []string
	for _, a := range schema.Attributes {
		if !isMeta(a.Name) {
			can = append(can, a.Name)
		}
	}
	for _, b := range schema.Blocks {
		if !isMeta(b.Type) {
			can = append(can, b.Type)
		}
	}
	more := didYouMeanSentence(attr, slices.Values(can))
	if more == "" {
		more = " It has: " + strings.Join(can, ", ") + "."
	}
	return "Unsupported attribute", fmt.Sprintf("A %s has no attribute %q.%s", typ, attr, more)
}

// where says which module is meant, unless it is the root.
func (m *module) where() string {
	if m.dir == "." {
		return ""
	}
	return fmt.Sprintf(" in the module %q", m.dir)
}

func suggestion(name string, candidates iter.Seq[string], otherwise string, args ...any) string {
	if s := nearest(name, candidates); s != "" {
		return fmt.Sprintf(" Did you mean %q?", s)
	}
	return " " + fmt.Sprintf(otherwise, args...)
}

func (m *module) checkDependencies(list []dependency, diags *Diagnostics) {
	for _, d := range list {
		p := d.parts
		if p.Module != "" {
			steps, _ := moduleSteps(p.Module)
			if p.Type != "" || len(steps) > 1 {
				diags.errorf(d.rng, "Invalid reference", "What is inside of a module cannot be named from outside. Name the module: module.%s.", steps[0].name)
			} else if m.calls[steps[0].name] == nil {
				diags.errorf(d.rng, "Reference to what is not declared", "There is no module %q%s.%s", steps[0].name, m.where(), didYouMeanSentence(steps[0].name, maps.Keys(m.calls)))
			}
			continue
		}
		o := m.objects[p.Type+"."+p.Name]
		switch {
		case o == nil:
			diags.errorf(d.rng, "Reference to what is not declared", "There is no %s %q%s.%s", p.Type, p.Name, m.where(), didYouMeanSentence(p.Type+"."+p.Name, maps.Keys(m.objects)))
		case p.HasKey && o.forEach == nil:
			diags.errorf(d.rng, "Invalid reference", "%s.%s has no for_each, so it has no instance %q. Leave the key out.", p.Type, p.Name, p.Key)
		}
	}
}
