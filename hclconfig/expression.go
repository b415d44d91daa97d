package hclconfig

import (
	"fmt"
	"os"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hcled"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// parseExpression reads one expression, as typed at a console.
func (c *Configuration) parseExpression(src []byte, filename string) (*argument, Diagnostics) {
	var diags Diagnostics
	start := hcl.Range{Filename: filename, Start: hcl.InitialPos, End: hcl.InitialPos}
	if at, problem := badText(src); problem != "" {
		diags.errorf(rangeAt(filename, src, at), "Unreadable text", "%s", problem)
		return nil, diags
	}
	if at, depth := nesting(src, false, c.opts.Limits.Nesting); depth > 0 {
		diags.errorf(rangeAt(filename, src, at), "Nested too deeply", "The expression is nested more than %d deep.", c.opts.Limits.Nesting)
		return nil, diags
	}
	if at, huge := hugeNumber(src, false); huge {
		diags.errorf(rangeAt(filename, src, at), "Number beyond reason", "The exponent of this number has more than three digits.")
		return nil, diags
	}
	if strings.TrimSpace(string(src)) == "" {
		diags.errorf(start, "Missing expression", "There is nothing to evaluate.")
		return nil, diags
	}
	expr, found := hclsyntax.ParseExpression(src, filename, hcl.InitialPos)
	diags.add(fromHCL(found, nil)...)
	if found.HasErrors() {
		return nil, diags
	}
	return newArgument(&hcl.Attribute{Name: "expression", Expr: expr, Range: expr.Range()}, nil), diags
}

// templateNesting refuses templates that a parser would recurse into too deeply.
func templateNesting(src []byte, limit int) error {
	if _, depth := nestingTemplate(src, limit); depth > limit {
		return fmt.Errorf("the template is nested more than %d deep", limit)
	}
	return nil
}

// homeDir is what ~ stands for.
func homeDir() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return home
}

// within names the block around a place of a file: `node_pool "worker"`.
func within(file *hcl.File, offset int) string {
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return hcled.ContextString(file, offset) // of JSON: "cluster.lab"
	}
	for _, b := range body.Blocks {
		if r := b.Range(); offset >= r.Start.Byte && offset < r.End.Byte || offset >= b.OpenBraceRange.Start.Byte && offset <= b.CloseBraceRange.End.Byte {
			text := b.Type
			for _, l := range b.Labels {
				text += " " + quoteKey(l)
			}
			return text
		}
	}
	return ""
}
