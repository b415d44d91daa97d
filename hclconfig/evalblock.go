package hclconfig

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// evaluatedBlock is a nested block whose expressions are evaluated.
type evaluatedBlock struct {
	schema *Schema
	label  string
	rng    hcl.Range
	args   map[string]evaluated // what is written
	blocks []*evaluatedBlock
	typ    string
	ev     *evaluator
}

// fallback is the value of an argument that is not written, made once.
func (ev *evaluator) fallback(a *Attribute) cty.Value {
	v, ok := ev.fallbacks[a]
	if !ok {
		v = a.fallback()
		ev.fallbacks[a] = v
	}
	return v
}

// evalArgument evaluates an argument and brings it into the form its schema
// asks for.
func (s *scope) evalArgument(a *argument, e env) evaluated {
	if got, ok := s.ev.constants[a]; ok {
		return got
	}
	got := s.evalArgumentAnew(a, e)
	if a.isConstant {
		s.ev.constants[a] = got
	}
	return got
}

func (s *scope) evalArgumentAnew(a *argument, e env) evaluated {
	out := evaluated{rng: a.expr.Range(), value: cty.NullVal(cty.DynamicPseudoType)}
	schema := a.schema
	if address, ok := s.clusterReference(a, e); ok {
		out.value, out.set = cty.StringVal(string(address)), true
		return out
	}
	v := s.eval(a, e)
	if hasFailed(v) {
		return evaluated{rng: out.rng, value: failure(), bad: true}
	}
	wrong := func(summary, detail string) evaluated {
		s.ev.diags.add(Diagnostic{
			Severity: Error, Summary: summary, Detail: detail, Subject: new(out.rng),
			Address: e.address, Values: s.notes(a, e),
		})
		return evaluated{rng: out.rng, value: failure(), bad: true}
	}
	if isSensitive(v) && !schema.Sensitive {
		return wrong("Sensitive value", fmt.Sprintf("%q would be readable by anybody in the account, and this value is sensitive. Put it into the secret block or the environment of a workload, or use nonsensitive() if it is no secret.", a.name))
	}
	if v.IsKnown() && v.IsNull() {
		if schema.Form == formCluster {
			return wrong("Missing value", "The cluster is null, as a disabled one is. Give this block the same \"enabled\".")
		}
		if schema.Required {
			return wrong("Missing value", fmt.Sprintf("%q must have a value, and this is null.", a.name))
		}
		out.value = s.ev.fallback(schema)
		return out
	}
	if schema.PlanTime && !schema.settled(v) {
		if s.ev.c.incomplete {
			return evaluated{rng: out.rng, value: failure(), bad: true}
		}
		return wrong("Value not known yet", fmt.Sprintf("%q decides what there will be, so it must be known when planning; this is known only after apply.", a.name))
	}
	got, problem := schema.normalise(v)
	if problem != "" {
		if isSensitive(v) {
			problem = "The value is not of the form that is needed here. It is sensitive, so no more is said."
		}
		return wrong(fmt.Sprintf("Unsuitable value for %q", a.name), problem)
	}
	out.value, out.set = got, true
	return out
}

// settled says whether a value has no unknown part that matters: of an object
// given for a cluster, only the address does.
func (a *Attribute) settled(v cty.Value) bool {
	if a.Form == formCluster && v.IsKnown() && v.Type().IsObjectType() {
		return !v.Type().HasAttribute("address") || v.GetAttr("address").IsKnown()
	}
	return v.IsWhollyKnown()
}

// evalBlocks evaluates the nested blocks of one type, and makes those that
// dynamic blocks describe.
func (s *scope) evalBlocks(blocks []*block, typ string, e env) []*evaluatedBlock {
	var out []*evaluatedBlock
	for _, b := range blocks {
		if b.typ != typ {
			continue
		}
		if b.dynamic == nil {
			out = append(out, s.evalBlock(b, b.label, e))
			continue
		}
		out = append(out, s.evalDynamic(b, e)...)
	}
	return out
}

func (s *scope) evalBlock(b *block, label string, e env) *evaluatedBlock {
	out := &evaluatedBlock{typ: b.typ, schema: b.schema, label: label, rng: b.rng, args: make(map[string]evaluated, len(b.attrs)), ev: s.ev}
	for _, a := range b.order {
		if !a.schema.Static {
			out.args[a.name] = s.evalArgument(a, e)
		}
	}
	for _, n := range b.schema.Blocks {
		out.blocks = append(out.blocks, s.evalBlocks(b.blocks, n.Type, e)...)
	}
	return out
}

