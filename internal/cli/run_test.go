package cli

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/aws"
	"github.com/clusterform/clusterform/internal/bootstrap/software/softwaretest"
	"github.com/clusterform/clusterform/internal/cli/iostreams"
	"github.com/clusterform/clusterform/internal/lab/api"
)

const twoWorkers = `
cluster "lab" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "eu-central-1"
}

node_pool "worker" {
  cluster = cluster.lab
  size    = 2
}
`

// desk is a person's or a program's place: an App in a directory of its own, with an account of its own.
type desk struct {
	*App
	out, err *lockedBuffer
	server   *api.Server
	signals  chan os.Signal
}

// lockedBuffer may be read while a run writes to it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newDesk is a terminal, or a pipe. input is what is typed.
func newDesk(t *testing.T, tty bool, input string, faults api.Faults) *desk {
	t.Helper()
	return newDeskIn(t, "eu-central-1", tty, input, faults)
}

func newDeskIn(t *testing.T, region string, tty bool, input string, faults api.Faults) *desk {
	t.Helper()
	if faults.Boot == nil {
		faults.Boot = new(api.Range)
	}
	faults.Shutdown = new(api.Range)
	server, err := api.New(api.Options{Region: region, Seed: 1, AcceptAnyKey: true, NoDefaultVPC: true, Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.cluster.hcl"), []byte(twoWorkers), 0o644); err != nil {
		t.Fatal(err)
	}
	bundle := filepath.Join(t.TempDir(), "bundle")
	if err := softwaretest.Bundle(bundle, "1.34.4"); err != nil {
		t.Fatal(err)
	}
	d := &desk{out: &lockedBuffer{}, err: &lockedBuffer{}, server: server, signals: make(chan os.Signal, 4)}
	d.App = NewApp(&iostreams.Streams{
		In: strings.NewReader(input), Out: d.out, Err: d.err, InTTY: tty, OutTTY: tty, ErrTTY: tty,
		Width: func() int { return 100 }, Environ: []string{"TERM=xterm", "CLUSTERFORM_WAIT=launched", "CLUSTERFORM_BUNDLE=" + bundle}, Dir: dir, Now: time.Now,
	})
	d.NewCloud = func(o CloudOptions) Cloud {
		return aws.New(aws.Options{
			Endpoint: "http://lab.test", HTTPClient: &http.Client{Transport: server.Transport()}, Parallelism: o.Parallelism,
			Events: o.Events, Keys: &aws.Keys{AccessKeyID: "a", SecretAccessKey: "b"},
		})
	}
	d.Signals = func(c chan<- os.Signal) func() {
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				select {
				case s := <-d.signals:
					c <- s
				case <-stop:
					return
				}
			}
		})
		return func() { close(stop); wg.Wait() }
	}
	return d
}

func (d *desk) run(t *testing.T, want int, args ...string) {
	t.Helper()
	if got := d.Main(t.Context(), args); got != want {
		t.Fatalf("clusterform %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, want, d.out, d.err)
	}
}

func (d *desk) instances() int { return len(d.server.Status().List) }

func TestApply_tty_yes(t *testing.T) {
	t.Parallel()
	d := newDesk(t, true, "yes\n", api.Faults{})
	d.run(t, 0, "apply")
	out := d.out.String()
	for _, want := range []string{"Do you want this?", "\x1b[32m", "Apply complete: 16 added"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in the output:\n%s", want, out)
		}
	}
	if strings.Contains(out, "creating...") {
		t.Error("a terminal gets a line for each step that starts; it should be drawn over")
	}
	if n := d.instances(); n != 3 {
		t.Errorf("%d instances, want 3", n)
	}
}

func TestApply_tty_no(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"no\n", "y\n", "YES\n", "\n", ""} {
		d := newDesk(t, true, answer, api.Faults{})
		d.run(t, 1, "apply")
		if !strings.Contains(d.out.String(), `the answer was not "yes"`) {
			t.Errorf("%q: it does not say why nothing was done:\n%s", answer, d.out)
		}
		if n := d.instances(); n != 0 {
			t.Errorf("%q: %d instances were launched", answer, n)
		}
	}
}

func TestApply_tty_withoutInput(t *testing.T) {
	t.Parallel()
	d := newDesk(t, true, "yes\n", api.Faults{})
	d.run(t, 1, "apply", "-input=false")
	if !strings.Contains(d.err.String(), "-auto-approve") {
		t.Errorf("the error does not say what to do:\n%s", d.err)
	}
}

func TestApply_pipe(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false, "yes\n", api.Faults{})
	d.run(t, 1, "apply")
	if !strings.Contains(d.err.String(), "no terminal to ask") {
		t.Errorf("want the reason, got:\n%s", d.err)
	}
	d.run(t, 0, "apply", "-auto-approve")
	if strings.Contains(d.out.String()+d.err.String(), "\x1b") {
		t.Error("escape sequences in a pipe")
	}
	if !strings.Contains(d.out.String(), "cluster.lab.vpc: created") {
		t.Errorf("a pipe gets a line for each step:\n%s", d.out)
	}
}

