package hclconfig

import (
	"strings"
	"testing"
)

// TestNesting feeds the parsers what would overflow their stack, and what only
// looks so.
func TestNesting(t *testing.T) {
	t.Parallel()
	const many = 100_000
	for _, tc := range []struct {
		name, file, src string
		deep            bool
	}{
		{"brackets", "m.cluster.hcl", "locals { a = " + strings.Repeat("[", many), true},
		{"not signs", "m.cluster.hcl", "locals { a = " + strings.Repeat("!", many) + "true }", true},
		{"minus signs", "m.cluster.hcl", "locals { a = " + strings.Repeat("-", many) + "1 }", true},
		{"conditionals", "m.cluster.hcl", "locals { a = " + strings.Repeat("true ? 1 : ", many) + "2 }", true},
		{"conditionals in brackets", "m.cluster.hcl", "locals { a = (" + strings.Repeat("true ? 1 :\n", many) + "2) }", true},
		{"templates", "m.cluster.hcl", "locals { a = " + strings.Repeat(`"${`, many), true},
		{"blocks", "m.cluster.hcl", strings.Repeat("a {\n", many), true},
		{"objects in JSON", "m.cluster.json", strings.Repeat(`{"a":`, many), true},
		{"expression in JSON", "m.cluster.json", `{"locals": {"a": "${` + strings.Repeat("(", many) + `"}}`, true},
		{"a long list", "m.cluster.hcl", "locals { a = [" + strings.Repeat("[1],", 5000) + "] }", false},
		{"many conditionals", "m.cluster.hcl", "locals {\n" + conditionals(300) + "}", false},
		{"brackets in a string", "m.cluster.hcl", `locals { a = "` + strings.Repeat("[", 5000) + `" }`, false},
		{"brackets in a comment", "m.cluster.hcl", "# " + strings.Repeat("[", 5000) + "\nlocals {}", false},
		{"brackets in a JSON string", "m.cluster.json", `{"locals": {"a": "` + strings.Repeat("[", 5000) + `\""}}`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, _, diags := everything(map[string]string{tc.file: tc.src})
			if got := strings.Contains(texts(diags), "Nested too deeply"); got != tc.deep {
				t.Errorf("nested too deeply: %t\n%.300s", got, texts(diags))
			}
		})
	}
}

func conditionals(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("  a" + strings.Repeat("x", i) + " = true ? 1 : 2\n")
	}
	return b.String()
}

func TestHugeNumbers(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		file, src string
		huge      bool
	}{
		{"m.cluster.hcl", "locals { a = 1e999999999 }", true},
		{"m.cluster.json", `{"locals": {"b": "1e99999", "a": 1e999999999}}`, true},
		{"m.cluster.hcl", `locals { a = "1e999999999" }`, false},
		{"m.cluster.json", `{"locals": {"a": "x\"1e999999999"}}`, false},
		{"m.cluster.hcl", "locals { a = 1e100 }", false},
	} {
		_, _, diags := everything(map[string]string{tc.file: tc.src})
		if got := strings.Contains(texts(diags), "Number beyond reason"); got != tc.huge {
			t.Errorf("%s: %t\n%s", tc.src, got, texts(diags))
		}
	}
}
