package hclconfig

import (
	"maps"
	"slices"
	"strings"

	"github.com/clusterform/clusterform/hclconfig/function"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	ctyfunction "github.com/zclconf/go-cty/cty/function"
)

// evaluator is one evaluation of a configuration. Everything in it is
// computed when it is first asked for, and once.
type evaluator struct {
	c         *Configuration
	computed  Computed
	functions map[string]ctyfunction.Function
	settings  cty.Value // what "clusterform" stands for
	diags     Diagnostics
	stack     []*cell
	constants map[*argument]evaluated
	fallbacks map[*Attribute]cty.Value
	absent    map[*Schema]cty.Value
	instances int
	// modules are the scopes by the path of their module instance.
	modules map[Address]*scope
	// settled are the objects that are evaluated.
	settled map[Address]*evaluatedBlock
	// cyclic are objects of which a cycle was reported.
	cyclic map[Address]bool
}

// cell is a value that is computed when it is first asked for.
type cell struct {
	owner Address // module instance or object
	part  string  // "var.size", "local.x", "tags"
	at    *hcl.Range
	state cellState
	value cty.Value
	refs  references // main blocks that the value was made from
}

type cellState uint8

const (
	cellNew cellState = iota
	cellRunning
	cellDone
)

// references is a set of main blocks.
type references map[Address]struct{}

func (r *references) add(a Address) {
	if *r == nil {
		*r = references{}
	}
	(*r)[a] = struct{}{}
}

func (r *references) merge(other references) {
	if len(other) == 0 {
		return
	}
	if *r == nil {
		*r = make(references, len(other))
	}
	maps.Copy(*r, other)
}

func (r references) sorted() []Address {
	return slices.Sorted(maps.Keys(r))
}

func newEvaluator(c *Configuration, computed Computed) *evaluator {
	return &evaluator{
		c: c, computed: computed,
		functions: function.Table(function.Env{
			Files: c.files, Dir: c.dir, Home: c.home, Now: c.opts.Now,
			CheckTemplate: func(src []byte) error { return templateNesting(src, c.opts.Limits.Nesting) },
		}),
		settings:  cty.ObjectVal(map[string]cty.Value{"version": cty.StringVal(c.opts.Version)}),
		constants: map[*argument]evaluated{},
		fallbacks: map[*Attribute]cty.Value{},
		absent:    map[*Schema]cty.Value{},
		modules:   map[Address]*scope{},
		settled:   map[Address]*evaluatedBlock{},
		cyclic:    map[Address]bool{},
	}
}

// get gives the value of a cell, computing it the first time.
func (ev *evaluator) get(c *cell, compute func() cty.Value) cty.Value {
	v := ev.compute(c, compute)
	if top := ev.top(); top != nil {
		top.refs.merge(c.refs)
	}
	return v
}

// compute is get without handing the references on.
func (ev *evaluator) compute(c *cell, compute func() cty.Value) cty.Value {
	switch c.state {
	case cellDone:
	case cellRunning:
		ev.reportCycle(c)
		return failure()
	case cellNew:
		c.state = cellRunning
		ev.stack = append(ev.stack, c)
		c.value = compute()
		ev.stack = ev.stack[:len(ev.stack)-1]
		c.state = cellDone
	}
	return c.value
}

func (ev *evaluator) top() *cell {
	if len(ev.stack) == 0 {
		return nil
	}
	return ev.stack[len(ev.stack)-1]
}

// mention records that what is being computed depends on a main block.
func (ev *evaluator) mention(a Address) {
	if top := ev.top(); top != nil {
		top.refs.add(a)
	}
}

// reportCycle prints the way from a cell back to itself.
func (ev *evaluator) reportCycle(c *cell) {
	start := slices.Index(ev.stack, c)
	var names []string
	for _, x := range append(slices.Clone(ev.stack[start:]), c) {
		names = append(names, x.name())
	}
	ev.cyclic[c.owner] = true
	ev.diags.add(Diagnostic{
		Severity: Error, Summary: "Cycle", Subject: c.at,
		Detail: "The value depends on itself: " + strings.Join(names, " → ") + ". Break the circle at one of these.",
	})
}

func (c *cell) name() string {
	return string(joinAddress(c.owner, c.part))
}

// evaluated is an argument with its value, checked and normalised.
type evaluated struct {
	value cty.Value // of the schema's type; null where nothing was written
	rng   hcl.Range
	set   bool // it was written, and is not null
	bad   bool // it is wrong, and that has been reported
}

// Evaluate computes what the files ask for, as far as computed knows what
// exists only after apply. The Desired is never nil and holds what could be
// understood.
func (c *Configuration) Evaluate(computed Computed) (*Desired, Diagnostics) {
	ev := newEvaluator(c, computed)
	root := newScope(ev, c.root, nil, "")
	d := &Desired{Settings: c.root.settings}
	ev.collect(root, d)
	ev.checkDesired(d)
	return d, c.finish(ev.diags)
}

// EvalExpression evaluates one expression as if it stood in the root module.
// The value keeps its marks: check for sensitive parts with function.Sensitive.
func (c *Configuration) EvalExpression(src []byte, filename string, computed Computed) (cty.Value, Diagnostics) {
	ev := newEvaluator(c, computed)
	root := newScope(ev, c.root, nil, "")
	a, diags := c.parseExpression(src, filename)
	if diags.HasErrors() {
		return cty.DynamicVal, diags
	}
	c.root.checkArgument(a, refScope{}, &diags)
	if diags.HasErrors() {
		return cty.DynamicVal, diags
	}
	v := root.eval(a, env{})
	diags.add(c.finish(ev.diags)...)
	if hasFailed(v) {
		return cty.DynamicVal, diags
	}
	return v, diags
}
