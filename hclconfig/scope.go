package hclconfig

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// scope is one instance of a module: what names stand for in it.
type scope struct {
	ev     *evaluator
	module *module
	path   Address // of the module instance; empty at the root
	parent *scope
	call   *call
	env    env // what each stands for in the call's arguments

	variables map[string]*cell
	locals    map[string]*cell
	outputs   map[string]*cell
	groups    map[string]*group
	calls     map[string]*callGroup
	paths     cty.Value
	dependsOn []Address // of the call, for everything inside
}

// env is what names of repetition stand for where an expression is.
type env struct {
	each      cty.Value            // NilVal outside of for_each
	iterators map[string]cty.Value // of dynamic blocks
	address   Address              // of the instance, for diagnostics
}

func (e env) with(name string, v cty.Value) env {
	iterators := map[string]cty.Value{name: v}
	for k, old := range e.iterators {
		if k != name {
			iterators[k] = old
		}
	}
	e.iterators = iterators
	return e
}

func newScope(ev *evaluator, m *module, parent *scope, path Address) *scope {
	s := &scope{
		ev: ev, module: m, path: path, parent: parent,
		variables: make(map[string]*cell, len(m.variables)), locals: make(map[string]*cell, len(m.locals)),
		outputs: make(map[string]*cell, len(m.outputs)), groups: make(map[string]*group, len(m.objects)),
		calls: make(map[string]*callGroup, len(m.calls)),
		paths: cty.ObjectVal(map[string]cty.Value{
			"module": cty.StringVal(m.dir), "root": cty.StringVal("."), "cwd": cty.StringVal(ev.c.dir),
		}),
	}
	for name, v := range m.variables {
		s.variables[name] = &cell{owner: path, part: "var." + name, at: &v.block.rng}
	}
	for name, a := range m.locals {
		s.locals[name] = &cell{owner: path, part: "local." + name, at: &a.rng}
	}
	for name, o := range m.outputs {
		s.outputs[name] = &cell{owner: path, part: "output." + name, at: &o.block.rng}
	}
	for name, o := range m.objects {
		s.groups[name] = newGroup(s, o)
	}
	for name, c := range m.calls {
		s.calls[name] = newCallGroup(s, c)
	}
	ev.modules[path] = s
	return s
}

// variable is the value of a variable in this instance of the module.
func (s *scope) variable(name string) cty.Value {
	c, decl := s.variables[name], s.module.variables[name]
	if c == nil {
		return failure()
	}
	return s.ev.get(c, func() cty.Value {
		if s.parent == nil {
			if v := s.ev.c.values[name]; v != nil {
				return v.value
			}
			return failure()
		}
		return s.input(decl)
	})
}

// input is the value of a variable of a called module.
func (s *scope) input(v *variable) cty.Value {
	a := s.call.block.attrs[v.name]
	if a == nil {
		if v.fallback == cty.NilVal {
			return failure() // reported when the call was read
		}
		return v.marked(v.fallback)
	}
	given := s.parent.eval(a, s.env)
	if hasFailed(given) {
		return failure()
	}
	got, problem := v.convert(given)
	if problem != "" {
		s.ev.diags.add(Diagnostic{
			Severity: Error, Summary: "Unsuitable value for a variable", Detail: problem,
			Subject: new(a.expr.Range()), Hidden: v.sensitive, Address: s.path,
		})
		return failure()
	}
	return v.marked(got)
}

// local is the value of a local value.
func (s *scope) local(name string) cty.Value {
	c, a := s.locals[name], s.module.locals[name]
	if c == nil {
		return failure()
	}
	return s.ev.get(c, func() cty.Value { return s.eval(a, env{address: s.path}) })
}

// output is the value of an output, marked when it is sensitive.
func (s *scope) output(name string) cty.Value {
	c, o := s.outputs[name], s.module.outputs[name]
	if c == nil {
		return failure()
	}
	return s.ev.get(c, func() cty.Value { return s.evalOutput(o) })
}

// eval gives the value of an expression. What is wrong is reported, and a
// failure given.
func (s *scope) eval(a *argument, e env) cty.Value {
	ctx := s.context(a.refs, a.indexed, e)
	v, found := a.expr.Value(ctx)
	if len(found) > 0 {
		s.report(found, a, ctx, e)
	}
	if found.HasErrors() {
		return failure()
	}
	return v
}

// report takes over what HCL has to say, unless it follows from a failure
// that was reported already.
func (s *scope) report(found hcl.Diagnostics, a *argument, ctx *hcl.EvalContext, e env) {
	for _, t := range a.refs {
		if v, d := t.TraverseAbs(ctx); !d.HasErrors() && hasFailed(v) {
			return
		}
	}
	for _, d := range fromHCL(found, nil) {
		d.Address = e.address
		if d.Subject == nil {
			d.Subject = new(a.expr.Range())
		}
		s.ev.diags.add(d)
	}
}
