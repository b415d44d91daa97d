package hclconfig

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/zclconf/go-cty/cty"
)

// element is one turn of a for_each.
type element struct {
	key  string
	each cty.Value // object with key and value
}

// repeat evaluates a for_each. ok is false when it is wrong, which is reported.
func (s *scope) repeat(a *argument, e env) (out []element, ok bool) {
	v := s.eval(a, e)
	if hasFailed(v) {
		return nil, false
	}
	complain := func(format string, args ...any) ([]element, bool) {
		s.ev.diags.add(Diagnostic{
			Severity: Error, Summary: "Invalid for_each", Detail: fmt.Sprintf(format, args...),
			Subject: new(a.expr.Range()), Address: e.address, Values: s.notes(a, e),
		})
		return nil, false
	}
	if sensitiveItself(v) {
		return complain("The keys would become names that everybody can read, and this value is sensitive. Use nonsensitive() if its keys are no secret, or a for expression over something else.")
	}
	t := v.Type()
	if s.ev.c.incomplete && (!v.IsKnown() || t.IsSetType() && !v.IsWhollyKnown()) {
		return nil, false
	}
	switch {
	case v.IsNull():
		return complain("The value is null. For no instances write an empty map, {}.")
	case t == cty.DynamicPseudoType || !v.IsKnown():
		return complain("The instances must be known when planning, and this is known only after apply. Use keys that are written in the configuration.")
	case t.IsObjectType() || t.IsMapType():
		for k, x := range v.AsValueMap() {
			out = append(out, element{k, cty.ObjectVal(map[string]cty.Value{"key": cty.StringVal(k), "value": x})})
		}
	case t.IsSetType():
		if t.ElementType() != cty.String && v.LengthInt() > 0 {
			return complain("A set must hold strings, and this holds %s.", t.ElementType().FriendlyName()+"s")
		}
		if !v.IsWhollyKnown() {
			return complain("The instances must be known when planning, and the set holds values known only after apply. Use keys that are written in the configuration.")
		}
		for _, x := range v.AsValueSlice() {
			if x.IsNull() {
				return complain("The set holds null.")
			}
			out = append(out, element{x.AsString(), cty.ObjectVal(map[string]cty.Value{"key": x, "value": x})})
		}
	case t.IsTupleType() || t.IsListType():
		return complain("This is a list, whose elements would be known by position only. Write toset([…]) for strings, or a map.")
	default:
		return complain("A map or a set of strings is needed, and this is %s.", withArticle(t.FriendlyName()))
	}
	for _, x := range out {
		if problem := checkForEachKey(x.key); problem != "" {
			return complain("%s", problem)
		}
	}
	slices.SortFunc(out, func(a, b element) int { return strings.Compare(a.key, b.key) })
	return out, true
}

func checkForEachKey(k string) string {
	switch {
	case k == "":
		return "A key is empty. It becomes part of names, so it needs at least one character."
	case len(k) > 128:
		return fmt.Sprintf("The key %q is %d bytes long; 128 are allowed.", k[:32]+"…", len(k))
	case strings.ContainsFunc(k, unicode.IsControl):
		return fmt.Sprintf("The key %q holds a control character.", k)
	}
	return ""
}

// notes says what the references of an argument stand for.
func (s *scope) notes(a *argument, e env) []ValueNote {
	if len(a.refs) == 0 {
		return nil
	}
	return valueNotes(a.expr, s.context(a.refs, a.indexed, e))
}

// isEnabled evaluates an enabled argument.
func (s *scope) isEnabled(a *argument, e env) bool {
	if a == nil {
		return true
	}
	got := s.evalArgument(a, e)
	return got.bad || !got.set || got.value.True()
}

// callGroup is a module block with its instances.
type callGroup struct {
	scope  *scope
	call   *call
	cell   cell
	scopes []*scope
	byKey  map[string]*scope
}

func newCallGroup(s *scope, c *call) *callGroup {
	return &callGroup{scope: s, call: c, cell: cell{owner: s.path, part: "module." + c.name, at: &c.block.rng}}
}

// expand makes the instances of the module. It is false when that failed.
func (g *callGroup) expand() bool {
	s := g.scope
	v := s.ev.get(&g.cell, func() cty.Value {
		if g.call.module == nil {
			return failure()
		}
		path := joinAddress(s.path, "module."+g.call.name)
		e := env{address: path}
		if g.call.forEach == nil {
			if s.isEnabled(g.call.enabled, e) {
				g.add(path, "", e)
			}
			return cty.True
		}
		elements, ok := s.repeat(g.call.forEach, e)
		if !ok {
			return failure()
		}
		g.byKey = make(map[string]*scope, len(elements))
		for _, x := range elements {
			e := env{each: x.each, address: path + Address("["+quoteKey(x.key)+"]")}
			if s.isEnabled(g.call.enabled, e) {
				g.add(e.address, x.key, e)
			}
		}
		return cty.True
	})
	return !hasFailed(v)
}

func (g *callGroup) add(path Address, key string, e env) {
	s := g.scope
	child := newScope(s.ev, g.call.module, s, path)
	child.call, child.env = g.call, e
	child.dependsOn = append(slices.Clone(s.dependsOn), s.resolveDependencies(g.call.dependsOn)...)
	g.scopes = append(g.scopes, child)
	if g.byKey != nil {
		g.byKey[key] = child
	}
}

// value is the object of all instances of the module.
func (g *callGroup) value() cty.Value {
	attrs := make(map[string]cty.Value, len(g.byKey))
	for _, k := range slices.Sorted(maps.Keys(g.byKey)) {
		attrs[k] = g.byKey[k].outputsValue()
	}
	return cty.ObjectVal(attrs)
}

// outputsValue is the object of all outputs of an instance of a module.
func (s *scope) outputsValue() cty.Value {
	attrs := make(map[string]cty.Value, len(s.module.outputs))
	for name := range s.module.outputs {
		attrs[name] = s.output(name)
	}
	return cty.ObjectVal(attrs)
}
