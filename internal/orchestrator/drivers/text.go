package drivers

import (
	"strings"
	"unicode"
)

// printable removes what could play with a terminal from text that comes from outside.
func printable(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s))
}
