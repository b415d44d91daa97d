package drivers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// inWorld runs a story on a virtual clock.
func inWorld(t *testing.T, opts Options, story func(t *testing.T, w *world, r *run)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, r := newWorld(t, opts), newRun()
		w.network(r)
		story(t, w, r)
	})
}

// inBareWorld is a story that makes its own network.
func inBareWorld(t *testing.T, story func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { story(t, newWorld(t, Options{})) })
}

func TestAllNodesOfAClusterComeUpTogether(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
		start := time.Now()
		r.must(t, w.drivers, w.nodes(r, 3, 20)...)
		if took := time.Since(start); took > time.Minute {
			t.Errorf("23 nodes took %s, longer than the first and the others after it", took)
		}
		if len(w.inits) != 1 || w.inits[0] != r.records[controlPlane.Index(0)].ID {
			t.Errorf("%v initialised, want the first control-plane node alone", w.inits)
		}
		var ips []string
		for a, rec := range r.records {
			if rec.Kind != resource.KindNode {
				continue
			}
			if rec.Phase != resource.PhaseReady || rec.Incomplete {
				t.Errorf("%s is %s, incomplete %v", a, rec.Phase, rec.Incomplete)
			}
			s := w.settings[rec.ID]
			if s.Address != a || s.Labels["tier"] != "web" || s.Pool != map[bool]string{true: "control-plane", false: "worker"}[isControlPlane(rec.Spec)] {
				t.Errorf("%s was told %+v", a, s)
			}
			if isControlPlane(rec.Spec) {
				ips = append(ips, addressOf(rec))
			}
		}
		slices.Sort(ips)
		for _, name := range []string{"control-plane/endpoints", "worker/endpoints"} {
			if got := w.parameter(name); got != strings.Join(ips, ",") {
				t.Errorf("%s = %q, want %v", name, got, ips)
			}
		}
		if w.parameter("control-plane/initialised") == "" {
			t.Error("the cluster is not marked as initialised")
		}
		if got := w.parameter("worker/pool/worker"); got != `{"labels":{"tier":"web"}}` {
			t.Errorf("the workers' settings are %s", got)
		}
		if w.dismisses != 1 || w.parameter("worker/join") != "" {
			t.Errorf("dismissed %d times, and %q still lets nodes join", w.dismisses, w.parameter("worker/join"))
		}
		for a, o := range r.read(t, w.drivers, resource.KindNode) {
			if o.Status != resource.Present || o.Reason != "" || o.Warning != "" {
				t.Errorf("%s is %s: %s %s", a, o.Status, o.Reason, o.Warning)
			}
		}
	})
}

func TestANodeThatNeverJoinsFailsAloneAndIsTakenUpAgain(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
		r.must(t, w.drivers, w.nodes(r, 1, 0)...)
		w.deaf[2] = true
		start := time.Now()
		spec := w.node(workers)
		spec.JoinTimeoutSeconds = 300
		var changes []resource.Change
		for i := range 3 {
			changes = append(changes, r.creation(workers.Index(i), spec))
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			time.Sleep(time.Minute)
			w.mu.Lock()
			w.console[w.order[2]] = "boot\nclusterform: fetching: 1.34.4\n\x1b[31mclusterform: joining (attempt 3): the API refuses\x07\r\n"
			w.mu.Unlock()
		}()
		errs := r.apply(t.Context(), w.drivers, changes...)
		<-done
		if took := time.Since(start); took < 5*time.Minute || took > 6*time.Minute {
			t.Errorf("gave up after %s, and the pool allows 5 minutes", took)
		}
		if len(errs) != 1 {
			t.Fatalf("errors: %v", errs)
		}
		for a, err := range errs {
			rec := r.records[a]
			if rec == nil || !rec.Incomplete || rec.Phase != resource.PhaseJoining {
				t.Fatalf("%s is recorded as %+v", a, rec)
			}
			for _, want := range []string{string(a), rec.ID, "5m0s", "joining (attempt 3): the API refuses", "-replace="} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if strings.ContainsAny(err.Error(), "\x1b\x07\r") {
				t.Errorf("control characters in %q", err)
			}
			if !r.said("joining (attempt 3): the API refuses") {
				t.Error("what its console says was not shown")
			}
			if w.parameter("worker/join") != "" {
				t.Error("nodes may still join after the wave")
			}
			// It was slow, and joins at the next apply.
			w.deaf[2] = false
			again := w.again()
			r.must(t, again.drivers, r.change(a, nil))
			if rec := r.records[a]; rec.Incomplete || rec.Phase != resource.PhaseReady {
				t.Errorf("%s is %s, incomplete %v", a, rec.Phase, rec.Incomplete)
			}
		}
	})
}

