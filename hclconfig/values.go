package hclconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// rootValue is the value a root variable got.
type rootValue struct {
	value cty.Value // marked when sensitive
	from  string    // empty: the default
	at    *hcl.Range
}

// finder looks for the values of the root module's variables.
type finder struct {
	c      *Configuration
	parser *parser
	out    map[string]*rootValue
	diags  Diagnostics
}

// findValues goes through the sources in order; a later one wins. Validation
// conditions are checked by Evaluate, with everything else that is evaluated.
func (c *Configuration) findValues(p *parser) Diagnostics {
	f := &finder{c: c, parser: p, out: map[string]*rootValue{}}
	for _, s := range c.opts.Vars {
		switch s.Origin {
		case VarFile, VarAutoFile:
			f.readVarFile(s)
		case VarEnvironment, VarFlag:
			f.readText(s)
		default:
			f.set(s.Name, s.Value, s, nil)
		}
	}
	for _, v := range c.root.variableOrder {
		if f.out[v.name] != nil {
			continue
		}
		switch {
		case v.fallback != cty.NilVal:
			f.out[v.name] = &rootValue{value: v.marked(v.fallback)}
		case c.opts.AllowMissingVariables:
			f.out[v.name] = &rootValue{value: v.marked(cty.UnknownVal(v.typ))}
			c.incomplete = true
		default:
			f.out[v.name] = &rootValue{value: failure()}
			f.diags.errorf(v.block.rng, "Missing variable", "The variable %q has no default, so it must be set: -var '%s=…', a line %s = … in clusterform.vars.hcl, or %s%s in the environment.", v.name, v.name, v.name, EnvPrefix, v.name)
		}
	}
	c.values = f.out
	return f.diags
}

// set converts a value and records it.
func (f *finder) set(name string, given cty.Value, s VarSource, at *hcl.Range) {
	v := f.c.root.variables[name]
	if v == nil {
		f.undeclared(name, s, at)
		return
	}
	got, problem := v.convert(given)
	if problem != "" {
		f.diags.add(Diagnostic{
			Severity: Error, Summary: "Unsuitable value for a variable",
			Detail: problem + " The value comes from " + s.describe() + ".", Subject: at, Hidden: v.sensitive,
		})
		got = failure()
	}
	f.out[name] = &rootValue{value: v.marked(got), from: s.describe(), at: at}
}

// undeclared is an error on a command line, where it is a slip, a warning in a
// file, which may serve several configurations, and nothing in the environment.
func (f *finder) undeclared(name string, s VarSource, at *hcl.Range) {
	detail := fmt.Sprintf("There is no variable %q in the root module; the value comes from %s.%s", name, s.describe(),
		didYouMeanSentence(name, maps.Keys(f.c.root.variables)))
	switch s.Origin {
	case VarFlag, VarValue:
		f.diags.add(Diagnostic{Severity: Error, Summary: "Undeclared variable", Detail: detail})
	case VarFile, VarAutoFile:
		f.diags.add(Diagnostic{Severity: Warning, Summary: "Undeclared variable", Detail: detail, Subject: at, Hidden: true})
	}
}

// readText takes a value as typed: for a string as it is, else as an expression.
func (f *finder) readText(s VarSource) {
	v := f.c.root.variables[s.Name]
	if v == nil {
		f.undeclared(s.Name, s, nil)
		return
	}
	if v.typ.IsPrimitiveType() || v.block.attrs["type"] == nil {
		f.set(s.Name, cty.StringVal(s.Text), s, nil)
		return
	}
	complain := func(why string) {
		f.diags.add(Diagnostic{Severity: Error, Summary: "Unsuitable value for a variable",
			Detail: fmt.Sprintf("The value of %q, from %s, is not an expression: %s", s.Name, s.describe(), why)})
		f.out[s.Name] = &rootValue{value: failure(), from: s.describe()}
	}
	if _, problem := badText([]byte(s.Text)); problem != "" {
		complain(problem)
		return
	}
	if _, depth := nesting([]byte(s.Text), false, f.parser.nesting); depth > 0 {
		complain("it is nested too deeply.")
		return
	}
	expr, found := hclsyntax.ParseExpression([]byte(s.Text), "<"+s.describe()+">", hcl.InitialPos)
	if !found.HasErrors() {
		var value cty.Value
		value, found = expr.Value(nil)
		if !found.HasErrors() {
			f.set(s.Name, value, s, nil)
			return
		}
	}
	// The text itself is not shown: it may be the secret.
	complain(found[0].Summary + ". Write it as in a file, for example '[\"a\", \"b\"]'.")
}

// readVarFile takes the arguments of a variables file.
func (f *finder) readVarFile(s VarSource) {
	src, err := f.c.files.load(s.Path, SourceVariables)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && s.Origin == VarAutoFile {
			return
		}
		f.diags.add(Diagnostic{Severity: Error, Summary: "Unreadable variables file", Detail: readProblem(s.Path, err)})
		return
	}
	body, found := f.parser.parse(clean(s.Path), src)
	f.hide(found)
	if body == nil {
		return
	}
	attrs, more := body.JustAttributes()
	for _, d := range more {
		if strings.Contains(d.Summary, "block") {
			d.Detail = "A variables file holds only arguments, NAME = VALUE. Blocks belong into *.cluster.hcl files."
		}
	}
	f.hide(fromHCL(more, nil))
	for _, a := range sortedAttributes(attrs) {
		at := a.Range
		decl := f.c.root.variables[a.Name]
		if decl == nil {
			f.undeclared(a.Name, s, &at)
			continue
		}
		value, found := a.Expr.Value(nil)
		if found.HasErrors() {
			ds := fromHCL(found, func(hcl.Range) bool { return decl.sensitive })
			if len(a.Expr.Variables()) > 0 {
				ds = Diagnostics{{Severity: Error, Summary: "Value is not constant", Subject: &at, Hidden: decl.sensitive,
					Detail: fmt.Sprintf("The value of %q in %s cannot refer to anything. Quote it if it is a string.", a.Name, path.Base(s.Path))}}
			}
			f.diags.add(ds...)
			f.out[a.Name] = &rootValue{value: failure(), from: s.describe(), at: &at}
			continue
		}
		f.set(a.Name, value, s, &at)
	}
}

// hide adds diagnostics about a variables file. What line belongs to which
// variable is not known there, so with any sensitive one none is shown.
func (f *finder) hide(found Diagnostics) {
	secret := slices.ContainsFunc(f.c.root.variableOrder, func(v *variable) bool { return v.sensitive })
	for _, d := range found {
		d.Hidden = d.Hidden || secret
		f.diags.add(d)
	}
}
