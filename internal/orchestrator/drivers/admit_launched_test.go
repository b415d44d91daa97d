package drivers

import (
	"strings"
	"testing"
	"time"

	"github.com/clusterform/clusterform/planner/resource"
)

func TestNodesThatAreOnlyLaunchedMayJoinByThemselves(t *testing.T) {
	const notReached = "join with the next apply"
	for _, tt := range []struct {
		name        string
		away, hangs bool
		joins       bool
		most        time.Duration // beyond what launching takes
	}{
		{"the API answers", false, false, true, 0},
		{"nobody is there", true, false, false, 0},
		{"nobody answers", false, true, false, launchAdmission},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
				r.must(t, w.drivers, w.nodes(r, 1, 0)...)
				w.again()
				r.launched = true
				start := time.Now()
				r.must(t, w.drivers, r.creation("node_pool.first[0]", w.node("node_pool.first")))
				usual := time.Since(start)
				w.again()
				w.mu.Lock()
				w.away, w.hangs, w.admits = tt.away, tt.hangs, 0
				w.mu.Unlock()
				if err := w.parameters().Delete(t.Context(), "control-plane/join", "worker/join"); err != nil {
					t.Fatal(err)
				}
				start = time.Now()
				r.must(t, w.drivers, w.nodes(r, 0, 3)...)
				r.must(t, w.drivers, r.creation("node_pool.other[0]", w.node("node_pool.other")))
				if took := time.Since(start); took > 2*usual+tt.most+time.Second {
					t.Errorf("took %s, and the API may cost %s", took, tt.most)
				}
				if got := w.parameter("worker/join") != ""; got != tt.joins {
					t.Errorf("nodes may join: %v", got)
				}
				if tt.joins && w.admits != 1 {
					t.Errorf("admitted %d times for two pools", w.admits)
				}
				lines := 0
				for _, line := range r.progress {
					if strings.Contains(line, notReached) {
						lines++
					}
				}
				if lines != map[bool]int{true: 0, false: 1}[tt.joins] {
					t.Errorf("said: %q", r.progress)
				}
				for i := range 3 {
					if rec := r.records[workers.Index(i)]; rec.Incomplete || rec.Phase != resource.PhaseJoining {
						t.Errorf("%s is %s, incomplete %v", rec.Address, rec.Phase, rec.Incomplete)
					}
				}
			})
		})
	}
}