// evalDynamic makes a block for each element.
func (s *scope) evalDynamic(b *block, e env) []*evaluatedBlock {
	d := b.dynamic
	v := s.eval(d.forEach, e)
	if hasFailed(v) {
		return nil
	}
	complain := func(detail string) []*evaluatedBlock {
		s.ev.diags.add(Diagnostic{Severity: Error, Summary: "Invalid dynamic block", Detail: detail, Subject: new(d.forEach.expr.Range()), Address: e.address})
		return nil
	}
	switch {
	case isSensitive(v):
		return complain("The blocks to generate must not depend on a sensitive value.")
	case !v.IsKnown() && s.ev.c.incomplete:
		return nil
	case !v.IsKnown():
		return complain("The blocks to generate must be known when planning, and this is known only after apply.")
	case v.IsNull() || !v.CanIterateElements():
		return complain("A list, a set or a map is needed for for_each.")
	}
	var out []*evaluatedBlock
	seen := map[string]bool{}
	for it := v.ElementIterator(); it.Next(); {
		key, value := it.Element()
		if v.Type().IsSetType() {
			key = value
		}
		inner := e.with(d.iterator, cty.ObjectVal(map[string]cty.Value{"key": key, "value": value}))
		label := ""
		if d.label != nil {
			got := s.evalArgument(d.label, inner)
			if got.bad {
				continue
			}
			if !got.value.IsKnown() && s.ev.c.incomplete {
				continue
			}
			if !got.value.IsKnown() || got.value.IsNull() {
				complain("The label must be known when planning.")
				continue
			}
			label = got.value.AsString()
			if seen[label] {
				complain(fmt.Sprintf("Two of the generated blocks have the label %q.", label))
				continue
			}
			seen[label] = true
		}
		out = append(out, s.evalBlock(b, label, inner))
	}
	return out
}

// arg is an argument of the block, written or not.
func (b *evaluatedBlock) arg(name string) evaluated {
	if got, ok := b.args[name]; ok {
		return got
	}
	a := b.schema.attribute(name)
	return evaluated{value: b.ev.fallback(a), rng: b.rng, bad: a.Required}
}

// of gives the nested blocks of one type.
func (b *evaluatedBlock) of(typ string) []*evaluatedBlock {
	var out []*evaluatedBlock
	for _, n := range b.blocks {
		if n.typ == typ {
			out = append(out, n)
		}
	}
	return out
}

// blocksValue is how references see nested blocks: one as an object, several
// with labels as an object of them, several without as a tuple.
func (ev *evaluator) blocksValue(n *NestedBlock, blocks []*evaluatedBlock) cty.Value {
	switch {
	case n.Max == 1 && len(blocks) > 0:
		return blocks[0].value()
	case n.Max == 1:
		return ev.absentValue(n.Schema)
	case n.Label != "":
		attrs := make(map[string]cty.Value, len(blocks))
		for _, b := range blocks {
			attrs[b.label] = b.value()
		}
		return cty.ObjectVal(attrs)
	}
	elements := make([]cty.Value, len(blocks))
	for i, b := range blocks {
		elements[i] = b.value()
	}
	return cty.TupleVal(elements)
}

func (b *evaluatedBlock) value() cty.Value {
	attrs := make(map[string]cty.Value, len(b.schema.Attributes)+len(b.schema.Blocks))
	for _, a := range b.schema.Attributes {
		attrs[a.Name] = b.arg(a.Name).value
	}
	for _, n := range b.schema.Blocks {
		attrs[n.Type] = b.ev.blocksValue(&n, b.of(n.Type))
	}
	return cty.ObjectVal(attrs)
}

// absentValue is a block that was not written: its defaults, or null where it
// cannot do without an argument. It is made once.
func (ev *evaluator) absentValue(schema *Schema) cty.Value {
	if v, ok := ev.absent[schema]; ok {
		return v
	}
	v := ev.newAbsentValue(schema)
	ev.absent[schema] = v
	return v
}

func (ev *evaluator) newAbsentValue(schema *Schema) cty.Value {
	attrs := map[string]cty.Value{}
	for i := range schema.Attributes {
		a := &schema.Attributes[i]
		if a.Required {
			return cty.NullVal(cty.DynamicPseudoType)
		}
		attrs[a.Name] = ev.fallback(a)
	}
	for _, n := range schema.Blocks {
		attrs[n.Type] = ev.blocksValue(&n, nil)
	}
	return cty.ObjectVal(attrs)
}
