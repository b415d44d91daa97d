package drivers

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// stopAfter asks the run to stop, as the first signal does.
func (r *run) stopAfter(d time.Duration) { time.AfterFunc(d, func() { close(r.stop) }) }

func TestASignalEndsTheWaitForNodes(t *testing.T) {
	for _, tt := range []struct {
		name  string
		hangs bool // the API gives no answer when the signal comes
		most  time.Duration
	}{
		{"and takes back what they join with", false, time.Second},
		{"also while the API gives no answer", true, 3 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
				r.must(t, w.drivers, w.nodes(r, 1, 0)...)
				w.deaf[1], w.deaf[2] = true, true
				const after = 5 * time.Minute // the looks are ten seconds apart by then
				r.stopAfter(after)
				time.AfterFunc(after-time.Second, func() {
					w.mu.Lock()
					defer w.mu.Unlock()
					w.hangs = tt.hangs
				})
				start := time.Now()
				errs := r.apply(t.Context(), w.drivers, w.nodes(r, 0, 2)...)
				if took := time.Since(start) - after; took < 0 || took > tt.most {
					t.Errorf("ended %s after the signal, want at most %s", took, tt.most)
				}
				for i := range 2 {
					a := workers.Index(i)
					rec := r.records[a]
					if rec == nil || rec.ID == "" || !rec.Incomplete || rec.Phase != resource.PhaseJoining {
						t.Fatalf("%s is recorded as %+v", a, rec)
					}
					for _, text := range []string{rec.LastError, errs[a].Error()} {
						if !strings.Contains(text, string(a)) || !strings.Contains(text, "interrupted while it joined; apply again to go on") || strings.Contains(text, "canceled") {
							t.Errorf("%s ends with %q", a, text)
						}
					}
				}
				if got := w.parameter("worker/join"); got != "" {
					t.Errorf("nodes may join with %q", got)
				}
				if !tt.hangs && w.dismisses != 2 {
					t.Errorf("dismissed %d times, want once for each wave", w.dismisses)
				}
				// The next run takes them up.
				w.mu.Lock()
				clear(w.deaf)
				w.hangs = false
				w.mu.Unlock()
				w.again()
				r.stop = make(chan struct{})
				r.must(t, w.drivers, r.change(workers.Index(0), nil), r.change(workers.Index(1), nil))
			})
		})
	}
}

func TestASignalBeforeTheLaunchLaunchesNothing(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
		r.must(t, w.drivers, w.nodes(r, 1, 0)...)
		close(r.stop)
		errs := r.apply(t.Context(), w.drivers, w.nodes(r, 0, 1)...)
		if errs[workers.Index(0)] == nil || r.records[workers.Index(0)] != nil {
			t.Errorf("launched %+v: %v", r.records[workers.Index(0)], errs)
		}
		if w.parameter("worker/join") != "" {
			t.Error("nodes may join though none comes")
		}
	})
}

func TestASignalEndsTheWaitForDrains(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
		r.must(t, w.drivers, w.nodes(r, 1, 2)...)
		w.drainTakes = 5 * time.Minute
		r.stopAfter(time.Minute)
		start := time.Now()
		errs := r.apply(t.Context(), w.drivers, r.removal(workers.Index(0)), r.removal(workers.Index(1)))
		if took := time.Since(start); took > 61*time.Second {
			t.Errorf("ended after %s, a minute after which the signal came", took)
		}
		for i := range 2 {
			a := workers.Index(i)
			rec := r.records[a]
			if rec == nil || w.members[rec.ID] == nil {
				t.Fatalf("%s went without being drained", a)
			}
			if err := errs[a]; err == nil || !strings.Contains(err.Error(), "interrupted while it was being drained; apply again to go on") {
				t.Errorf("%s: %v", a, err)
			}
		}
		// The next run goes on with them.
		w.drainTakes = time.Second
		r.stop = make(chan struct{})
		w.again()
		r.must(t, w.drivers, r.removal(workers.Index(0)), r.removal(workers.Index(1)))
	})
}

func TestASignalEndsTheWaitForAnAPIThatIsAway(t *testing.T) {
	inWorld(t, Options{ReachTimeout: 10 * time.Minute}, func(t *testing.T, w *world, r *run) {
		r.must(t, w.drivers, w.nodes(r, 1, 1)...)
		w.away = true
		r.stopAfter(time.Minute)
		start := time.Now()
		err := r.apply(t.Context(), w.drivers, r.removal(workers.Index(0)))[workers.Index(0)]
		if err == nil || !strings.Contains(err.Error(), "interrupted before it was drained") || time.Since(start) > 61*time.Second {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	})
}

// follower is a workload driver that waits for what never comes.
type follower struct{ ward }

func (f *follower) Apply(ctx context.Context, _ resource.Runtime, batch []resource.Change, report func(int, resource.Result)) {
	<-ctx.Done()
	for i, ch := range batch {
		rec := &resource.Record{Object: *ch.After, Generation: ch.Generation, Incomplete: true, LastError: ctx.Err().Error()}
		report(i, resource.Result{Record: rec, Err: ctx.Err()})
	}
}

func TestASignalEndsTheWaitForRollouts(t *testing.T) {
	opts := Options{Workloads: map[string]func(orchestrator.Connector) resource.Driver{
		"kubernetes": func(orchestrator.Connector) resource.Driver { return &follower{} },
	}}
	inWorld(t, opts, func(t *testing.T, w *world, r *run) {
		r.stopAfter(time.Minute)
		start := time.Now()
		err := r.apply(t.Context(), w.drivers, r.creation("workload.web", &resource.Workload{Orchestrator: "kubernetes", Name: "web"}))["workload.web"]
		const want = "workload.web: interrupted while it was rolled out; apply again to go on"
		if time.Since(start) != time.Minute || err == nil || err.Error() != want {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
		if rec := r.records["workload.web"]; rec == nil || !rec.Incomplete || rec.LastError != want {
			t.Errorf("recorded is %+v", rec)
		}
	})
}
