//go:build linux

package machines_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/lab/machine/hostcheck"
	"github.com/clusterform/clusterform/internal/lab/machine/require"
)

// built is the clusterform of this tree, made once for all tests of the package.
var built = sync.OnceValues(func() (string, error) {
	path := filepath.Join(workRoot, fmt.Sprintf("clusterform-e2e-%d", os.Getpid()))
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "github.com/clusterform/clusterform/cmd/clusterform")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // the lab's sample images hold this program and nothing else
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// workRoot is on a real file system also where /tmp is not: machines keep their data below it.
const workRoot = "/srv"

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.Remove(filepath.Join(workRoot, fmt.Sprintf("clusterform-e2e-%d", os.Getpid())))
	os.Exit(code)
}

// needs skips a test where machines cannot run, and fails it where they must. bundles are the Kubernetes versions that the
// test installs.
func needs(t *testing.T, bundles ...string) {
	t.Helper()
	required := os.Getenv("CLUSTERFORM_REQUIRE_MACHINES") != ""
	lacks := ""
	if err := require.Check(); err != nil {
		lacks = err.Error()
	}
	for _, version := range bundles {
		dir := filepath.Join(cacheDir(), "bundles", "kubernetes-"+version+"-amd64")
		if _, err := os.Stat(filepath.Join(dir, "bundle.json")); err != nil {
			lacks += fmt.Sprintf("\nno bundle of Kubernetes %s in %s: `make bundles` makes it", version, dir)
		}
	}
	switch {
	case lacks == "":
	case required:
		t.Fatal(lacks)
	default:
		t.Skip(lacks)
	}
}

func cacheDir() string {
	if dir := os.Getenv("CLUSTERFORM_CACHE_DIR"); dir != "" {
		return dir
	}
	return "/var/cache/clusterform"
}

// world is a lab of its own with a directory in which clusterform runs.
type world struct {
	*testing.T
	dir, path, lab string
	env            []string
	last           outcome // of the command that was run last
}

// newWorld starts a lab and copies a configuration. At the end the lab is taken down, and the host must be as before.
func newWorld(t *testing.T, configuration string) *world {
	t.Helper()
	path, err := built() // before the others have to wait for this test
	if err != nil {
		t.Fatalf("building clusterform: %v", err)
	}
	hostcheck.Guard(t)
	id := make([]byte, 3)
	rand.Read(id)
	w := &world{T: t, path: path, lab: "e2e-" + hex.EncodeToString(id)}
	if w.dir, err = os.MkdirTemp(workRoot, "clusterform-e2e-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(w.dir) })
	if err := os.CopyFS(w.config(), os.DirFS(configuration)); err != nil {
		t.Fatal(err)
	}
	w.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "NO_COLOR=1", "CLUSTERFORM_CONSISTENCY_WINDOW=2s",
		"CLUSTERFORM_LAB=" + w.lab, "CLUSTERFORM_LAB_DIR=" + filepath.Join(w.dir, "labs"), "CLUSTERFORM_CACHE_DIR=" + cacheDir(),
	}
	t.Cleanup(func() {
		if t.Failed() {
			w.postMortem()
		}
		if o := w.try(nil, "lab", "down", "-purge"); o.code != 0 {
			t.Errorf("the lab does not go down: %v", o)
		}
	})
	w.run(0, "lab", "up", "-region=eu-central-1")
	for line := range strings.Lines(w.run(0, "lab", "env").stdout) {
		if name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "="); ok {
			w.env = append(w.env, name+"="+strings.Trim(value, `'"`))
		}
	}
	return w
}

// part is a part of the story of a cluster.
type part struct {
	name string
	test func(*testing.T)
}

// parts runs what builds on one another, until one fails.
func (w *world) parts(t *testing.T, all []part) {
	for _, p := range all {
		began := time.Now()
		t.Run(p.name, p.test)
		t.Logf("%s: %s", p.name, time.Since(began).Round(100*time.Millisecond))
		if t.Failed() {
			return
		}
	}
}

func (w *world) config() string { return filepath.Join(w.dir, "config") }

// outcome is how a process ended.
type outcome struct {
	args           []string
	code           int
	stdout, stderr string
	took           time.Duration
}

