package api

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestEveryModelledActionIsAnswered keeps tools/awsmodel/actions.txt, from which the types are made, and the handlers the same.
func TestEveryModelledActionIsAnswered(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../../tools/awsmodel/actions.txt")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{"elbv2": "elasticloadbalancing"}
	want := map[string][]string{}
	service := ""
	for line := range strings.Lines(string(raw)) {
		line, _, _ = strings.Cut(line, "#")
		for _, word := range strings.Fields(line) {
			if s, ok := strings.CutPrefix(word, "["); ok {
				service = strings.TrimSuffix(s, "]")
				if n := names[service]; n != "" {
					service = n
				}
				continue
			}
			want[service] = append(want[service], word)
		}
	}
	for name, p := range (*Server)(nil).protocols() {
		slices.Sort(want[name])
		if got := slices.Sorted(maps.Keys(p.actions)); !slices.Equal(got, want[name]) {
			t.Errorf("%s answers\n%v\nand the list has\n%v", name, got, want[name])
		}
	}
}

// TestGlob compares the matcher with one that is plainly right.
func TestGlob(t *testing.T) {
	t.Parallel()
	var plain func(p, s string) bool
	plain = func(p, s string) bool {
		switch {
		case p == "":
			return s == ""
		case p[0] == '*':
			return plain(p[1:], s) || s != "" && plain(p, s[1:])
		case s == "":
			return false
		case p[0] == '\\' && len(p) > 1:
			return p[1] == s[0] && plain(p[2:], s[1:])
		case p[0] == '?' || p[0] == s[0] && p[0] != '\\':
			return plain(p[1:], s[1:])
		}
		return false
	}
	alphabet := []string{"", "a", "b", "*", "?", `\*`, `\?`}
	for _, a := range alphabet {
		for _, b := range alphabet {
			for _, c := range alphabet {
				for _, d := range alphabet {
					p := a + b + c + d
					for _, s := range []string{"", "a", "b", "ab", "ba", "aab", "abab", "*", "?", "a*", "*b?", "aaaa", "abba"} {
						if got, want := glob(p, s), plain(p, s); got != want {
							t.Errorf("glob(%q, %q) = %v, want %v", p, s, got, want)
						}
					}
				}
			}
		}
	}
}
