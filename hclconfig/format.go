package hclconfig

import (
	"bytes"
	"encoding/json"
	"path"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Format rewrites source in HCL syntax as `terraform fmt` does: aligned,
// indented by two spaces, "${x}" reduced to x, and the quoted types of old
// variable blocks unquoted. Source that cannot be parsed comes back unchanged,
// with the reasons. JSON is only checked: it has no format of its own.
func Format(src []byte, filename string) ([]byte, Diagnostics) {
	var diags Diagnostics
	if at, problem := badText(src); problem != "" {
		diags.errorf(rangeAt(filename, src, at), "Unreadable text", "%s", problem)
		return src, diags
	}
	limit := Limits{}.withDefaults().Nesting
	if path.Ext(filename) == ".json" {
		if at, depth := nesting(src, true, limit); depth > limit {
			diags.errorf(rangeAt(filename, src, at), "Nested too deeply", "The file is nested more than %d deep.", limit)
		} else if !json.Valid(src) {
			diags.errorf(rangeAt(filename, src, 0), "Invalid JSON", "The file is not JSON.")
		}
		return src, diags
	}
	if at, depth := nesting(src, false, limit); depth > limit {
		diags.errorf(rangeAt(filename, src, at), "Nested too deeply", "The file is nested more than %d deep.", limit)
		return src, diags
	}
	if _, found := hclsyntax.ParseConfig(src, filename, hcl.InitialPos); found.HasErrors() {
		return src, fromHCL(found, nil)
	}
	file, found := hclwrite.ParseConfig(src, filename, hcl.InitialPos)
	if found.HasErrors() {
		return src, fromHCL(found, nil)
	}
	formatBody(file.Body(), nil)
	out := file.Bytes()
	if bytes.HasPrefix(src, []byte("\xef\xbb\xbf")) {
		out = bytes.TrimPrefix(out, []byte("\xef\xbb\xbf"))
	}
	return hclwrite.Format(out), nil
}

// formatBody rewrites what is more than white space. blocks are the types of
// the blocks around.
func formatBody(body *hclwrite.Body, blocks []string) {
	for name, a := range body.Attributes() {
		before := a.Expr().BuildTokens(nil)
		var after hclwrite.Tokens
		if len(blocks) == 1 && blocks[0] == "variable" && name == "type" {
			after = formatType(before)
		} else {
			after = unwrapTemplate(before)
		}
		if !sameTokens(before, after) {
			body.SetAttributeRaw(name, after)
		}
	}
	for _, b := range body.Blocks() {
		b.SetLabels(b.Labels()) // puts quotes around bare labels
		formatBody(b.Body(), append(blocks, b.Type()))
	}
}

func sameTokens(a, b hclwrite.Tokens) bool {
	return bytes.Equal(a.Bytes(), b.Bytes())
}

// unwrapTemplate turns "${x}" into x: the quotes were needed long ago.
func unwrapTemplate(tokens hclwrite.Tokens) hclwrite.Tokens {
	const around = 2 // tokens at each end
	if len(tokens) < 2*around+1 {
		return tokens
	}
	n := len(tokens)
	if tokens[0].Type != hclsyntax.TokenOQuote || tokens[1].Type != hclsyntax.TokenTemplateInterp ||
		tokens[n-2].Type != hclsyntax.TokenTemplateSeqEnd || tokens[n-1].Type != hclsyntax.TokenCQuote {
		return tokens
	}
	inside := tokens[around : n-around]
	// The ends must belong together: "${a}-${b}" is a template.
	quotes, interpolations := 0, 0
	for _, t := range inside {
		switch t.Type {
		case hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			quotes++
		case hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			quotes--
		case hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			interpolations++
		case hclsyntax.TokenTemplateSeqEnd:
			interpolations--
		case hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit:
			if quotes <= 0 {
				return tokens
			}
		}
		if quotes < 0 || interpolations < 0 {
			return tokens
		}
	}
	inside = trimNewlines(inside)
	if len(inside) == 0 {
		return tokens
	}
	bracketed := inside[0].Type == hclsyntax.TokenOParen && inside[len(inside)-1].Type == hclsyntax.TokenCParen
	if spansLines(inside) && !bracketed {
		inside = append(append(hclwrite.Tokens{{Type: hclsyntax.TokenOParen, Bytes: []byte("(")}}, inside...),
			&hclwrite.Token{Type: hclsyntax.TokenCParen, Bytes: []byte(")")})
	}
	return inside
}

// spansLines says whether there is a line break, which could end the expression.
func spansLines(tokens hclwrite.Tokens) bool {
	return slices.ContainsFunc(tokens, func(t *hclwrite.Token) bool { return t.Type == hclsyntax.TokenNewline })
}

func trimNewlines(tokens hclwrite.Tokens) hclwrite.Tokens {
	for len(tokens) > 0 && tokens[0].Type == hclsyntax.TokenNewline {
		tokens = tokens[1:]
	}
	for len(tokens) > 0 && tokens[len(tokens)-1].Type == hclsyntax.TokenNewline {
		tokens = tokens[:len(tokens)-1]
	}
	return tokens
}

// formatType unquotes the types of old variable blocks, and says of which
// elements old lists and maps are.
func formatType(tokens hclwrite.Tokens) hclwrite.Tokens {
	ident := func(names ...string) hclwrite.Tokens {
		var out hclwrite.Tokens
		for i, n := range names {
			t := &hclwrite.Token{Type: hclsyntax.TokenIdent, Bytes: []byte(n)}
			if i%2 == 1 {
				t.Type = hclsyntax.TokenOParen
			}
			out = append(out, t)
		}
		return out
	}
	switch len(tokens) {
	case 1:
		if tokens[0].Type == hclsyntax.TokenIdent {
			switch name := string(tokens[0].Bytes); name {
			case "list", "map", "set":
				return ident(name, "(", "any", ")")
			}
		}
	case 3:
		if tokens[0].Type == hclsyntax.TokenOQuote && tokens[1].Type == hclsyntax.TokenQuotedLit {
			switch name := string(tokens[1].Bytes); name {
			case "string":
				return ident("string")
			case "list", "map":
				return ident(name, "(", "string", ")")
			}
		}
	}
	return tokens
}
