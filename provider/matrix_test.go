package provider_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/clusterform/clusterform/internal/lab/api"
)

// operation is something that Terraform does to a cluster and its pool.
type operation struct {
	name          string
	before, after string // configurations; before is applied already
	args          []string
}

func operations() []operation {
	small := clusterWith(`control_plane = { access = ["192.0.2.0/24"] }`) + poolWith("size = 1")
	large := clusterWith(`tags = { owner = "billing" }
  control_plane = { access = ["198.51.100.0/24"] }
  firewall      = { allow = { web = { ports = [80], from = ["0.0.0.0/0"] } } }`) + poolWith(`size = 2
  disk_gib = 30`)
	apply, destroy := []string{"apply", "-auto-approve"}, []string{"destroy", "-auto-approve"}
	return []operation{
		{"create", "", small, apply},
		{"update", small, large, apply},
		{"delete", small, small, destroy},
	}
}

// fault is what goes wrong at a call.
type fault struct {
	name string
	set  func(w *world, c call) (hit func() bool)
}

// call is the nth one of an action in an operation, from 1.
type call struct {
	action string
	n      int
}

func (c call) String() string { return fmt.Sprintf("%s %d", c.action, c.n) }

// TestFaultMatrix makes every call that changes something fail, and kills the provider (SIGKILL) at each of them: when
// the call took effect and nobody heard of it. Nothing is tainted by it, the next apply goes on to the same end as one
// without faults, and a destroy leaves nothing.
func TestFaultMatrix(t *testing.T) {
	t.Parallel()
	faults := []fault{{"error", refuseOnce}, {"crash", crash}}
	for _, op := range operations() {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			stage := op.stage(t)
			calls, want := op.measure(t, stage)
			if len(calls) < 15 {
				t.Fatalf("only %d calls: %v", len(calls), calls)
			}
			step := 1
			if testing.Short() {
				step = 9
			}
			for i := 0; i < len(calls); i += step {
				for _, f := range faults {
					t.Run(fmt.Sprintf("%s at %s", f.name, calls[i]), func(t *testing.T) {
						t.Parallel()
						w := newWorld(t, stage, op.after)
						hit := f.set(w, calls[i])
						out, code := w.try(nil, op.args...)
						w.allow()
						if !hit() {
							if code != 0 {
								t.Fatalf("there was no such call; exit code %d\n%s", code, out)
							}
							return // calls that run side by side shared one this time
						}
						if f.name == "crash" && code == 0 {
							t.Fatalf("terraform did not notice\n%s", out)
						}
						w.converges(op, want)
					})
				}
			}
		})
	}
}

// converges carries the operation out again, after a fault.
func (w *world) converges(op operation, want []string) {
	t := w.workspace.t
	t.Helper()
	if tainted := w.state().tainted(); len(tainted) > 0 {
		t.Errorf("these are tainted: %v", tainted)
	}
	w.run(0, op.args...)
	if op.name == "delete" {
		w.nothingLeft(t)
		return
	}
	for _, address := range []string{theCluster, thePool} {
		if phase := w.state().attribute(address, "phase"); phase != "ready" {
			t.Errorf("%s is %v", address, phase)
		}
	}
	if got := w.inventory(t); !slices.Equal(got, want) {
		t.Errorf("there are now\n%s\nwithout faults there are\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	w.run(0, "plan", "-detailed-exitcode")
	w.run(0, "destroy", "-auto-approve")
	w.nothingLeft(t)
}

// refuseOnce denies a call.
func refuseOnce(w *world, c call) (hit func() bool) {
	at := nth(c)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.intercept = func(action string, answer http.ResponseWriter) bool {
		now := at.came(action)
		if now {
			deny(answer, action)
		}
		return now
	}
	return at.hit
}

// crash kills the provider after a call took effect. Its answer is never sent.
func crash(w *world, c call) (hit func() bool) {
	at := nth(c)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answered = func(action string, body []byte) []byte {
		if !at.came(action) {
			return body
		}
		if err := w.killProvider(); err != nil {
			w.workspace.t.Errorf("the provider was not killed: %v", err)
		}
		panic(http.ErrAbortHandler)
	}
	return at.hit
}

// counter waits for a call.
type counter struct {
	call

	mu   sync.Mutex
	seen int
}

func nth(c call) *counter { return &counter{call: c} }

func (c *counter) came(action string) bool {
	if action != c.action {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen++
	return c.seen == c.n
}

func (c *counter) hit() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen >= c.n
}

// stage makes what the operation begins with, and returns where it is kept.
func (op operation) stage(t *testing.T) string {
	t.Helper()
	if op.before == "" {
		return ""
	}
	w := newWorld(t, "", op.before)
	w.run(0, "apply", "-auto-approve")
	return w.keep()
}

// measure lists the calls that change something, and what there is in the end.
func (op operation) measure(t *testing.T, stage string) (calls []call, inventory []string) {
	t.Helper()
	w := newWorld(t, stage, op.after)
	var mu sync.Mutex
	seen := map[string]int{}
	w.mu.Lock()
	w.intercept = func(action string, _ http.ResponseWriter) bool {
		mu.Lock()
		defer mu.Unlock()
		if changes(action) {
			seen[action]++
			calls = append(calls, call{action, seen[action]})
		}
		return false
	}
	w.mu.Unlock()
	w.run(0, op.args...)
	w.allow()
	return calls, w.inventory(t)
}

// changes tells whether an action does more than look.
func changes(action string) bool {
	_, name, qualified := strings.Cut(action, ".")
	if !qualified {
		name = action
	}
	for _, verb := range []string{"Describe", "Get", "List"} {
		if strings.HasPrefix(name, verb) {
			return false
		}
	}
	return true
}

// world is a lab with a workspace, both kept on disk, so that several can begin where one has ended.
type world struct {
	*lab
	*workspace
	root string
}

// newWorld is empty, or a copy of one that was kept.
func newWorld(t *testing.T, from, config string) *world {
	t.Helper()
	root := t.TempDir()
	if from != "" {
		copyTree(t, root, from)
	}
	l := startLabWith(t, api.Options{Dir: filepath.Join(root, "lab")})
	l.stateDir = filepath.Join(root, "state")
	w := &world{lab: l, workspace: newWorkspace(t, l.config(config)), root: root}
	if from != "" {
		copyTree(t, w.dir, filepath.Join(root, "terraform"))
	}
	return w
}

// keep ends the lab and returns where the world is kept.
func (w *world) keep() string {
	t := w.workspace.t
	t.Helper()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	state, err := os.ReadFile(filepath.Join(w.dir, "terraform.tfstate"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(w.root, "terraform")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "terraform.tfstate"), state, 0o600); err != nil {
		t.Fatal(err)
	}
	return w.root
}

// copyTree copies files, which are their owner's alone.
func copyTree(t *testing.T, to, from string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		if d.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}
