package hclconfig

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestFormatLikeTerraform formats a corpus by the real `terraform fmt` and by
// ours.
func TestFormatLikeTerraform(t *testing.T) {
	t.Parallel()
	binary, err := exec.LookPath("terraform")
	if err != nil {
		if os.Getenv("CLUSTERFORM_REQUIRE_TERRAFORM") == "1" {
			t.Fatal("terraform is not on the PATH, and CLUSTERFORM_REQUIRE_TERRAFORM=1 requires it")
		}
		t.Skip("terraform is not on the PATH; CLUSTERFORM_REQUIRE_TERRAFORM=1 makes this an error")
	}
	for _, pattern := range []string{"testdata/format/*.hcl", "testdata/diagnostics/*.cluster.hcl", "../examples/language/*/*.hcl"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no files match %s: %v", pattern, err)
		}
		for _, name := range files {
			if filepath.Base(name) == "deep.cluster.hcl" {
				continue // what we refuse, Terraform takes the risk of
			}
			t.Run(filepath.ToSlash(name), func(t *testing.T) {
				t.Parallel()
				src, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				cmd := exec.CommandContext(t.Context(), binary, "fmt", "-")
				cmd.Stdin = bytes.NewReader(src)
				cmd.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE="+os.DevNull)
				want, wrong := cmd.Output()
				got, diags := Format(src, name)
				if (wrong != nil) != diags.HasErrors() {
					t.Fatalf("terraform says %v, we say %v", wrong, diags.Err())
				}
				if wrong != nil {
					return
				}
				if !bytes.Equal(got, want) {
					t.Errorf("got:\n%s\nwant:\n%s", got, want)
				}
				if again, _ := Format(got, name); !bytes.Equal(again, got) {
					t.Errorf("formatting again changes it:\n%s", again)
				}
			})
		}
	}
}
