package hclconfig

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReferenceIsCurrent compares the tables of docs/language.md with the schema.
func TestReferenceIsCurrent(t *testing.T) {
	t.Parallel()
	const page, marker = "../docs/language.md", "go test ./hclconfig/... -update -->\n"
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	prose, tables, ok := strings.Cut(string(data), marker)
	if !ok {
		t.Fatalf("%s has no line that ends with %q", page, marker)
	}
	want := "\n" + strings.TrimRight(Reference(), "\n") + "\n"
	if *update {
		if err := os.WriteFile(page, []byte(prose+marker+want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, tables); diff != "" {
		t.Errorf("%s is out of date; -update rewrites it (-want +got):\n%s", page, diff)
	}
}

// TestSchema wants every argument to be described, and every default to be of
// the form that is asked of what is written.
func TestSchema(t *testing.T) {
	t.Parallel()
	var visit func(path string, n NestedBlock)
	visit = func(path string, n NestedBlock) {
		path += " " + n.Type
		if n.Schema.Description == "" {
			t.Errorf("%s has no description", path)
		}
		seen := map[string]bool{}
		for _, a := range n.Schema.Attributes {
			if a.Description == "" || seen[a.Name] {
				t.Errorf("%s %s has no description, or is there twice", path, a.Name)
			}
			seen[a.Name] = true
			if a.Default != "" && a.fallback().IsNull() {
				t.Errorf("%s %s: the default %s is not of its own form", path, a.Name, a.Default)
			}
			if a.Form != "" {
				if _, ok := forms()[a.Form]; !ok {
					t.Errorf("%s %s has an unknown form %q", path, a.Name, a.Form)
				}
			}
		}
		for _, inner := range n.Schema.Blocks {
			if seen[inner.Type] {
				t.Errorf("%s %s is an argument and a block", path, inner.Type)
			}
			visit(path, inner)
		}
	}
	for _, n := range TopLevel() {
		visit("", n)
	}
}
