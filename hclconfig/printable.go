package hclconfig

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable makes text from outside fit for a terminal: control characters
// (but newline and tab), invalid UTF-8 and characters that change the
// direction of writing are replaced, so that what is shown is what is there.
func Printable(s string) string {
	if plain(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return printableRune(r)
	}, s)
}

// PrintableLine is Printable on one line.
func PrintableLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return printableRune(r)
	}, s)
}

func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || c < 0x20 && c != '\n' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

func printableRune(r rune) rune {
	switch {
	case unicode.IsControl(r), r == utf8.RuneError:
		return utf8.RuneError
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c:
		return utf8.RuneError
	}
	return r
}