func TestANodesOwnWordCountsWhereTheAPICannotBeReached(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
		w.away = true
		go func() {
			time.Sleep(50 * time.Second)
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, id := range w.order {
				w.console[id] = "clusterform: ready: 1.34.4\n"
			}
		}()
		r.must(t, w.drivers, w.nodes(r, 1, 12)...)
		if !r.said("cannot be reached from here") {
			t.Error("not said that the API is not reached")
		}
		if w.parameter("control-plane/initialised") == "" {
			t.Error("the cluster is not marked as initialised")
		}
		w.again()
		for a, o := range r.read(t, w.drivers, resource.KindNode) {
			if o.Status != resource.Present || o.Reason != "" || !strings.Contains(o.Warning, "does not answer") {
				t.Errorf("%s is %s: %q, warning %q", a, o.Status, o.Reason, o.Warning)
			}
		}
	})
}

func TestANodeThatGaveUpIsNotWaitedFor(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
		r.must(t, w.drivers, w.nodes(r, 1, 0)...)
		w.deaf[1] = true
		go func() {
			time.Sleep(40 * time.Second)
			w.mu.Lock()
			defer w.mu.Unlock()
			w.console[w.order[1]] = "clusterform: failed: no space left\n"
		}()
		start := time.Now()
		errs := r.apply(t.Context(), w.drivers, r.creation(workers.Index(0), w.node(workers)))
		if err := errs[workers.Index(0)]; err == nil || !strings.Contains(err.Error(), "no space left") || time.Since(start) > 3*time.Minute {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	})
}

func TestAWaveKeepsItsTokenAndEndsWithTheLast(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
		r.must(t, w.drivers, w.nodes(r, 1, 0)...)
		w.admits, w.dismisses = 0, 0
		w.deaf[1], w.deaf[2] = true, true
		ended := make(chan map[resource.Address]error, 2)
		go func() {
			ended <- r.apply(t.Context(), w.drivers, r.creation(workers.Index(0), w.node(workers)))
		}()
		go func() {
			time.Sleep(4 * time.Minute)
			ended <- r.apply(t.Context(), w.drivers, r.creation(workers.Index(1), w.node(workers)))
		}()
		time.Sleep(6 * time.Minute)
		w.mu.Lock()
		w.deaf[1] = false
		w.mu.Unlock()
		if errs := <-ended; len(errs) > 0 {
			t.Fatal(errs)
		}
		if w.admits < 6 || w.dismisses > 0 || w.parameter("worker/join") == "" {
			t.Errorf("admitted %d times and dismissed %d times while one still waits", w.admits, w.dismisses)
		}
		w.mu.Lock()
		w.deaf[2] = false
		w.mu.Unlock()
		if errs := <-ended; len(errs) > 0 {
			t.Fatal(errs)
		}
		if w.dismisses != 1 || w.parameter("worker/join") != "" {
			t.Errorf("dismissed %d times after the last", w.dismisses)
		}
	})
}

func TestLaunchedIsEnoughWhereAskedForAndDialsNobody(t *testing.T) {
	inWorld(t, Options{Launched: true}, func(t *testing.T, w *world, r *run) {
		r.launched = true
		start := time.Now()
		r.must(t, w.drivers, w.nodes(r, 3, 5)...)
		if took := time.Since(start); took > initTakes {
			t.Errorf("took %s", took)
		}
		for a, rec := range r.records {
			if rec.Kind == resource.KindNode && (rec.Phase != resource.PhaseJoining || rec.Incomplete) {
				t.Errorf("%s is %s, incomplete %v", a, rec.Phase, rec.Incomplete)
			}
		}
		r.read(t, w.drivers, resource.KindNode)
		r.must(t, w.drivers, r.removal(workers.Index(0)))
		if w.dials > 0 {
			t.Errorf("dialed %d times", w.dials)
		}
		for _, name := range []string{"control-plane/leader", "control-plane/endpoints", "worker/endpoints", "worker/join", "worker/pool/worker"} {
			if w.parameter(name) == "" {
				t.Errorf("%s is not written: the nodes could not join by themselves", name)
			}
		}
	})
}

func TestAnInterruptedRunGoesOn(t *testing.T) {
	for commits := range 6 {
		t.Run(fmt.Sprint("after ", commits, " commits"), func(t *testing.T) {
			inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
				r.commits = commits
				r.apply(t.Context(), w.drivers, w.nodes(r, 3, 2)...)
				r.commits = -1
				w.again()
				w.mu.Lock()
				clear(w.members)
				w.mu.Unlock()
				// The cloud's driver finds by their tokens what was launched and not recorded; here it is launched anew.
				var changes []resource.Change
				for i := range 3 {
					changes = append(changes, r.next(controlPlane.Index(i), w.node(controlPlane)))
				}
				for i := range 2 {
					changes = append(changes, r.next(workers.Index(i), w.node(workers)))
				}
				r.must(t, w.drivers, changes...)
				leader := w.parameter("control-plane/leader")
				if len(w.inits) == 0 || w.inits[len(w.inits)-1] != leader {
					t.Errorf("%v initialised, and the leader is %s", w.inits, leader)
				}
			})
		})
	}
}

