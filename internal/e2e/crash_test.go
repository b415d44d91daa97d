package e2e_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/internal/cli"
	"github.com/clusterform/clusterform/internal/lab/api"
)

// TestKilledAtEveryBoundary kills clusterform (SIGKILL, by itself) at every boundary of its journal while it creates,
// changes and destroys a cluster. Each time the next plan says what it found, the next apply converges without any
// handwork at the lock, and nothing is left over.
func TestKilledAtEveryBoundary(t *testing.T) {
	t.Parallel()
	created := filepath.Join(t.TempDir(), "created") // a world in which the cluster stands
	prepare := newCrashWorld(t, "")
	prepare.run(0, prepare.apply()...)
	prepare.keep(created)

	tests := []struct {
		name, world string
		args        []string // what is killed
		again       []string // what converges
		gone        bool
	}{
		{"create", "", []string{"apply"}, []string{"apply"}, false},
		{"change", created, []string{"apply", "-var=workers=3", "-var=type=t3.xlarge", "-var=web_ports=[81]"}, []string{"apply", "-var=workers=3", "-var=type=t3.xlarge", "-var=web_ports=[81]"}, false},
		{"destroy", created, []string{"destroy"}, []string{"destroy"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			boundaries := countBoundaries(t, tt.world, tt.args)
			if len(boundaries) < 20 {
				t.Fatalf("only %d boundaries: %v", len(boundaries), boundaries)
			}
			step := 1
			if testing.Short() {
				step = 7
			}
			for n := 1; n <= len(boundaries); n += step {
				t.Run(fmt.Sprintf("%d %s", n, boundaries[n-1]), func(t *testing.T) {
					t.Parallel()
					w := newCrashWorld(t, tt.world)
					passed := filepath.Join(w.dir, "boundaries")
					killed := w.try([]string{fmt.Sprintf("CLUSTERFORM_FAILPOINT=journal:%d", n), "CLUSTERFORM_FAILPOINT_COUNT=" + passed}, w.with(tt.args, "-auto-approve")...)
					if !killed.killed {
						if killed.code == 0 && len(readLines(t, passed)) < n {
							return // calls that run side by side shared commits this time: there were fewer boundaries
						}
						t.Fatalf("%v\nwas not killed at boundary %d", killed, n)
					}
					w.explains(tt.again, tt.gone)
					w.run(0, w.with(tt.again, "-auto-approve")...)
					if tt.gone {
						w.wantGone()
						return
					}
					sameAsRecorded(t, "after the next apply", client(w.endpoint), readState(t, w.dir))
					w.wantEmpty(w.with(tt.again[1:])...)
				})
			}
		})
	}
}

// crashWorld is a working directory with an endpoint whose state can be kept and copied.
type crashWorld struct {
	*workdir
	endpoint string
	lab      string
	server   *api.Server
	image    string
}

// newCrashWorld is empty, or a copy of one that was kept.
func newCrashWorld(t *testing.T, from string) *crashWorld {
	t.Helper()
	w := &crashWorld{lab: filepath.Join(memoryDir(t), "lab")}
	if from != "" {
		if err := os.CopyFS(w.lab, os.DirFS(filepath.Join(from, "lab"))); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	instant := api.Range{}
	w.server, err = api.New(api.Options{
		Region: "us-east-1", Keys: []api.Key{{AccessKeyID: testKeyID, SecretAccessKey: testSecret}}, Seed: 1, Dir: w.lab,
		Faults: api.Faults{Boot: &instant, Shutdown: &instant},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.server.Close() })
	listener := httptest.NewServer(w.server)
	t.Cleanup(listener.Close)
	w.endpoint = listener.URL
	w.workdir = newWorkdir(t, "testdata/story", listener.URL)
	w.env = append(w.env, "CLUSTERFORM_CONSISTENCY_WINDOW=1s") // this endpoint shows everything at once
	if from != "" {
		if err := os.RemoveAll(w.dir); err != nil {
			t.Fatal(err)
		}
		copyWorkdir(t, w.dir, filepath.Join(from, "dir"))
	}
	w.image = anyImage(t, client(w.endpoint))
	return w
}

func (w *crashWorld) apply() []string { return w.with([]string{"apply"}, "-auto-approve") }

// with adds what every command needs.
func (w *crashWorld) with(args []string, more ...string) []string {
	return append(append(append([]string{}, args...), "-var=image="+w.image), more...)
}

// keep saves the world; it is not used afterwards.
func (w *crashWorld) keep(dir string) {
	w.t.Helper()
	if err := w.server.Close(); err != nil {
		w.t.Fatal(err)
	}
	for name, from := range map[string]string{"lab": w.lab, "dir": w.dir} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(from)); err != nil {
			w.t.Fatal(err)
		}
	}
}

// copyWorkdir copies a directory in which clusterform ran. The sealing key stays its owner's alone.
func copyWorkdir(t *testing.T, to, from string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(to, cli.DataDir, "seal.key"), 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

// explains checks that the plan after a crash speaks of every operation that was open.
func (w *crashWorld) explains(args []string, destroy bool) {
	w.t.Helper()
	open := readState(w.t, w.dir).Intents
	plan := append([]string{"plan", "-out=after.plan"}, args[1:]...)
	if destroy {
		plan = append(plan, "-destroy")
	}
	said := w.run(0, w.with(plan)...)
	if len(open) > 0 && !strings.Contains(said.stdout, "interrupted") {
		w.t.Errorf("%v\nsays nothing of the %d interrupted operations", said, len(open))
	}
}

func (w *crashWorld) wantGone() {
	w.t.Helper()
	c := client(w.endpoint)
	snap := readState(w.t, w.dir)
	if len(snap.Records) > 0 || len(snap.Intents) > 0 {
		w.t.Errorf("%d records and %d intents after destroy", len(snap.Records), len(snap.Intents))
	}
	if left := leftoversOfAny(w.t, c); len(left) > 0 {
		w.t.Errorf("destroy left:\n%s", strings.Join(left, "\n"))
	}
}

func countBoundaries(t *testing.T, world string, args []string) []string {
	t.Helper()
	w := newCrashWorld(t, world)
	file := filepath.Join(w.dir, "boundaries")
	if o := w.try([]string{"CLUSTERFORM_FAILPOINT_COUNT=" + file}, w.with(args, "-auto-approve")...); o.code != 0 {
		t.Fatal(o)
	}
	return readLines(t, file)
}

func readLines(t *testing.T, file string) []string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(data))
}
