package hclconfig

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// fromHCL turns HCL's diagnostics into ours. hidden, which may be nil, says
// whether a source line is to be kept out of sight.
func fromHCL(found hcl.Diagnostics, hidden func(hcl.Range) bool) Diagnostics {
	if len(found) == 0 {
		return nil
	}
	out := make(Diagnostics, 0, len(found))
	for _, d := range found {
		n := Diagnostic{Severity: Error, Summary: d.Summary, Detail: d.Detail}
		if d.Severity == hcl.DiagWarning {
			n.Severity = Warning
		}
		if d.Subject != nil {
			at := *d.Subject
			n.Subject = &at
			n.Hidden = hidden != nil && hidden(at)
		}
		if d.Expression != nil && d.EvalContext != nil {
			n.Values = valueNotes(d.Expression, d.EvalContext)
			if secretInside(d) {
				n.Detail = withoutSecret(d)
			}
		}
		out = append(out, n)
	}
	return out
}

// fromSchemaCheck turns complaints about what a block holds into ours: what is
// missing is told at the head of the block with what it is for, and what may
// not be written with what may.
func fromSchemaCheck(found hcl.Diagnostics, schema *Schema, head hcl.Range) Diagnostics {
	out := fromHCL(found, nil)
	for i := range out {
		switch d := &out[i]; d.Summary {
		case missingArgument:
			d.Subject = &head
			for _, a := range schema.Attributes {
				if a.Required && strings.Contains(d.Detail, "\""+a.Name+"\"") {
					d.Detail = fmt.Sprintf("The argument %q is required, of type %s: %s", a.Name, a.typeWord(), plainText(a.Description))
				}
			}
		case "Unsupported argument", "Unsupported block type", "Extraneous JSON object property":
			if !strings.Contains(d.Detail, "Did you mean") && len(schema.names()) > 0 {
				d.Detail += " Allowed here: " + strings.Join(schema.names(), ", ") + "."
			}
		default:
			labelAdvice(d)
		}
	}
	return out
}

// labelAdvice says how the head of a block is written that has too few labels, or too many.
func labelAdvice(d *Diagnostic) {
	if typ, ok := strings.CutPrefix(d.Summary, "Missing name for "); ok {
		d.Detail = fmt.Sprintf("Every %s block needs a name: write %s \"NAME\" { … }.", typ, typ)
	}
	typ, ok := strings.CutPrefix(d.Summary, "Extraneous label for ")
	switch {
	case !ok:
	case strings.Contains(d.Detail, "(name)"):
		d.Detail = fmt.Sprintf("The name is one label: write %s \"NAME\" { … }.", typ)
	default:
		d.Detail = fmt.Sprintf("No name stands here: write %s { … }.", typ)
	}
}

// missingArgument is HCL's summary for it.
const missingArgument = "Missing required argument"

// plainText is a description without the marks of its markup.
func plainText(s string) string { return strings.ReplaceAll(s, "`", "") }

// secretInside says whether the expression that failed mentions a sensitive
// value, so that HCL's words about it may hold the value.
func secretInside(d *hcl.Diagnostic) bool {
	for _, t := range d.Expression.Variables() {
		v, found := t.TraverseAbs(d.EvalContext)
		if found.HasErrors() {
			continue
		}
		if isSensitive(v) {
			return true
		}
	}
	return false
}

// withoutSecret says what failed without saying about what.
func withoutSecret(d *hcl.Diagnostic) string {
	if call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](d); ok && call.CalledFunctionName() != "" {
		return fmt.Sprintf("The function %q failed. Its message is left out, as the expression holds a sensitive value.", call.CalledFunctionName())
	}
	return "The message is left out, as the expression holds a sensitive value."
}

// valueNotes says what each reference of an expression stands for.
func valueNotes(expr hcl.Expression, ctx *hcl.EvalContext) []ValueNote {
	var out []ValueNote
	seen := map[string]bool{}
	for _, t := range expr.Variables() {
		v, found := t.TraverseAbs(ctx)
		if found.HasErrors() || hasFailed(v) {
			continue
		}
		name := traversalText(t)
		if seen[name] {
			continue
		}
		seen[name] = true
		out = append(out, ValueNote{Traversal: name, Statement: valueStatement(v)})
		if len(out) == 8 {
			break
		}
	}
	return out
}

func valueStatement(v cty.Value) string {
	if isSensitive(v) {
		return "has a sensitive value"
	}
	v, _ = v.UnmarkDeep()
	t := v.Type()
	switch {
	case !v.IsKnown() && t == cty.DynamicPseudoType:
		return "will be known only after apply"
	case !v.IsKnown():
		return "is " + withArticle(t.FriendlyName()) + ", known only after apply"
	case v.IsNull():
		return "is null"
	case t == cty.Bool:
		return "is " + fmt.Sprint(v.True())
	case t == cty.Number:
		return "is " + numberText(v.AsBigFloat())
	case t == cty.String:
		s := v.AsString()
		if len(s) > 80 {
			return fmt.Sprintf("is a string of %d bytes", len(s))
		}
		return fmt.Sprintf("is %q", s)
	case t.IsObjectType():
		return fmt.Sprintf("is an object with %d %s", len(t.AttributeTypes()), plural(len(t.AttributeTypes()), "attribute", "attributes"))
	case v.CanIterateElements():
		return fmt.Sprintf("is %s with %d %s", withArticle(t.FriendlyName()), v.LengthInt(), plural(v.LengthInt(), "element", "elements"))
	}
	return "is " + withArticle(t.FriendlyName())
}

// traversalText writes a reference as in the source.
func traversalText(t hcl.Traversal) string {
	var b strings.Builder
	for _, s := range t {
		switch s := s.(type) {
		case hcl.TraverseRoot:
			b.WriteString(s.Name)
		case hcl.TraverseAttr:
			b.WriteString("." + s.Name)
		case hcl.TraverseIndex:
			switch {
			case !s.Key.IsKnown() || s.Key.IsNull():
				b.WriteString("[…]")
			case s.Key.Type() == cty.String:
				b.WriteString("[" + quoteKey(s.Key.AsString()) + "]")
			case s.Key.Type() == cty.Number:
				b.WriteString("[" + numberText(s.Key.AsBigFloat()) + "]")
			}
		case hcl.TraverseSplat:
			b.WriteString("[*]")
		}
	}
	return b.String()
}
