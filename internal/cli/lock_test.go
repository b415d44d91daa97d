package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/cli/iostreams"
	"github.com/clusterform/clusterform/internal/lab/api"
)

// beside is another process's App in the same directory and account.
func (d *desk) beside() *desk {
	other := *d
	other.out, other.err = &lockedBuffer{}, &lockedBuffer{}
	streams := *d.Streams
	streams.Out, streams.Err = other.out, other.err
	other.App = NewApp(&iostreams.Streams{
		In: strings.NewReader(""), Out: other.out, Err: other.err, Width: streams.Width, Environ: streams.Environ,
		Dir: streams.Dir, Now: streams.Now,
	})
	other.NewCloud, other.Signals = d.NewCloud, d.Signals
	return &other
}

// While one apply runs, another is told who holds the lock; one that may wait comes next, and has nothing left to do.
func TestTwoAppliesOfOneState(t *testing.T) {
	t.Parallel()
	boot := time.Second // long enough for the other two to come meanwhile
	first := newDesk(t, false, "", api.Faults{Boot: &api.Range{Min: api.Duration(boot), Max: api.Duration(boot)}})
	ended := make(chan int, 1)
	go func() { ended <- first.Main(t.Context(), []string{"apply", "-auto-approve"}) }()
	for !strings.Contains(first.out.String(), "node_pool.worker[0]: creating") {
		select {
		case code := <-ended:
			t.Fatalf("the first apply ended with %d\n%s%s", code, first.out, first.err)
		case <-time.After(time.Millisecond):
		}
	}

	refused := first.beside()
	refused.run(t, 1, "apply", "-auto-approve")
	for _, want := range []string{"The state is locked", "runs apply since", "-lock-timeout", "clusterform lock break"} {
		if !strings.Contains(refused.err.String(), want) {
			t.Errorf("the refusal does not say %q:\n%s", want, refused.err)
		}
	}
	looking := first.beside()
	looking.run(t, 0, "plan") // takes no lock

	patient := first.beside()
	patient.run(t, 0, "apply", "-auto-approve", "-lock-timeout=1m")
	if code := <-ended; code != 0 {
		t.Errorf("the first apply ended with %d\n%s%s", code, first.out, first.err)
	}
	if s := patient.err.String(); !strings.Contains(s, "Waiting up to 1m0s for the state's lock") || !strings.Contains(patient.out.String(), "No changes") {
		t.Errorf("the one that waits:\n%s%s", s, patient.out)
	}
	if n := first.instances(); n != 3 {
		t.Errorf("%d instances, want 3", n)
	}
}
