package provider_test

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
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/clusterform/clusterform/provider"
)

const (
	// serveVariable makes this test binary the provider itself, started by terraform.
	serveVariable = "CLUSTERFORM_TEST_SERVE_PROVIDER"
	// pidVariable names the file in which the provider that was started last leaves its process id.
	pidVariable = "CLUSTERFORM_TEST_PROVIDER_PID"
)

func serve() {
	if path := os.Getenv(pidVariable); path != "" {
		if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	err := providerserver.Serve(context.Background(), provider.New("0.1.0"), providerserver.ServeOpts{Address: provider.Address})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// workspace is a directory with a configuration, and the real terraform, which starts the provider as a process of its own.
type workspace struct {
	t       *testing.T
	program string
	dir     string
	env     []string
}

func newWorkspace(t *testing.T, config string) *workspace {
	t.Helper()
	if os.Getenv("TF_ACC_TERRAFORM_PATH") == "" {
		t.Skip("terraform is not on the PATH")
	}
	return newWorkspaceFor(t, os.Getenv("TF_ACC_TERRAFORM_PATH"), config)
}

// newWorkspaceFor is newWorkspace with another program than terraform.
func newWorkspaceFor(t *testing.T, program, config string) *workspace {
	t.Helper()
	w := &workspace{t: t, program: program, dir: t.TempDir()}
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

// running is a terraform under way.
type running struct {
	cmd *exec.Cmd
	out bytes.Buffer
}

// start runs terraform in the background.
func (w *workspace) start(env []string, args ...string) *running {
	w.t.Helper()
	r := &running{cmd: exec.CommandContext(w.t.Context(), w.program, args...)}
	r.cmd.Dir = w.dir
	r.cmd.Env = append(os.Environ(), append([]string{
		"TF_CLI_CONFIG_FILE=" + filepath.Join(w.dir, "cli.tfrc"), serveVariable + "=1", pidVariable + "=" + w.pidFile(),
		"TF_IN_AUTOMATION=1", "TF_INPUT=0", "TF_CLI_ARGS=-no-color",
	}, append(w.env, env...)...)...)
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
	r.cmd.WaitDelay = 10 * time.Second
	if err := r.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	return r
}

// wait returns what terraform said; code is -1 when it did not end by itself.
func (r *running) wait(t *testing.T) (output string, code int) {
	t.Helper()
	err := r.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return r.out.String(), exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return r.out.String(), 0
}

func (w *workspace) pidFile() string { return filepath.Join(w.dir, "provider.pid") }

// plugin is the provider that was started last.
func (w *workspace) plugin() (*os.Process, error) {
	data, err := os.ReadFile(w.pidFile())
	if err != nil {
		return nil, err
	}
	pid, err := strconv.Atoi(string(data))
	if err != nil {
		return nil, err
	}
	return os.FindProcess(pid)
}

// killProvider kills it (SIGKILL).
func (w *workspace) killProvider() error {
	p, err := w.plugin()
	if err != nil {
		return err
	}
	return p.Kill()
}

// try runs terraform to its end.
func (w *workspace) try(env []string, args ...string) (output string, code int) {
	w.t.Helper()
	return w.start(env, args...).wait(w.t)
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

// tfstate is what the tests read of Terraform's state.
type tfstate struct {
	Resources []struct {
		Type      string `json:"type"`
		Name      string `json:"name"`
		Instances []struct {
			Status     string         `json:"status"`
			Attributes map[string]any `json:"attributes"`
		} `json:"instances"`
	} `json:"resources"`
}

// state reads Terraform's state; before the first apply it is empty.
func (w *workspace) state() *tfstate {
	w.t.Helper()
	s := &tfstate{}
	data, err := os.ReadFile(filepath.Join(w.dir, "terraform.tfstate"))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(data) == 0 { // as a terraform leaves it that is killed early
		return s
	}
	if err == nil {
		err = json.Unmarshal(data, s)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// attribute is one of a resource in Terraform's state; nil when there is none.
func (s *tfstate) attribute(address, name string) any {
	for _, r := range s.Resources {
		if r.Type+"."+r.Name == address && len(r.Instances) == 1 {
			return r.Instances[0].Attributes[name]
		}
	}
	return nil
}

// tainted are the resources that Terraform would replace.
func (s *tfstate) tainted() []string {
	var out []string
	for _, r := range s.Resources {
		for _, i := range r.Instances {
			if i.Status == "tainted" {
				out = append(out, r.Type+"."+r.Name)
			}
		}
	}
	return out
}
