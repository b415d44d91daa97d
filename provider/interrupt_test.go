package provider_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api"
)

// interruption is what happens to Terraform at a call.
type interruption struct {
	name string
	// strike acts on the terraform that runs.
	strike func(w *world, r *running) error
	// lost says that the call's answer reaches nobody.
	lost bool
	// dies says that Terraform does not end by itself.
	dies bool
}

// TestInterruptedTerraform kills Terraform itself, or presses Ctrl-C, in the middle of an operation. What the provider made is
// found by UID and token, or was recorded, and the next run goes on.
func TestInterruptedTerraform(t *testing.T) {
	t.Parallel()
	ways := []interruption{
		{"killed with its provider", func(w *world, r *running) error {
			if err := r.cmd.Process.Kill(); err != nil {
				return err
			}
			return w.killProvider()
		}, true, true},
		{"killed, and its provider goes on", func(w *world, r *running) error {
			orphan, err := w.plugin()
			if err != nil {
				return err
			}
			w.workspace.t.Cleanup(func() { _ = orphan.Kill() })
			return r.cmd.Process.Kill()
		}, false, true},
		{"interrupted", func(_ *world, r *running) error { return r.cmd.Process.Signal(os.Interrupt) }, false, false},
	}
	for _, op := range operations() {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			stage := op.stage(t)
			calls, want := op.measure(t, stage)
			for _, way := range ways {
				for _, part := range []float64{0.25, 0.75} {
					c := calls[int(part*float64(len(calls)))]
					t.Run(fmt.Sprintf("%s at %s", way.name, c), func(t *testing.T) {
						t.Parallel()
						w := newWorld(t, stage, op.after)
						out, code, hit := w.interrupted(way, c, op.args)
						if !hit {
							if code != 0 {
								t.Fatalf("there was no such call; exit code %d\n%s", code, out)
							}
							return // calls that run side by side shared one this time
						}
						if way.dies != (code == -1) || code == 0 {
							t.Errorf("terraform ended with exit code %d\n%s", code, out)
						}
						if !way.dies && op.name != "delete" && len(w.state().Resources) == 0 {
							t.Errorf("Terraform has nothing in its state\n%s", out)
						}
						w.converges(op, want)
					})
				}
			}
		})
	}
}

// interrupted runs terraform, and strikes at a call; hit says that the call came. It returns when the blow is done: a killed
// terraform ends before its killer does.
func (w *world) interrupted(way interruption, c call, args []string) (output string, code int, hit bool) {
	t := w.workspace.t
	t.Helper()
	at := nth(c)
	struck := make(chan struct{})
	started := make(chan *running, 1)
	w.mu.Lock()
	w.answered = func(action string, body []byte) []byte {
		if !at.came(action) {
			return body
		}
		r := <-started
		if err := way.strike(w, r); err != nil {
			t.Errorf("terraform was not %s: %v", way.name, err)
		}
		close(struck)
		if way.lost {
			panic(http.ErrAbortHandler)
		}
		// Until word has gone round, which nobody outside can see; a run that ends before it ends as one that was not told.
		time.Sleep(time.Second)
		return body
	}
	w.mu.Unlock()
	r := w.start(nil, args...)
	started <- r
	output, code = r.wait(t)
	if at.hit() {
		<-struck
	}
	w.allow()
	return output, code, at.hit()
}

// TestTimeouts: an operation that takes longer than it may is recorded with what is missing, and the next apply goes on.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	l := startLabOnly(t)
	slow := quick
	slow.Latency = api.Range{Min: api.Duration(150 * time.Millisecond), Max: api.Duration(150 * time.Millisecond)}
	if err := l.SetFaults(slow); err != nil {
		t.Fatal(err)
	}
	w := newWorkspace(t, l.config(clusterWith(`timeouts = { create = "1s" }`)))
	out := words(w.run(0, "apply", "-auto-approve"))
	if !strings.Contains(out, "Warning") {
		t.Errorf("nothing is said of it:\n%s", out)
	}
	s := w.state()
	if phase, why := s.attribute(theCluster, "phase"), s.attribute(theCluster, "last_error"); phase != "incomplete" || why == nil || s.attribute(theCluster, "uid") == nil {
		t.Errorf("the cluster is recorded as %v: %v", phase, why)
	}
	if tainted := s.tainted(); len(tainted) > 0 {
		t.Errorf("these are tainted: %v", tainted)
	}
	if len(l.inventory(t)) == 0 {
		t.Error("nothing was made")
	}

	w.run(0, "apply", "-auto-approve") // the timeout of an update, which is long enough
	if s := w.state(); s.attribute(theCluster, "phase") != "ready" || s.attribute(theCluster, "last_error") != nil {
		t.Errorf("the cluster is %v: %v", s.attribute(theCluster, "phase"), s.attribute(theCluster, "last_error"))
	}
	if n := l.vpcs(t); n != 1 {
		t.Errorf("%d VPCs, want 1", n)
	}

	w.write("main.tf", l.config(clusterWith(`timeouts = { delete = "500ms" }`)))
	w.run(0, "apply", "-auto-approve")
	w.run(0, "plan", "-detailed-exitcode")
	w.run(1, "destroy", "-auto-approve")
	if s := w.state(); s.attribute(theCluster, "uid") == nil {
		t.Error("the cluster is forgotten before it is gone")
	}
	w.write("main.tf", l.config(clusterWith("")))
	w.run(0, "apply", "-auto-approve")
	w.run(0, "destroy", "-auto-approve")
	l.nothingLeft(t)
}