// next is the change that a plan would have for a node after an interrupted run.
func (r *run) next(a resource.Address, n *resource.Node) resource.Change {
	if rec, ok := r.Record(a); ok && rec.ID != "" {
		return r.change(a, nil)
	}
	return r.creation(a, n)
}

func TestACanceledRunStopsWaitingAndKeepsTheNode(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
		r.must(t, w.drivers, w.nodes(r, 1, 0)...)
		w.deaf[1] = true
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		start := time.Now()
		errs := r.apply(ctx, w.drivers, r.creation(workers.Index(0), w.node(workers)))
		if err := errs[workers.Index(0)]; err == nil || !strings.Contains(err.Error(), "interrupted") || time.Since(start) > 70*time.Second {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
		if rec := r.records[workers.Index(0)]; rec == nil || rec.ID == "" || !rec.Incomplete {
			t.Errorf("recorded is %+v", rec)
		}
	})
}

func TestANodeThatGoesIsDrainedAndTakenOutFirst(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
		r.must(t, w.drivers, w.nodes(r, 1, 3)...)
		first := r.records[workers.Index(0)].ID
		second := r.records[workers.Index(1)].ID
		r.must(t, w.drivers, r.removal(workers.Index(0)), r.removal(workers.Index(1)))
		slices.Sort(w.drained)
		slices.Sort(w.removed)
		want := []string{first, second}
		slices.Sort(want)
		if !slices.Equal(w.drained, want) || !slices.Equal(w.removed, want) {
			t.Errorf("drained %v and removed %v, want %v", w.drained, w.removed, want)
		}
		if calls := w.aws.Calls()["ec2:TerminateInstances"]; calls != 1 {
			t.Errorf("%d calls terminated two instances", calls)
		}
		w.drainErr = &orchestrator.DrainError{Member: "x", Waiting: []string{"default/web: its disruption budget allows no more"}, Timeout: 10 * time.Minute}
		third := r.records[workers.Index(2)]
		errs := r.apply(t.Context(), w.drivers, r.removal(workers.Index(2)))
		if err := errs[workers.Index(2)]; err == nil || !strings.Contains(err.Error(), "budget") || !strings.Contains(err.Error(), "drain_timeout") {
			t.Errorf("a node that was not drained: %v", err)
		}
		if rec := r.records[workers.Index(2)]; rec == nil || rec.ID != third.ID || w.members[third.ID] == nil {
			t.Error("a node that was not drained went")
		}
		// It dies: then its work is not asked.
		w.members[third.ID].Ready = false
		r.must(t, w.drivers, r.removal(workers.Index(2)))
	})
}

func TestControlPlaneNodesAreReplacedOneAfterAnother(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
		r.must(t, w.drivers, w.nodes(r, 3, 1)...)
		for i := range 3 {
			old := r.removal(controlPlane.Index(i))
			r.must(t, w.drivers, r.creation(controlPlane.Index(i), w.node(controlPlane)))
			if got := len(strings.Split(w.parameter("worker/endpoints"), ",")); got != 4 {
				t.Errorf("%d endpoints while the old one stands beside the new one", got)
			}
			r.must(t, w.drivers, old)
			if got := w.parameter("worker/endpoints"); strings.Contains(got+",", addressOf(old.Before)+",") || len(strings.Split(got, ",")) != 3 {
				t.Errorf("the endpoints are %s after %s went", got, addressOf(old.Before))
			}
			if w.members[old.Before.ID] != nil {
				t.Errorf("%s is still a member", old.Before.ID)
			}
		}
		if len(w.inits) != 1 {
			t.Errorf("initialised by %v", w.inits)
		}
	})
}

func TestAControlPlaneThatIsAllGoneStartsAnew(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
		r.must(t, w.drivers, w.nodes(r, 1, 1)...)
		// Power is lost: the API is away, and nobody can be drained.
		gone := r.records[controlPlane.Index(0)]
		w.impaired[gone.ID] = time.Now()
		w.members[gone.ID].Ready = false
		w.deaf[0] = true
		time.Sleep(10 * time.Minute)
		w.again()
		o := r.read(t, w.drivers, resource.KindNode)[controlPlane.Index(0)]
		if !strings.Contains(o.Reason, "status checks") || o.Phase == resource.PhaseReady {
			t.Errorf("seen as %s: %q", o.Phase, o.Reason)
		}
		r.must(t, w.drivers, r.removal(controlPlane.Index(0)))
		if !r.said("nothing is left of the control plane") {
			t.Error("not said that nothing was drained")
		}
		clear(w.members)
		time.Sleep(5 * time.Minute)
		w.again()
		r.must(t, w.drivers, r.creation(controlPlane.Index(0), w.node(controlPlane)))
		if len(w.inits) != 2 || !r.said("starts anew") {
			t.Errorf("initialised by %v", w.inits)
		}
	})
}