func TestColour(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		environ []string
		args    []string
		want    bool
	}{
		{"terminal", []string{"TERM=xterm"}, nil, true},
		{"NO_COLOR", []string{"TERM=xterm", "NO_COLOR=1"}, nil, false},
		{"dumb", []string{"TERM=dumb"}, nil, false},
		{"-no-color", []string{"TERM=xterm"}, []string{"-no-color"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, true, "", api.Faults{})
			d.Environ = append(d.Environ[1:], tt.environ...)
			d.run(t, 0, append(tt.args, "plan")...)
			if got := strings.Contains(d.out.String(), "\x1b["); got != tt.want {
				t.Errorf("colour is %t, want %t", got, tt.want)
			}
		})
	}
}

// boots gives instances that take half a second to run.
func boots() api.Faults {
	half := api.Duration(500 * time.Millisecond)
	return api.Faults{Boot: &api.Range{Min: half, Max: half}}
}

func TestASignalDrainsTheRun(t *testing.T) {
	t.Parallel()
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, false, "", boots())
			go func() {
				for d.instances() == 0 {
					time.Sleep(time.Millisecond)
				}
				d.signals <- s
			}()
			d.run(t, 1, "apply", "-auto-approve")
			all := d.out.String() + d.err.String()
			for _, want := range []string{`"` + s.String() + `"`, "A second signal stops waiting", "did not finish", "remaining"} {
				if !strings.Contains(all, want) {
					t.Errorf("%q is not in what was said:\n%s", want, all)
				}
			}
			// What ran was finished and recorded, so the next run goes on and makes nothing twice.
			d.run(t, 0, "apply", "-auto-approve")
			if n := d.instances(); n != 3 {
				t.Errorf("%d instances after the second run, want 3", n)
			}
			d.run(t, 0, "plan", "-detailed-exitcode")
		})
	}
}

func TestASecondSignalStopsWaiting(t *testing.T) {
	t.Parallel()
	long := api.Duration(time.Minute)
	d := newDesk(t, false, "", api.Faults{Boot: &api.Range{Min: long, Max: long}})
	go func() {
		for d.instances() < 3 {
			time.Sleep(time.Millisecond)
		}
		d.signals <- syscall.SIGINT
		for !strings.Contains(d.out.String(), "A second signal") {
			time.Sleep(time.Millisecond)
		}
		d.signals <- syscall.SIGINT
		d.signals <- syscall.SIGINT
	}()
	begin := time.Now()
	d.run(t, 1, "apply", "-auto-approve")
	if waited := time.Since(begin); waited > 30*time.Second {
		t.Errorf("it went on for %s", waited)
	}
	if err := d.server.SetFaults(api.Faults{Boot: new(api.Range), Shutdown: new(api.Range)}); err != nil {
		t.Fatal(err)
	}
	d.run(t, 0, "destroy", "-auto-approve")
	if n := d.instances(); n != 0 {
		t.Errorf("%d instances are left", n)
	}
}

func TestASignalWhilePlanningChangesNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t, true, "", api.Faults{})
	asked, in := io.Pipe()
	t.Cleanup(func() { in.Close() })
	d.In = asked // a person who does not answer
	go func() {
		for !strings.Contains(d.out.String(), "Do you want this?") {
			time.Sleep(time.Millisecond)
		}
		d.signals <- syscall.SIGINT
	}()
	d.run(t, 1, "apply")
	if n := d.instances(); n != 0 {
		t.Errorf("%d instances were launched", n)
	}
	if !strings.Contains(d.err.String(), "nothing was changed") {
		t.Errorf("it does not say so:\n%s", d.err)
	}
}

func TestTheLockIsSaidAndFreed(t *testing.T) {
	t.Parallel()
	d := newDesk(t, false, "", api.Faults{})
	f, err := d.stateFile("")
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.Lock(context.Background(), lockRequest("apply"))
	if err != nil {
		t.Fatal(err)
	}
	d.run(t, 0, "plan") // a plan takes no lock
	d.run(t, 1, "apply", "-auto-approve")
	if e := d.err.String(); !strings.Contains(e, "is locked") || !strings.Contains(e, "lock break "+s.Lock().ID) {
		t.Errorf("the error does not say who holds it and what to do:\n%s", e)
	}
	d.run(t, 1, "apply", "-auto-approve", "-lock-timeout=10ms")
	if e := d.err.String(); !strings.Contains(e, "Waiting up to 10ms for the state's lock") {
		t.Errorf("it does not say that it waits, and for whom:\n%s", e)
	}
	d.run(t, 0, "lock", "list")
	if !strings.Contains(d.out.String(), s.Lock().ID) {
		t.Errorf("lock list does not show it:\n%s", d.out)
	}
	d.run(t, 0, "lock", "break", s.Lock().ID)
	d.run(t, 0, "apply", "-auto-approve")
	if err := s.Close(context.Background()); err == nil {
		t.Error("the broken lock's holder did not notice")
	}
}
