package provider_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/clusterform/clusterform/provider"
)

// serveVariable makes this test binary the provider itself, started by terraform.
const serveVariable = "CLUSTERFORM_TEST_SERVE_PROVIDER"

func serve() {
	err := providerserver.Serve(context.Background(), provider.New("0.1.0"), providerserver.ServeOpts{Address: provider.Address})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// workspace is a directory with a configuration, and the real terraform, which starts the provider as a process of its own.
type workspace struct {
	t   *testing.T
	dir string
	env []string
}

func newWorkspace(t *testing.T, config string) *workspace {
	t.Helper()
	if os.Getenv("TF_ACC_TERRAFORM_PATH") == "" {
		t.Skip("terraform is not on the PATH")
	}
	w := &workspace{t: t, dir: t.TempDir()}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(w.dir, "terraform-provider-clusterform")); err != nil {
		t.Fatal(err)
	}
	w.write("cli.tfrc", fmt.Sprintf("provider_installation {\n  dev_overrides { %q = %q }\n  direct {}\n}\n", "clusterform/clusterform", w.dir))
	w.write("versions.tf", "terraform {\n  required_providers {\n    clusterform = { source = \"clusterform/clusterform\" }\n  }\n}\n")
	w.write("main.tf", config)
	return w
}

func (w *workspace) write(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// try runs terraform; code is -1 when it did not end by itself.
func (w *workspace) try(env []string, args ...string) (output string, code int) {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), os.Getenv("TF_ACC_TERRAFORM_PATH"), args...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), append([]string{
		"TF_CLI_CONFIG_FILE=" + filepath.Join(w.dir, "cli.tfrc"), serveVariable + "=1", "TF_IN_AUTOMATION=1", "TF_INPUT=0", "TF_CLI_ARGS=-no-color",
	}, append(w.env, env...)...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return out.String(), exit.ExitCode()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return out.String(), 0
}

// run expects an exit code.
func (w *workspace) run(want int, args ...string) string {
	w.t.Helper()
	out, code := w.try(nil, args...)
	if code != want {
		w.t.Fatalf("terraform %s: exit code %d, want %d\n%s", strings.Join(args, " "), code, want, out)
	}
	return out
}
