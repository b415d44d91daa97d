package hclconfig

import (
	"errors"
	"fmt"
	"strings"

	"github.com/clusterform/clusterform/hclconfig/function"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// variable is a variable block.
type variable struct {
	name        string
	block       *block
	typ         cty.Type
	defaults    *typeexpr.Defaults // of optional object attributes
	fallback    cty.Value          // NilVal without a default
	sensitive   bool
	nullable    bool
	validations []*block
}

func (l *loader) declareVariable(m *module, b *block) {
	if first, ok := m.variables[b.label]; ok {
		l.duplicate("variable", b.label, b.rng, first.block.rng)
		return
	}
	v := &variable{
		name: b.label, block: b, typ: cty.DynamicPseudoType, fallback: cty.NilVal,
		sensitive: b.staticBool("sensitive", false, &l.diags), nullable: b.staticBool("nullable", true, &l.diags),
	}
	m.variables[b.label] = v
	m.variableOrder = append(m.variableOrder, v)
	for _, n := range []string{"source", "for_each", "enabled", "depends_on"} {
		if b.label == n {
			l.diags.errorf(b.rng, "Reserved name", "A variable cannot be called %q, as that is an argument of module blocks.", n)
		}
	}
	b.staticString("description", &l.diags)
	v.validations = append(v.validations, b.blocks...)
	if a := b.attrs["type"]; a != nil {
		typ, defaults, found := typeexpr.TypeConstraintWithDefaults(a.expr)
		l.diags.add(fromHCL(found, nil)...)
		if !found.HasErrors() {
			v.typ, v.defaults = typ, defaults
		}
	}
	if a := b.attrs["default"]; a != nil {
		l.readDefault(v, a)
	}
}

func (l *loader) readDefault(v *variable, a *argument) {
	v.fallback = failure()
	value, found := a.expr.Value(nil)
	if found.HasErrors() {
		// Without anything to refer to, HCL says that variables may not be used.
		if refs := a.expr.Variables(); len(refs) > 0 {
			l.diags.errorf(refs[0].SourceRange(), "Default is not constant", "A default cannot refer to anything, nor call functions. Put the expression into a local value.")
			return
		}
		l.diags.add(fromHCL(found, func(hcl.Range) bool { return v.sensitive })...)
		return
	}
	got, problem := v.convert(value)
	if problem != "" {
		l.diags.add(Diagnostic{
			Severity: Error, Summary: "Unsuitable default", Detail: problem,
			Subject: new(a.expr.Range()), Hidden: v.sensitive,
		})
		return
	}
	v.fallback = got
}

// convert makes a value of the variable's type of what was given. It neither
// shows the value nor marks it.
func (v *variable) convert(given cty.Value) (cty.Value, string) {
	if v.defaults != nil && !given.IsNull() {
		given = v.defaults.Apply(given)
	}
	out, err := convert.Convert(given, v.typ)
	if err != nil {
		return cty.NilVal, fmt.Sprintf("The variable %q takes %s: %s.", v.name, typeexpr.TypeString(v.typ), strings.TrimSuffix(convertError(err), "."))
	}
	if out.IsNull() && !v.nullable {
		if v.fallback != cty.NilVal && !v.fallback.IsNull() {
			return v.fallback, ""
		}
		return cty.NilVal, fmt.Sprintf("The variable %q must not be null.", v.name)
	}
	return out, ""
}

// convertError puts the path in front: "size: a number is required".
func convertError(err error) string {
	if p, ok := errors.AsType[cty.PathError](err); ok && len(p.Path) > 0 {
		return pathText(p.Path) + ": " + p.Error()
	}
	return err.Error()
}

func pathText(p cty.Path) string {
	var b strings.Builder
	for _, s := range p {
		switch s := s.(type) {
		case cty.GetAttrStep:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.Name)
		case cty.IndexStep:
			switch {
			case !s.Key.IsKnown() || s.Key.IsNull():
				b.WriteString("[…]")
			case s.Key.Type() == cty.String:
				b.WriteString("[" + quoteKey(s.Key.AsString()) + "]")
			case s.Key.Type() == cty.Number:
				b.WriteString("[" + numberText(s.Key.AsBigFloat()) + "]")
			}
		}
	}
	return b.String()
}

// marked puts the sensitive mark on where the variable says so.
func (v *variable) marked(value cty.Value) cty.Value {
	if v.sensitive {
		return value.Mark(function.Sensitive)
	}
	return value
}
