package render

import (
	"fmt"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// CtyValue writes a value of the language over several lines, as `console` shows it. Marked values are sensitive and not
// written.
func CtyValue(v cty.Value) string {
	var b strings.Builder
	ctyValue(&b, v, 0)
	return b.String()
}

func ctyValue(b *strings.Builder, v cty.Value, depth int) {
	if v.IsMarked() {
		b.WriteString("(sensitive value)")
		return
	}
	t := v.Type()
	switch {
	case !v.IsKnown():
		b.WriteString("(known after apply)")
	case v.IsNull():
		b.WriteString(ctyNull(t))
	case t == cty.String:
		if s := v.AsString(); strings.Contains(s, "\n") && depth == 0 {
			b.WriteString("<<EOT\n" + strings.TrimSuffix(s, "\n") + "\nEOT")
		} else {
			b.WriteString(quote(s))
		}
	case t == cty.Number:
		b.WriteString(v.AsBigFloat().Text('f', -1))
	case t == cty.Bool:
		fmt.Fprint(b, v.True())
	case t.IsListType():
		b.WriteString("tolist(")
		ctySequence(b, v, depth)
		b.WriteString(")")
	case t.IsSetType():
		b.WriteString("toset(")
		ctySequence(b, v, depth)
		b.WriteString(")")
	case t.IsTupleType():
		ctySequence(b, v, depth)
	case t.IsMapType():
		b.WriteString("tomap(")
		ctyObject(b, v, depth)
		b.WriteString(")")
	case t.IsObjectType():
		ctyObject(b, v, depth)
	case t.Equals(cty.DynamicPseudoType):
		b.WriteString("null")
	default:
		b.WriteString(t.FriendlyName())
	}
}

func ctyNull(t cty.Type) string {
	switch t {
	case cty.String:
		return "tostring(null)"
	case cty.Number:
		return "tonumber(null)"
	case cty.Bool:
		return "tobool(null)"
	default:
		return "null"
	}
}

func ctySequence(b *strings.Builder, v cty.Value, depth int) {
	if v.LengthInt() == 0 {
		b.WriteString("[]")
		return
	}
	in := strings.Repeat("  ", depth+1)
	b.WriteString("[\n")
	for _, x := range v.Elements() {
		b.WriteString(in)
		ctyValue(b, x, depth+1)
		b.WriteString(",\n")
	}
	b.WriteString(in[2:] + "]")
}

func ctyObject(b *strings.Builder, v cty.Value, depth int) {
	if v.LengthInt() == 0 {
		b.WriteString("{}")
		return
	}
	in := strings.Repeat("  ", depth+1)
	b.WriteString("{\n")
	for k, x := range v.Elements() {
		b.WriteString(in + quote(k.AsString()) + " = ")
		ctyValue(b, x, depth+1)
		b.WriteString("\n")
	}
	b.WriteString(in[2:] + "}")
}
