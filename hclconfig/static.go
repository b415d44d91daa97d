package hclconfig

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// block is a block as it stands in a file: checked against its schema, its
// expressions not evaluated. It is made once, however many instances it has.
type block struct {
	typ    string
	label  string
	schema *Schema
	rng    hcl.Range // the header
	attrs  map[string]*argument
	order  []*argument
	blocks []*block

	// For a dynamic block, typ is the type of what it generates, and label is empty.
	dynamic *dynamicBlock
}

// dynamicBlock generates a block for each element of a collection.
type dynamicBlock struct {
	forEach  *argument
	iterator string
	label    *argument
}

// argument is an attribute as it stands in a file.
type argument struct {
	name   string
	schema *Attribute // nil in an open block
	expr   hcl.Expression
	rng    hcl.Range
	refs   []hcl.Traversal
	// indexed are those of refs whose key can be known first.
	indexed []indexedRef
	// isConstant says that the expression has the same value each time.
	isConstant bool
}

func newArgument(a *hcl.Attribute, schema *Attribute) *argument {
	out := &argument{name: a.Name, schema: schema, expr: a.Expr, rng: a.Range}
	if schema != nil && schema.Static {
		return out
	}
	out.refs = a.Expr.Variables()
	out.indexed = findIndexed(a.Expr, out.refs)
	out.isConstant = len(out.refs) == 0 && pureExpression(a.Expr)
	return out
}

// pureExpression says whether an expression without references gives the same
// value each time: one without function calls does.
func pureExpression(expr hcl.Expression) bool {
	node, ok := expr.(hclsyntax.Expression)
	if !ok {
		return false
	}
	pure := true
	_ = hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
		if _, ok := n.(*hclsyntax.FunctionCallExpr); ok {
			pure = false
		}
		return nil
	})
	return pure
}

// readBlock checks a body against a schema.
func readBlock(typ, label string, body hcl.Body, rng hcl.Range, schema *Schema, diags *Diagnostics) *block {
	out := &block{typ: typ, label: label, schema: schema, rng: rng, attrs: map[string]*argument{}}
	var content *hcl.BodyContent
	var found hcl.Diagnostics
	if schema.Open {
		var rest hcl.Body
		content, rest, found = body.PartialContent(schema.body())
		diags.add(fromSchemaCheck(found, schema, rng)...)
		others, found := rest.JustAttributes()
		diags.add(fromHCL(found, nil)...)
		for _, a := range sortedAttributes(others) {
			out.addArgument(newArgument(a, nil))
		}
	} else {
		content, found = body.Content(schema.body())
		diags.add(fromSchemaCheck(found, schema, rng)...)
	}
	for _, a := range sortedAttributes(content.Attributes) {
		out.addArgument(newArgument(a, schema.attribute(a.Name)))
	}
	for _, b := range content.Blocks {
		if b.Type == "dynamic" {
			if d := readDynamic(b, schema, diags); d != nil {
				out.blocks = append(out.blocks, d)
			}
			continue
		}
		nested := schema.block(b.Type)
		inner := readBlock(b.Type, firstLabel(b), b.Body, b.DefRange, nested.Schema, diags)
		out.blocks = append(out.blocks, inner)
	}
	out.checkCounts(diags)
	return out
}

func (b *block) addArgument(a *argument) {
	b.attrs[a.name] = a
	b.order = append(b.order, a)
}

// checkCounts finds nested blocks that are too few, too many, or named alike.
func (b *block) checkCounts(diags *Diagnostics) {
	for _, n := range b.schema.Blocks {
		count, generated := 0, false
		seen := map[string]hcl.Range{}
		for _, inner := range b.blocks {
			if inner.typ != n.Type {
				continue
			}
			if inner.dynamic != nil {
				generated = true
				continue
			}
			count++
			if n.Max == 1 && count == 2 {
				diags.errorf(inner.rng, "Duplicate "+n.Type+" block", "Only one %s block is allowed here. Put the arguments of both into one.", n.Type)
			}
			if n.Label == "" {
				continue
			}
			if first, ok := seen[inner.label]; ok {
				diags.errorf(inner.rng, "Duplicate "+n.Type+" block", "There is another %s %q at %s. Give this one another name.", n.Type, inner.label, place(first))
			}
			seen[inner.label] = inner.rng
		}
		if count < n.Min && !generated {
			diags.errorf(b.rng, "Missing "+n.Type+" block", "At least %d %s %s needed here.", n.Min, n.Type, plural(n.Min, "block is", "blocks are"))
		}
	}
}

