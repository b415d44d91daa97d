package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/internal/lab/api"
)

var regionLine = regexp.MustCompile(`region\s*=\s*"([a-z0-9-]+)"`)

// Each example is formatted and valid; it is applied in an account of its own and destroyed again.
func TestExamples(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..", "examples")
	dirs, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, e := range dirs {
		if !e.IsDir() || e.Name() == "language" {
			continue // examples/language has what the tests of hclconfig read
		}
		found++
		t.Run(e.Name(), func(t *testing.T) {
			t.Parallel()
			example(t, filepath.Join(root, e.Name()))
		})
	}
	if found < 2 {
		t.Errorf("only %d examples found", found)
	}
}

func example(t *testing.T, source string) {
	region := ""
	files, err := filepath.Glob(filepath.Join(source, "*.cluster.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if m := regionLine.FindSubmatch(text); m != nil {
			region = string(m[1])
		}
	}
	d := newDeskIn(t, region, false, "", api.Faults{})
	if err := os.Remove(filepath.Join(d.Dir, "main.cluster.hcl")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(d.Dir, os.DirFS(source)); err != nil {
		t.Fatal(err)
	}
	d.run(t, 0, "fmt", "-check", "-diff", "-recursive")
	d.run(t, 0, "validate")
	d.run(t, 2, "plan", "-detailed-exitcode")
	d.run(t, 0, "apply", "-auto-approve")
	d.run(t, 0, "plan", "-detailed-exitcode")
	if d.instances() == 0 {
		t.Error("no instance was launched")
	}
	if protects(t, files) {
		return // it says itself that it is not to be destroyed
	}
	d.run(t, 0, "destroy", "-auto-approve")
	if n := d.instances(); n != 0 {
		t.Errorf("%d instances are left", n)
	}
}

// protects tells whether files protect anything.
func protects(t *testing.T, files []string) bool {
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "prevent_destroy") {
			return true
		}
	}
	return false
}