func TestAnAPIThatDoesNotAnswerKeepsNodes(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
		r.must(t, w.drivers, w.nodes(r, 1, 1)...)
		w.away = true
		start := time.Now()
		err := r.apply(t.Context(), w.drivers, r.removal(workers.Index(0)))[workers.Index(0)]
		if err == nil || !strings.Contains(err.Error(), "control_plane.access") || r.records[workers.Index(0)] == nil {
			t.Errorf("%v", err)
		}
		if took := time.Since(start); took > 2*time.Minute {
			t.Errorf("tried for %s", took)
		}
	})
}

func TestTheEndOfAClusterDrainsNobody(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
		r.must(t, w.drivers, w.nodes(r, 1, 2)...)
		w.dials = 0
		var changes []resource.Change
		for _, a := range []resource.Address{controlPlane.Index(0), workers.Index(0), workers.Index(1)} {
			c := r.removal(a)
			c.Ending = true
			changes = append(changes, c)
		}
		r.must(t, w.drivers, changes...)
		if w.dials > 0 || len(w.drained) > 0 {
			t.Errorf("dialed %d times, drained %v", w.dials, w.drained)
		}
		r.must(t, w.drivers, r.removal("cluster.lab.credentials"))
		if left, err := w.parameters().List(t.Context()); len(left) > 0 || err != nil {
			t.Errorf("left: %v %v", left, err)
		}
	})
}

func TestLabelsChangeInPlace(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
		r.must(t, w.drivers, w.nodes(r, 1, 2)...)
		w.admits = 0
		id := r.records[workers.Index(0)].ID
		r.must(t, w.drivers, r.change(workers.Index(0), func(n *resource.Node) { n.Labels = map[string]string{"tier": "db"} }))
		if got := w.settings[id]; got.Labels["tier"] != "db" || r.records[workers.Index(0)].ID != id {
			t.Errorf("told %+v", got)
		}
		if got := w.parameter("worker/pool/worker"); got != `{"labels":{"tier":"db"}}` {
			t.Errorf("the next worker is told %s", got)
		}
		if w.admits > 0 {
			t.Error("nodes may join because of a label")
		}
	})
}

func TestWhatIsSeenOfNodes(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
		r.must(t, w.drivers, w.nodes(r, 1, 4)...)
		id := func(i int) string { return r.records[workers.Index(i)].ID }
		w.mu.Lock()
		w.members[id(0)].Ready, w.members[id(0)].Reason, w.members[id(0)].Since = false, "kubelet stopped posting", time.Now().Add(-5*time.Minute)
		w.members[id(1)].Ready, w.members[id(1)].Since = false, time.Now().Add(-10*time.Second)
		delete(w.members, id(2))
		w.deaf[slices.Index(w.order, id(2))] = true
		w.mu.Unlock()
		w.again()
		all := r.read(t, w.drivers, resource.KindNode)
		for i, want := range []struct{ reason, warning string }{{"kubelet stopped posting", ""}, {"", "is not ready"}, {"does not have it as a node", ""}, {"", ""}} {
			o := all[workers.Index(i)]
			if (want.reason == "") != (o.Reason == "") || !strings.Contains(o.Reason, want.reason) || (want.warning == "") != (o.Warning == "") || !strings.Contains(o.Warning, want.warning) {
				t.Errorf("worker %d: reason %q, warning %q, want %+v", i, o.Reason, o.Warning, want)
			}
			if want.reason != "" && o.Phase == resource.PhaseReady {
				t.Errorf("worker %d is %s all the same", i, o.Phase)
			}
		}
	})
}

func TestNoSecretIsShownOrRecorded(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
		w.deaf[2] = true
		errs := r.apply(t.Context(), w.drivers, w.nodes(r, 1, 2)...)
		if len(errs) != 1 {
			t.Fatalf("errors: %v", errs)
		}
		text := fmt.Sprintf("%+v %v", errs, r.progress)
		for _, rec := range r.records {
			text += fmt.Sprintf("%+v %+v", rec, rec.Spec)
		}
		if strings.Contains(text, secretMarker) {
			t.Error("a secret is in errors, progress or records")
		}
		if !strings.Contains(w.parameter("control-plane/pki/cluster"), secretMarker) {
			t.Error("the marker is not where it belongs: the test sees nothing")
		}
	})
}
