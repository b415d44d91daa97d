//go:build linux

package machines_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTerraform brings a cluster, a pool and a workload up with one `terraform apply`, by the real program and the provider
// as it is released.
func TestTerraform(t *testing.T) {
	needs(t, current)
	program, err := exec.LookPath("terraform")
	switch {
	case err == nil:
	case os.Getenv("CLUSTERFORM_REQUIRE_TERRAFORM") == "1":
		t.Fatal("terraform is required here (CLUSTERFORM_REQUIRE_TERRAFORM=1) and not on the PATH")
	default:
		t.Skip("terraform is not on the PATH")
	}
	w := newWorld(t, "testdata/terraform")
	tf := &terraform{world: w, program: program}
	tf.install(t)

	tf.run(t, 0, "apply", "-auto-approve")
	if listed := tf.read(t, "nodes.txt"); len(strings.Fields(listed)) != 2 {
		t.Errorf("with the ephemeral kubeconfig these nodes are seen: %q, want two", listed)
	}
	var url string
	if err := json.Unmarshal([]byte(tf.run(t, 0, "output", "-json", "web")), &url); err != nil {
		t.Fatal(err)
	}
	w.answers(t, "http://"+url+"/", "hello")
	tf.run(t, 0, "plan", "-detailed-exitcode")
	if out := tf.run(t, 0, "apply", "-auto-approve"); !strings.Contains(out, "0 added, 0 changed, 0 destroyed") {
		t.Errorf("the second apply changed something:\n%s", out)
	}
	tf.holdsNo(t, "marker-of-a-terraform-secret", "PRIVATE KEY", "client-key-data")

	tf.run(t, 0, "destroy", "-auto-approve")
	if left := w.leftovers(t); len(left) > 0 {
		t.Errorf("destroy left:\n%s", strings.Join(left, "\n"))
	}
}

// terraform is the program in a world's configuration.
type terraform struct {
	*world
	program string
}

// install builds the provider and tells terraform to take it from there.
func (tf *terraform) install(t *testing.T) {
	t.Helper()
	dir := filepath.Join(tf.dir, "plugins")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", dir+"/", "github.com/clusterform/clusterform/cmd/terraform-provider-clusterform")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the provider: %v\n%s", err, out)
	}
	settings := filepath.Join(tf.dir, "cli.tfrc")
	text := fmt.Sprintf("provider_installation {\n  dev_overrides { \"clusterform/clusterform\" = %q }\n  direct {}\n}\n", dir)
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	tf.env = append(tf.env, "TF_CLI_CONFIG_FILE="+settings, "TF_IN_AUTOMATION=1", "TF_INPUT=0", "TF_CLI_ARGS=-no-color", "CHECKPOINT_DISABLE=1", "KUBECTL="+kubectlPath())
	t.Cleanup(func() {
		if t.Failed() {
			for _, f := range []string{"terraform.tfstate"} {
				t.Logf("%s:\n%s", f, tf.read(t, f))
			}
		}
	})
}

// run expects an exit code within ten minutes, and returns what terraform says.
func (tf *terraform) run(t *testing.T, want int, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, tf.program, args...)
	cmd.Dir, cmd.Env = tf.config(), tf.env
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	err := cmd.Run()
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	took := time.Since(began).Round(100 * time.Millisecond)
	if code != want {
		t.Fatalf("terraform %s: exit %d after %s, want %d\n%s%s", strings.Join(args, " "), code, took, want, stdout.String(), stderr.String())
	}
	t.Logf("terraform %s took %s", strings.Join(args, " "), took)
	return stdout.String()
}

func (tf *terraform) read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(tf.config(), name))
	if err != nil {
		t.Errorf("%v", err)
	}
	return string(data)
}

// holdsNo fails for a text that stands in any file that terraform or the provider wrote; the configuration is the user's.
func (tf *terraform) holdsNo(t *testing.T, texts ...string) {
	t.Helper()
	err := filepath.WalkDir(tf.config(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || filepath.Ext(path) == ".tf" {
			return err
		}
		data, err := os.ReadFile(path)
		for _, text := range texts {
			if bytes.Contains(data, []byte(text)) {
				t.Errorf("%q is in %s", text, path)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
