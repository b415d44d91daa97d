package lab_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/lab/machine"
	"github.com/clusterform/clusterform/internal/lab/machine/require"
)

// program builds clusterform once: static, as the sample image holds nothing else. CLUSTERFORM_TEST_PROGRAM names one that
// is built already.
var program = sync.OnceValues(func() (string, error) {
	if built := os.Getenv("CLUSTERFORM_TEST_PROGRAM"); built != "" {
		return built, nil
	}
	dir, err := os.MkdirTemp("", "clusterform-lab-test-")
	if err != nil {
		return "", err
	}
	programDir.Store(&dir)
	path := filepath.Join(dir, "clusterform")
	cmd := exec.Command("go", "build", "-o", path, "github.com/clusterform/clusterform/cmd/clusterform")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building clusterform: %w\n%s", err, out)
	}
	return path, nil
})

// programDir is what TestMain removes.
var programDir atomic.Pointer[string]

func TestMain(m *testing.M) {
	code := m.Run()
	if dir := programDir.Load(); dir != nil {
		_ = os.RemoveAll(*dir)
	}
	os.Exit(code)
}

// needMachines skips a test on a host that cannot run machines, unless that is demanded.
func needMachines(t *testing.T) {
	t.Helper()
	demanded := os.Getenv("CLUSTERFORM_REQUIRE_MACHINES") == "1"
	if testing.Short() && !demanded {
		t.Skip("boots machines; not in -short")
	}
	err := require.Check()
	if err != nil && demanded {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip(err)
	}
}

// lab is a lab as a user has it: everything goes through the program's commands.
type lab struct {
	t    *testing.T
	bin  string
	name string
	labs string // CLUSTERFORM_LAB_DIR
}

// newLab prepares a lab that is not up yet. It is taken down with the test, whatever happens to it.
func newLab(t *testing.T, name string) *lab {
	t.Helper()
	bin, err := program()
	if err != nil {
		t.Fatal(err)
	}
	// Not t.TempDir: that may lie on a file system that overlays cannot use.
	labs, err := os.MkdirTemp("/var/tmp", "clusterform-test-")
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, bin: bin, name: name, labs: labs}
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(l.dir(), "lab.log"))
			t.Logf("log of lab %s:\n%s", name, log)
		}
		if _, err := os.Stat(l.dir()); err == nil {
			if r := l.try("down", "-purge"); r.code != 0 {
				t.Errorf("lab down: %s", r)
			}
		}
		if err := machine.Sweep(context.Background(), machine.SweepOptions{Name: name, Dir: l.dir()}); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(labs); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l *lab) dir() string { return filepath.Join(l.labs, l.name) }

// result is how a command ended.
type result struct {
	args           []string
	code           int
	stdout, stderr string
}

func (r result) String() string {
	return fmt.Sprintf("clusterform lab %s ended with %d\nstdout: %s\nstderr: %s", strings.Join(r.args, " "), r.code, r.stdout, r.stderr)
}

// command is `clusterform lab VERB -name=NAME REST…`.
func (l *lab) command(ctx context.Context, verb string, rest ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, l.bin, append([]string{"lab", verb, "-name=" + l.name}, rest...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + l.labs, "CLUSTERFORM_LAB_DIR=" + l.labs, "NO_COLOR=1"}
	cmd.Dir = l.labs
	cmd.WaitDelay = time.Second
	return cmd
}

// try runs a command, which may take up to three minutes: longer only when an image has to be built.
func (l *lab) try(verb string, rest ...string) result {
	l.t.Helper()
	limit := 3 * time.Minute
	if verb == "up" {
		limit = 10 * time.Minute
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := l.command(ctx, verb, rest...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() < 0) {
		l.t.Fatalf("lab %s: %v\n%s", verb, err, stderr.String())
	}
	return result{append([]string{verb}, rest...), cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// run wants success and returns the output.
func (l *lab) run(verb string, rest ...string) string {
	l.t.Helper()
	r := l.try(verb, rest...)
	if r.code != 0 {
		l.t.Fatal(r)
	}
	return r.stdout
}

// sh runs a script in a machine.
func (l *lab) sh(node, script string) (string, int) {
	l.t.Helper()
	r := l.try("exec", node, "--", "sh", "-c", script)
	return strings.TrimSpace(r.stdout), r.code
}

// env is what `lab env` says.
func (l *lab) env() map[string]string {
	l.t.Helper()
	out := map[string]string{}
	if err := json.Unmarshal([]byte(l.run("env", "-json")), &out); err != nil {
		l.t.Fatal(err)
	}
	return out
}

// pid is the lab's process.
func (l *lab) pid() int {
	l.t.Helper()
	data, err := os.ReadFile(filepath.Join(l.dir(), "lab.pid"))
	if err != nil {
		l.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		l.t.Fatal(err)
	}
	return pid
}

// kill ends the lab's process as a crash would, and waits until it is gone.
func (l *lab) kill() {
	l.t.Helper()
	process, err := os.FindProcess(l.pid())
	if err != nil {
		l.t.Fatal(err)
	}
	if err := process.Kill(); err != nil {
		l.t.Fatal(err)
	}
	eventually(l.t, "the lab's process is gone", 10*time.Second, func() bool {
		return strings.Contains(l.try("status").stderr, "without being asked")
	})
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, limit time.Duration, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !ok(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}