// readDynamic reads dynamic "type" { for_each, iterator, labels, content }.
func readDynamic(b *hcl.Block, schema *Schema, diags *Diagnostics) *block {
	typ := firstLabel(b)
	nested := schema.block(typ)
	if nested == nil || nested.Max == 1 {
		var can []string
		for _, n := range schema.Blocks {
			if n.Max != 1 {
				can = append(can, n.Type)
			}
		}
		diags.errorf(b.DefRange, "Unsupported dynamic block", "There is no block %q to be generated here; there is %s.%s", typ, quotedList(can), didYouMeanSentence(typ, slices.Values(can)))
		return nil
	}
	header := &Schema{Attributes: []Attribute{
		{Name: "for_each", Type: cty.DynamicPseudoType, Required: true},
		{Name: "iterator", Type: cty.DynamicPseudoType, Static: true},
		{Name: "label", Type: cty.String, Required: nested.Label != ""},
	}, Blocks: []NestedBlock{{Type: "content", Min: 1, Max: 1, Schema: nested.Schema}}}
	outer := readBlock("dynamic", typ, b.Body, b.DefRange, header, diags)
	if outer.attrs["for_each"] == nil || len(outer.blocks) == 0 {
		return nil
	}
	inner := outer.blocks[0]
	inner.typ, inner.label = typ, ""
	inner.dynamic = &dynamicBlock{forEach: outer.attrs["for_each"], iterator: typ, label: outer.attrs["label"]}
	if it := outer.attrs["iterator"]; it != nil {
		if name := hcl.ExprAsKeyword(it.expr); name != "" {
			inner.dynamic.iterator = name
		} else {
			diags.errorf(it.expr.Range(), "Invalid iterator", "Write a name without quotes: iterator = rule.")
		}
	}
	return inner
}

func firstLabel(b *hcl.Block) string {
	if len(b.Labels) == 0 {
		return ""
	}
	return b.Labels[0]
}

func sortedAttributes(attrs hcl.Attributes) []*hcl.Attribute {
	out := make([]*hcl.Attribute, 0, len(attrs))
	for _, a := range attrs {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b *hcl.Attribute) int {
		if a.Range.Start.Byte != b.Range.Start.Byte {
			return a.Range.Start.Byte - b.Range.Start.Byte
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out
}

func place(r hcl.Range) string { return fmt.Sprintf("%s:%d", r.Filename, r.Start.Line) }

// staticBool reads an argument that is written as true or false.
func (b *block) staticBool(name string, fallback bool, diags *Diagnostics) bool {
	a := b.attrs[name]
	if a == nil {
		return fallback
	}
	v, found := a.expr.Value(nil)
	if found.HasErrors() || v.IsNull() || !v.IsKnown() || v.Type() != cty.Bool {
		diags.errorf(a.expr.Range(), "Unsuitable value", "%q is read before anything is evaluated, so write true or false.", name)
		return fallback
	}
	return v.True()
}

// staticString reads an argument that is written as a plain string.
func (b *block) staticString(name string, diags *Diagnostics) (string, bool) {
	a := b.attrs[name]
	if a == nil {
		return "", false
	}
	v, found := a.expr.Value(nil)
	if found.HasErrors() || v.IsNull() || !v.IsKnown() || v.Type() != cty.String {
		diags.errorf(a.expr.Range(), "Unsuitable value", "%q is read before anything is evaluated, so write a string without \"${…}\".", name)
		return "", false
	}
	return v.AsString(), true
}
