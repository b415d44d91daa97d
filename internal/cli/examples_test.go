package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/clusterform/clusterform/internal/lab/api"
)

var regionLine = regexp.MustCompile(`region\s*=\s*"([a-z0-9-]+)"`)

// Each example is formatted and valid; it is applied in an account of its own and destroyed again.
func TestExamples(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..", "examples")
	var found []string
	for _, pattern := range []string{"*", filepath.Join("*", "*")} {
		files, err := filepath.Glob(filepath.Join(root, pattern, "*.cluster.hcl"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			dir, err := filepath.Rel(root, filepath.Dir(f))
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, dir)
		}
	}
	slices.Sort(found)
	found = slices.Compact(found)
	for _, dir := range found {
		t.Run(filepath.ToSlash(dir), func(t *testing.T) {
			t.Parallel()
			example(t, filepath.Join(root, dir))
		})
	}
	if len(found) < 2 {
		t.Errorf("only %d examples found", len(found))
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
	unprotect(t, d.Dir)
	d.run(t, 0, "destroy", "-auto-approve")
	if n := d.instances(); n != 0 {
		t.Errorf("%d instances are left", n)
	}
}

var protection = regexp.MustCompile(`prevent_destroy(\s*)= true`)

// unprotect takes the protection out of the files, as the refusal to destroy says.
func unprotect(t *testing.T, dir string) {
	files, err := filepath.Glob(filepath.Join(dir, "*.cluster.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f, protection.ReplaceAll(text, []byte("prevent_destroy${1}= false")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
