package hclconfig

import (
	"math/big"
	"regexp"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// maxNumberBits bounds the size of numbers that are written out: one such as
// 1e999999999 would fill the memory with digits.
const maxNumberBits = 4096

var hugeLiteral = regexp.MustCompile(`[0-9][eE][+-]?[0-9]{4,}`)

// hugeNumber finds a number literal beyond reason. Most files have nothing
// that looks like one, and are not looked at further.
func hugeNumber(src []byte, isJSON bool) (offset int, found bool) {
	first := hugeLiteral.FindIndex(src)
	if first == nil {
		return 0, false
	}
	if isJSON {
		inside, i := false, 0
		for _, at := range hugeLiteral.FindAllIndex(src, -1) {
			for ; i < at[0]; i++ {
				switch src[i] {
				case '\\':
					i++
				case '"':
					inside = !inside
				}
			}
			if !inside {
				return at[0], true
			}
		}
		return 0, false
	}
	tokens, _ := hclsyntax.LexConfig(src, "", hcl.InitialPos)
	for _, t := range tokens {
		if t.Type == hclsyntax.TokenNumberLit && hugeLiteral.Match(t.Bytes) {
			return t.Range.Start.Byte, true
		}
	}
	return 0, false
}

// numberText writes a number for people.
func numberText(f *big.Float) string {
	if exp := f.MantExp(nil); exp > maxNumberBits || exp < -maxNumberBits {
		return "a number beyond reason"
	}
	if f.IsInt() {
		if s := f.Text('f', 0); len(s) <= 24 {
			return s
		}
	}
	return f.Text('g', 10)
}
