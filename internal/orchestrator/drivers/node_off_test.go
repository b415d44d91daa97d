package drivers

import (
	"strings"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/orchestrator"
)

// A machine that lost power is drained before Kubernetes has noticed: its pods would never end.
func TestANodeThatEC2KnowsToBeOffIsNotAsked(t *testing.T) {
	for _, tt := range []struct {
		name   string
		off    func(w *world, id string)
		reason string
	}{
		{"power is lost", func(w *world, id string) { w.impaired[id] = time.Now() }, "fails EC2's status checks"},
		{"stopped outside", func(w *world, id string) { w.states[id] = "stopped" }, "its instance is stopped"},
		{"terminated outside", func(w *world, id string) { w.states[id] = "terminated" }, "its instance is gone"},
		{"it runs", func(*world, string) {}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
				r.must(t, w.drivers, w.nodes(r, 1, 2)...)
				time.Sleep(time.Hour)
				w.drainTakes = 5 * time.Minute
				w.mu.Lock()
				tt.off(w, r.records[workers.Index(0)].ID)
				w.mu.Unlock()
				start := time.Now()
				r.must(t, w.drivers, r.removal(workers.Index(0)))
				took, off := time.Since(start), tt.reason != ""
				if off && took > time.Minute || !off && took < w.drainTakes {
					t.Errorf("took %s", took)
				}
				if len(w.drains) != 1 || w.drains[0].Off != off || w.drains[0].Force != off {
					t.Errorf("drained with %+v", w.drains)
				}
				if off && !r.said(tt.reason) {
					t.Errorf("said %q", r.progress)
				}
			})
		})
	}
}

func TestADrainThatIsRefusedSaysWhatToDo(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
		r.must(t, w.drivers, w.nodes(r, 1, 1)...)
		a := workers.Index(0)
		w.drainErr = &orchestrator.DrainError{Member: r.records[a].ID, Waiting: []string{"default/alone: nothing replaces a bare pod"}}
		err := r.apply(t.Context(), w.drivers, r.removal(a))[a]
		if err == nil {
			t.Fatal("it went")
		}
		for _, want := range []string{"default/alone: nothing replaces a bare pod", "cannot be emptied", "clusterform drain -force '" + string(a) + "'", "apply again"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q does not say %q", err, want)
			}
		}
		if strings.Contains(err.Error(), "after 0s") {
			t.Errorf("%q names a duration", err)
		}
	})
}
