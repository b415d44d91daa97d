package hclconfig

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// nesting finds out how deep a parser would have to recurse, without
// recursing: the parsers of HCL have no limit of their own, and a stack that
// overflows cannot be recovered from. It gives the place where the limit is
// passed, and a depth above it, or a depth within it.
func nesting(src []byte, isJSON bool, limit int) (offset, depth int) {
	// What has few characters that open anything cannot be deep.
	if shallow(src, limit) {
		return 0, 0
	}
	if isJSON {
		return nestingJSON(src, limit)
	}
	tokens, _ := hclsyntax.LexConfig(src, "", hcl.InitialPos)
	return nestingTokens(tokens, limit)
}

// nestingTemplate is nesting for the source of a template.
func nestingTemplate(src []byte, limit int) (offset, depth int) {
	if shallow(src, limit) {
		return 0, 0
	}
	tokens, _ := hclsyntax.LexTemplate(src, "", hcl.InitialPos)
	return nestingTokens(tokens, limit)
}

func shallow(src []byte, limit int) bool {
	n := 0
	for _, c := range []string{"(", "[", "{", "?", "!", "-", "<<"} {
		n += bytes.Count(src, []byte(c))
	}
	return n <= limit
}

// level is one open bracket.
type level struct {
	questions int  // conditionals, each of which nests in the one before
	lines     bool // a new line ends what stands in the bracket
}

func nestingTokens(tokens hclsyntax.Tokens, limit int) (offset, depth int) {
	stack := []level{{lines: true}}
	unary, questions := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace:
			stack = append(stack, level{lines: true})
		case hclsyntax.TokenOParen, hclsyntax.TokenOBrack, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl,
			hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			stack = append(stack, level{})
		case hclsyntax.TokenCBrace, hclsyntax.TokenCParen, hclsyntax.TokenCBrack, hclsyntax.TokenTemplateSeqEnd,
			hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			if len(stack) > 1 {
				questions -= stack[len(stack)-1].questions
				stack = stack[:len(stack)-1]
			}
		case hclsyntax.TokenQuestion:
			stack[len(stack)-1].questions++
			questions++
		case hclsyntax.TokenComma:
			questions -= stack[len(stack)-1].questions
			stack[len(stack)-1].questions = 0
		case hclsyntax.TokenNewline:
			if top := &stack[len(stack)-1]; top.lines {
				questions -= top.questions
				top.questions = 0
			}
		}
		if t.Type == hclsyntax.TokenMinus || t.Type == hclsyntax.TokenBang {
			unary++
		} else if t.Type != hclsyntax.TokenNewline {
			unary = 0
		}
		if d := len(stack) - 1 + questions + unary; d > limit {
			return t.Range.Start.Byte, d
		}
	}
	return 0, 0
}

// nestingJSON counts brackets outside strings, and looks into strings that
// may be templates.
func nestingJSON(src []byte, limit int) (offset, depth int) {
	for i := 0; i < len(src); i++ {
		switch src[i] {
		case '{', '[':
			depth++
			if depth > limit {
				return i, depth
			}
		case '}', ']':
			depth--
		case '"':
			end := i + 1
			for end < len(src) && src[end] != '"' {
				if src[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end, len(src))
			if text := src[i+1 : max(end, i+1)]; bytes.Contains(text, []byte("${")) || bytes.Contains(text, []byte("%{")) {
				if at, d := nestingTemplate(text, limit); d > limit {
					return i + 1 + at, d
				}
			}
			i = end
		}
	}
	return 0, 0
}