func (o outcome) String() string {
	return fmt.Sprintf("clusterform %s: exit %d after %s\n--- stdout\n%s--- stderr\n%s", strings.Join(o.args, " "), o.code, o.took.Round(time.Millisecond), o.stdout, o.stderr)
}

// command is clusterform in the configuration's directory.
func (w *world) command(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, w.path, args...)
	cmd.Dir, cmd.Env = w.config(), append(append([]string{}, w.env...), env...)
	return cmd
}

// try runs clusterform, for ten minutes at most, and reports how it ended. It is also used while a test cleans up.
func (w *world) try(env []string, args ...string) outcome {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.Context()), 10*time.Minute)
	defer cancel()
	cmd := w.command(ctx, env, args...)
	cmd.Cancel, cmd.WaitDelay = func() error { return cmd.Process.Signal(syscall.SIGQUIT) }, 10*time.Second // it says where it was
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	err := cmd.Run()
	o := outcome{args: args, stdout: stdout.String(), stderr: stderr.String(), took: time.Since(start)}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		o.code = exit.ExitCode()
	} else if err != nil {
		w.Fatal(err)
	}
	w.last = o
	if ctx.Err() != nil {
		w.Fatalf("%v\ndid not end in time", o)
	}
	return o
}

// run is try for what must end with a code.
func (w *world) run(code int, args ...string) outcome {
	w.Helper()
	o := w.try(nil, args...)
	if o.code != code {
		w.Fatalf("%v\nwant exit %d", o, code)
	}
	return o
}

// apply brings the configuration about.
func (w *world) apply(args ...string) outcome {
	w.Helper()
	o := w.run(0, append([]string{"apply", "-auto-approve"}, args...)...)
	w.Logf("apply %s took %s", strings.Join(args, " "), o.took.Round(100*time.Millisecond))
	return o
}

// wantEmpty fails unless a plan finds nothing to do.
func (w *world) wantEmpty(args ...string) {
	w.Helper()
	if o := w.try(nil, append([]string{"plan", "-detailed-exitcode"}, args...)...); o.code != 0 {
		w.Fatalf("%v\nwant a plan without changes", o)
	}
}

// node runs a command in a node and returns what it prints.
func (w *world) node(address string, command ...string) string {
	w.Helper()
	return w.run(0, append([]string{"lab", "exec", address, "--"}, command...)...).stdout
}

// nodes are the recorded nodes by address.
func (w *world) nodes() map[string]nodeRecord {
	w.Helper()
	var state struct {
		Records []nodeRecord `json:"records"`
	}
	out := map[string]nodeRecord{}
	if err := json.Unmarshal([]byte(w.run(0, "show", "-json").stdout), &state); err != nil {
		w.Fatal(err)
	}
	for _, r := range state.Records {
		if r.Kind == "node" {
			out[r.Address] = r
		}
	}
	return out
}

type nodeRecord struct {
	Address string `json:"address"`
	Kind    string `json:"kind"`
	ID      string `json:"id"`
	Phase   string `json:"phase"`
	Spec    struct {
		PrivateIP    string `json:"private_ip"`
		PublicIP     string `json:"public_ip"`
		InstanceType string `json:"instance_type"`
	} `json:"spec"`
}

// postMortem logs what helps to see why a test failed; at last, where only that is read, what failed most likely.
func (w *world) postMortem() {
	last := w.last
	last.stdout, last.stderr = tail(last.stdout), tail(last.stderr)
	defer func() { w.Logf("what was run last:\n%v", last) }()
	w.Logf("%v", w.try(nil, "lab", "status"))
	for address := range w.nodes() {
		for _, command := range []string{"tail -n 40 /var/log/cloud-init-output.log", "journalctl -u 'clusterform*' -n 60 --no-pager", "journalctl -u kubelet -u docker -n 20 --no-pager"} {
			o := w.try(nil, "lab", "exec", address, "--", "sh", "-c", command)
			w.Logf("%s: %s\n%s%s", address, command, o.stdout, o.stderr)
		}
	}
}

// tail is the end of a long text.
func tail(text string) string { return text[max(0, len(text)-2000):] }
