package provider_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
