package function_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/hclconfig/function"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite generated pages")

// TestPageIsCurrent compares docs/functions.md with the table of functions.
func TestPageIsCurrent(t *testing.T) {
	t.Parallel()
	const page = "../../docs/functions.md"
	if *update {
		if err := os.WriteFile(page, []byte(function.Reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(function.Reference(), string(got)); diff != "" {
		t.Errorf("%s is out of date; -update rewrites it (-want +got):\n%s", page, diff)
	}
}

// TestExamples evaluates the examples that say what they give.
func TestExamples(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFixtures(t, dir)
	cfg := loadConsole(t, dir)
	seen := map[string]bool{}
	for _, e := range function.List() {
		if seen[e.Name] || e.Doc == "" || e.Signature == "" || e.Example == "" {
			t.Errorf("the entry of %q is incomplete, or there twice", e.Name)
		}
		seen[e.Name] = true
		expr, want, ok := strings.Cut(e.Example, " → ")
		if !ok {
			continue
		}
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			v, diags := cfg.EvalExpression([]byte("jsonencode("+expr+") == jsonencode("+want+")"), "example", nil)
			if diags.HasErrors() {
				t.Fatal(diags.Err())
			}
			if v, _ = v.Unmark(); !v.True() {
				t.Errorf("%s does not give %s", expr, want)
			}
		})
	}
}
