package provider_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// TestExamples runs every example: those that need an API that answers are only validated, and planned where they have
// something to plan.
func TestExamples(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "examples", "terraform")
	files, err := filepath.Glob(filepath.Join(root, "*", "*", "*.tf"))
	if err != nil || len(files) < 8 {
		t.Fatalf("%d examples in %s (%v)", len(files), root, err)
	}
	settings, err := os.ReadFile(filepath.Join(root, "provider", "provider.tf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.Contains(file, "actions") {
			continue // TestExamplesOfNewerVersions
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			t.Parallel()
			l := startLabOnly(t)
			w := newWorkspace(t, string(settings)+string(text))
			copyDirectories(t, filepath.Dir(file), w.dir)
			if err := os.Remove(filepath.Join(w.dir, "versions.tf")); err != nil {
				t.Fatal(err)
			}
			w.env = []string{
				"AWS_ENDPOINT_URL=" + l.url, "AWS_ACCESS_KEY_ID=" + testKeyID, "AWS_SECRET_ACCESS_KEY=" + testSecret, "CLUSTERFORM_WAIT=launched",
			}
			w.run(0, "validate")
			if strings.Contains(file, "ephemeral") {
				return // it needs a cluster that answers
			}
			w.run(2, "plan", "-detailed-exitcode")
			if needsAPI := strings.Contains(file, "workload") || strings.Contains(file, "manifest"); needsAPI {
				return
			}
			w.run(0, "apply", "-auto-approve")
			w.run(0, "plan", "-detailed-exitcode")
			w.run(0, "destroy", "-auto-approve")
			if left := l.instances(t); len(left) > 0 {
				t.Errorf("destroy left %v", left)
			}
		})
	}
}

// copyDirectories brings what an example has beside its file.
func copyDirectories(t *testing.T, from, to string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := os.CopyFS(filepath.Join(to, e.Name()), os.DirFS(filepath.Join(from, e.Name()))); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestExamplesOfNewerVersions compares the examples that the terraform here does not understand with the schemas.
func TestExamplesOfNewerVersions(t *testing.T) {
	t.Parallel()
	n := startLabOnly(t).newer(t)
	schemas := map[string]map[string]*tfprotov6.Schema{"action": {}, "list": n.schemas.ListResourceSchemas}
	for name, a := range n.schemas.ActionSchemas {
		schemas["action"][name] = a.Schema
	}
	files, err := filepath.Glob(filepath.Join("..", "examples", "terraform", "*", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, path := range files {
		if !strings.Contains(path, "actions") && !strings.Contains(path, "list-resources") {
			continue
		}
		file, diags := hclparse.NewParser().ParseHCLFile(path)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		body, ok := file.Body.(*hclsyntax.Body)
		if !ok || len(body.Blocks) != 1 || len(body.Blocks[0].Labels) != 2 {
			t.Errorf("%s is not one block with two labels", path)
			continue
		}
		b := body.Blocks[0]
		name := filepath.Base(filepath.Dir(path))
		schema := schemas[b.Type][name]
		if b.Labels[0] != name || schema == nil {
			t.Errorf("%s: the provider has no %s %q", path, b.Type, b.Labels[0])
			continue
		}
		seen++
		written := map[string]bool{}
		for _, config := range b.Body.Blocks {
			for name := range config.Body.Attributes {
				written[name] = true
			}
		}
		for _, a := range schema.Block.Attributes {
			if a.Required && !written[a.Name] {
				t.Errorf("%s: %s is required", path, a.Name)
			}
			delete(written, a.Name)
		}
		for name := range written {
			t.Errorf("%s: there is no %s", path, name)
		}
	}
	if want := len(schemas["action"]) + len(schemas["list"]); seen != want {
		t.Errorf("%d examples, and %d things to show", seen, want)
	}
}
