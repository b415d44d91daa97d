package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/bootstrap/software/softwaretest"
)

// binary builds clusterform once for all tests of the package.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "clusterform-e2e-")
	if err != nil {
		return "", err
	}
	buildDir.Store(&dir)
	path := filepath.Join(dir, "clusterform")
	cmd := exec.Command("go", "build", "-o", path, "github.com/clusterform/clusterform/cmd/clusterform")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir := buildDir.Load(); dir != nil {
		_ = os.RemoveAll(*dir)
	}
	os.Exit(code)
}

// buildDir is what TestMain removes.
var buildDir atomic.Pointer[string]

// workdir is a directory with a configuration in which processes of clusterform run.
type workdir struct {
	t    *testing.T
	dir  string
	env  []string
	path string
}

func newWorkdir(t *testing.T, configuration, endpoint string) *workdir {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatalf("building clusterform: %v", err)
	}
	w := &workdir{t: t, dir: t.TempDir(), path: path}
	bundle := filepath.Join(t.TempDir(), "bundle")
	if err := softwaretest.Bundle(bundle, "1.34.4"); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(w.dir, os.DirFS(configuration)); err != nil {
		t.Fatal(err)
	}
	w.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "AWS_ENDPOINT_URL=" + endpoint, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID=" + testKeyID, "AWS_SECRET_ACCESS_KEY=" + testSecret, "AWS_REGION=us-east-1", "NO_COLOR=1",
		"CLUSTERFORM_WAIT=launched", "CLUSTERFORM_BUNDLE=" + bundle, // there are no machines that could join
	}
	return w
}

// The key of the endpoints that tests start.
const (
	testKeyID  = "AKIAE2ETESTKEY000000"
	testSecret = "e2e-test-secret"
)

// outcome is how a process ended.
type outcome struct {
	args           []string
	code           int
	stdout, stderr string
	killed         bool
}

func (o outcome) String() string {
	return fmt.Sprintf("clusterform %s: exit %d\n--- stdout\n%s--- stderr\n%s", strings.Join(o.args, " "), o.code, o.stdout, o.stderr)
}

// try runs clusterform and reports how it ended. One process takes at most three minutes.
func (w *workdir) try(env []string, args ...string) outcome {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.path, args...)
	cmd.Dir = w.dir
	cmd.Env = append(append([]string{}, w.env...), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	o := outcome{args: args, stdout: stdout.String(), stderr: stderr.String()}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		o.code, o.killed = exit.ExitCode(), exit.ExitCode() == -1
	} else if err != nil {
		w.t.Fatal(err)
	}
	if ctx.Err() != nil {
		w.t.Fatalf("%v\ndid not end in time", o)
	}
	return o
}

// run is try for what must end with a code.
func (w *workdir) run(code int, args ...string) outcome {
	w.t.Helper()
	o := w.try(nil, args...)
	if o.code != code {
		w.t.Fatalf("%v\nwant exit %d", o, code)
	}
	return o
}

// planned is what the tests read of `show -json PLAN`.
type planned struct {
	ResourceChanges []struct {
		Address string `json:"address"`
		Kind    string `json:"kind"`
		Action  string `json:"action"`
		Reason  string `json:"action_reason"`
	} `json:"resource_changes"`
	Drift []struct {
		Address string `json:"address"`
	} `json:"resource_drift"`
	Recovered []struct {
		Message string `json:"message"`
	} `json:"recovered"`
}

// plan saves a plan, checks the detailed exit code, and reads it back.
func (w *workdir) plan(code int, args ...string) planned {
	w.t.Helper()
	w.run(code, append([]string{"plan", "-detailed-exitcode", "-out=story.plan"}, args...)...)
	var p planned
	if err := json.Unmarshal([]byte(w.run(0, "show", "-json", "story.plan").stdout), &p); err != nil {
		w.t.Fatal(err)
	}
	return p
}

// changes writes the changes as lines "action kind address", which read well in a failure.
func (p planned) changes() []string {
	lines := make([]string, len(p.ResourceChanges))
	for i, c := range p.ResourceChanges {
		lines[i] = c.Action + " " + c.Kind + " " + c.Address
	}
	return lines
}

// wantEmpty fails unless a plan finds nothing to do, whatever it says.
func (w *workdir) wantEmpty(args ...string) {
	w.t.Helper()
	o := w.try(nil, append([]string{"plan", "-detailed-exitcode"}, args...)...)
	if o.code != 0 {
		w.t.Fatalf("%v\nwant a plan without changes", o)
	}
}
