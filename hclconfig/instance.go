package hclconfig

import (
	"maps"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// group is one of the four main blocks with its instances.
type group struct {
	scope     *scope
	object    *object
	cell      cell
	whole     cell
	instances []*instance // sorted by key
	byKey     map[string]*instance
}

// instance is one object.
type instance struct {
	group   *group
	address Address
	key     string
	env     env
	enabled bool
	refs    references
	items   map[string]*item
	whole   cell
}

// item is an argument or the blocks of one type of an instance.
type item struct {
	cell   cell
	arg    evaluated
	blocks []*evaluatedBlock
}

func newGroup(s *scope, o *object) *group {
	name := o.typ + "." + o.name
	return &group{
		scope: s, object: o,
		cell:  cell{owner: s.path, part: name, at: &o.block.rng},
		whole: cell{owner: s.path, part: name, at: &o.block.rng},
	}
}

func (g *group) address() Address {
	return joinAddress(g.scope.path, g.object.typ+"."+g.object.name)
}

// expand makes the instances. It is false when that failed.
func (g *group) expand() bool {
	s := g.scope
	v := s.ev.compute(&g.cell, func() cty.Value {
		if g.object.forEach == nil {
			g.add(g.address(), "", env{address: g.address()})
			return cty.True
		}
		elements, ok := s.repeat(g.object.forEach, env{address: g.address()})
		if !ok {
			return failure()
		}
		if s.ev.instances+len(elements) > s.ev.c.opts.Limits.Instances {
			s.ev.diags.errorf(g.object.forEach.expr.Range(), "Too many instances", "With these %d there are more than %d objects.", len(elements), s.ev.c.opts.Limits.Instances)
			return failure()
		}
		g.byKey = make(map[string]*instance, len(elements))
		for _, x := range elements {
			address := g.address() + Address("["+quoteKey(x.key)+"]")
			g.byKey[x.key] = g.add(address, x.key, env{each: x.each, address: address})
		}
		return cty.True
	})
	return !hasFailed(v)
}

func (g *group) add(address Address, key string, e env) *instance {
	i := &instance{group: g, address: address, key: key, env: e, items: map[string]*item{}}
	i.enabled = g.scope.isEnabled(g.object.enabled, e)
	i.refs.merge(g.cell.refs)
	g.instances = append(g.instances, i)
	g.scope.ev.instances++
	return i
}

// value is the object of all instances, by key.
func (g *group) value() cty.Value {
	g.scope.ev.mention(g.address())
	return g.scope.ev.compute(&g.whole, func() cty.Value {
		attrs := make(map[string]cty.Value, len(g.byKey))
		for _, k := range slices.Sorted(maps.Keys(g.byKey)) {
			if i := g.byKey[k]; i.enabled {
				attrs[k] = i.value()
			}
		}
		return cty.ObjectVal(attrs)
	})
}

func (i *instance) mention() { i.group.scope.ev.mention(i.address) }

// value is the whole object: null when it is disabled.
func (i *instance) value() cty.Value {
	if !i.enabled {
		return cty.NullVal(cty.DynamicPseudoType)
	}
	i.mention()
	i.whole.owner, i.whole.at = i.address, &i.group.object.block.rng
	return i.group.scope.ev.compute(&i.whole, func() cty.Value {
		schema := i.group.object.block.schema
		attrs := map[string]cty.Value{}
		for _, a := range schema.Attributes {
			if !isMeta(a.Name) {
				attrs[a.Name] = i.item(a.Name)
			}
		}
		for _, b := range schema.Blocks {
			if !isMeta(b.Type) {
				attrs[b.Type] = i.item(b.Type)
			}
		}
		return cty.ObjectVal(attrs)
	})
}

// isMeta says whether something is about the block and not of the object.
func isMeta(name string) bool {
	switch name {
	case "for_each", "enabled", "depends_on", "lifecycle":
		return true
	}
	return false
}

// item is an attribute of the object, or its nested blocks, as a value.
func (i *instance) item(name string) cty.Value {
	schema := i.group.object.block.schema
	if a := schema.attribute(name); a != nil {
		if a.Computed {
			return i.computedAttribute(a)
		}
		if isMeta(name) {
			return failure()
		}
		return i.argument(name).value
	}
	n := schema.block(name)
	if n == nil || isMeta(name) {
		return failure()
	}
	return i.group.scope.ev.blocksValue(n, i.blocks(name))
}

// argument evaluates one argument of the object.
func (i *instance) argument(name string) evaluated {
	a := i.group.object.block.attrs[name]
	if a == nil {
		schema := i.group.object.block.schema.attribute(name)
		return evaluated{value: i.group.scope.ev.fallback(schema), rng: i.group.object.block.rng, bad: schema.Required}
	}
	it := i.items[name]
	if it == nil {
		it = &item{cell: cell{owner: i.address, part: name, at: &a.rng}}
		i.items[name] = it
	}
	i.group.scope.ev.compute(&it.cell, func() cty.Value {
		it.arg = i.group.scope.evalArgument(a, i.env)
		return it.arg.value
	})
	i.refs.merge(it.cell.refs)
	if it.cell.state == cellRunning {
		return evaluated{value: failure(), rng: a.rng, bad: true}
	}
	return it.arg
}

// blocks evaluates the nested blocks of one type.
func (i *instance) blocks(typ string) []*evaluatedBlock {
	it := i.items[typ]
	if it == nil {
		it = &item{cell: cell{owner: i.address, part: typ, at: &i.group.object.block.rng}}
		i.items[typ] = it
	}
	i.group.scope.ev.compute(&it.cell, func() cty.Value {
		it.blocks = i.group.scope.evalBlocks(i.group.object.block.blocks, typ, i.env)
		return cty.True
	})
	i.refs.merge(it.cell.refs)
	return it.blocks
}

// computedAttribute asks for what exists only after apply.
func (i *instance) computedAttribute(a *Attribute) cty.Value {
	switch a.Name {
	case "address":
		return cty.StringVal(string(i.address))
	case "name":
		return cty.StringVal(i.group.object.name)
	}
	if known := i.known(); known != cty.NilVal && known.Type().IsObjectType() && known.Type().HasAttribute(a.Name) {
		v, problem := a.normalise(known.GetAttr(a.Name))
		if problem == "" {
			return v
		}
	}
	return cty.UnknownVal(a.Type)
}

// known is what Computed says about the object, asked once.
func (i *instance) known() cty.Value {
	it := i.items["(computed)"]
	if it == nil {
		it = &item{}
		i.items["(computed)"] = it
		if i.group.scope.ev.computed != nil {
			if v, ok := i.group.scope.ev.computed(i.address); ok && v != cty.NilVal && v.IsKnown() && !v.IsNull() {
				it.cell.value = v
			}
		}
	}
	return it.cell.value
}

// settle evaluates everything there is of the object and gives its common part.
func (i *instance) settle() Block {
	o, s := i.group.object, i.group.scope
	for _, a := range o.block.order {
		if !isMeta(a.name) {
			i.argument(a.name)
		}
	}
	for _, n := range o.block.schema.Blocks {
		if !isMeta(n.Type) {
			i.blocks(n.Type)
		}
	}
	if o.block.schema.attribute("cluster") != nil {
		if got := i.argument("cluster"); got.set && got.value.IsKnown() {
			i.refs.add(Address(got.value.AsString())) // also when it was given as a string
		}
	}
	b := Block{
		Address: i.address, Name: o.name, Module: string(s.path), Key: i.key, Range: o.block.rng,
		DependsOn: append(slices.Clone(s.dependsOn), s.resolveDependencies(o.dependsOn)...),
		Lifecycle: Lifecycle{
			PreventDestroy: o.lifecycle.preventDestroy, CreateBeforeDestroy: o.lifecycle.createBeforeDestroy,
			IgnoreChanges: o.lifecycle.ignoreChanges, ReplaceTriggeredBy: s.resolveDependencies(o.lifecycle.replaceTriggeredBy),
		},
	}
	slices.Sort(b.DependsOn)
	b.DependsOn = slices.Compact(b.DependsOn)
	return b
}

// references are the object's, to be taken when everything is evaluated.
func (i *instance) references(b *Block) []Address {
	refs := maps.Clone(i.refs)
	for _, a := range slices.Concat(b.DependsOn, b.Lifecycle.ReplaceTriggeredBy) {
		refs.add(a)
	}
	return refs.sorted()
}

// resolveDependencies puts the module path in front, and replaces modules by
// what is in them.
func (s *scope) resolveDependencies(list []dependency) []Address {
	var out []Address
	for _, d := range list {
		addr := joinAddress(s.path, d.parts.String())
		if d.parts.Type != "" {
			d.parts.Rest = ""
			out = append(out, joinAddress(s.path, d.parts.String()))
			continue
		}
		steps, err := moduleSteps(d.parts.Module)
		if err != nil || len(steps) == 0 {
			continue
		}
		if g := s.calls[steps[0].name]; g != nil && g.expand() {
			for _, child := range g.scopes {
				if child.path == addr || strings.HasPrefix(string(child.path), string(addr)+"[") || addr.Contains(child.path) {
					out = append(out, child.everything()...)
				}
			}
		}
	}
	return out
}

// everything lists the main blocks of an instance of a module and those it calls.
func (s *scope) everything() []Address {
	var out []Address
	for _, o := range s.module.objectOrder {
		out = append(out, s.groups[o.typ+"."+o.name].address())
	}
	for _, c := range s.module.callOrder {
		if g := s.calls[c.name]; g.expand() {
			for _, child := range g.scopes {
				out = append(out, child.everything()...)
			}
		}
	}
	return out
}

// evaluated is the object as one evaluated block, for typed decoding.
func (i *instance) evaluated() *evaluatedBlock {
	b := i.group.object.block
	out := &evaluatedBlock{typ: b.typ, schema: b.schema, label: b.label, rng: b.rng, args: map[string]evaluated{}, ev: i.group.scope.ev}
	for _, a := range b.order {
		if !isMeta(a.name) {
			out.args[a.name] = i.argument(a.name)
		}
	}
	for _, n := range b.schema.Blocks {
		if !isMeta(n.Type) {
			out.blocks = append(out.blocks, i.blocks(n.Type)...)
		}
	}
	return out
}
