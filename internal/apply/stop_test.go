package apply_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clusterform/clusterform/internal/apply"
	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// minute is how long everything takes in these tests.
func minute(resource.Change) time.Duration { return time.Minute }

func TestDrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, c, told := session(t), newCloud(), &events{}
		c.delay = minute
		p := newPlan(j)
		v := p.create("cluster.lab.vpc", vpc("me"))
		p.create("node_pool.worker[0]", node("web"), v)
		p.create("cluster.lab.elastic_ip", &resource.ElasticIP{})
		stop := make(chan struct{})
		o := options(p, j, c)
		o.Stop, o.Events, o.Parallelism = stop, told, 1
		time.AfterFunc(30*time.Second, func() { close(stop) })
		res, err := run(t, o)

		if res.Done != 1 || res.Remaining != 2 || res.Failed != 0 || !res.Drained || res.Elapsed != time.Minute {
			t.Errorf("result is %+v", res)
		}
		if err == nil || !strings.Contains(err.Error(), "2 steps were not started; apply again to continue") {
			t.Errorf("error is %v", err)
		}
		if d := told.of(event.Draining); len(d) != 1 || !strings.Contains(d[0].Message, "waiting for 1 running") {
			t.Errorf("told %+v", d)
		}
		if got := addresses(j); !slices.Equal(got, []string{"cluster.lab.vpc vpc-1"}) {
			t.Errorf("recorded %v", got)
		}
	})
}

// TestDrainWithinABatch: of a batch that is with its driver, what has begun ends and what has not is left.
func TestDrainWithinABatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, c := session(t), newCloud()
		c.delay = minute
		late := func(ch resource.Change) bool { return strings.HasPrefix(string(ch.Address()), "node_pool.late") }
		c.before = func(ch resource.Change, _ resource.Runtime) {
			if late(ch) {
				time.Sleep(45 * time.Second)
			}
		}
		p := newPlan(j)
		p.create("node_pool.early[0]", node("web"))
		for i := range 3 {
			p.create(resource.Address("node_pool.late").Index(i), node("web"))
		}
		stop := make(chan struct{})
		o := options(p, j, c)
		o.Stop = stop
		time.AfterFunc(30*time.Second, func() { close(stop) })
		res, err := run(t, o)
		if res.Done != 1 || res.Remaining != 3 || res.Failed != 0 || err == nil {
			t.Errorf("%+v, %v", res, err)
		}
		if n := len(c.ids()); n != 1 {
			t.Errorf("%d nodes exist", n)
		}
		if n := len(j.Snapshot().Intents); n > 0 {
			t.Errorf("%d intents are open", n)
		}
	})
}

// TestDrainLeavesRecordsAlone: a driver that was kept from starting an update reports the record as it was.
func TestDrainLeavesRecordsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, c := session(t), newCloud()
		rec := c.seed(record("cluster.lab.vpc", vpc("me")))
		given(t, j, rec)
		c.keepsRecord = true
		c.before = func(resource.Change, resource.Runtime) { time.Sleep(time.Minute) }
		p := newPlan(j)
		p.update(rec, vpc("you"))
		stop := make(chan struct{})
		o := options(p, j, c)
		o.Stop = stop
		time.AfterFunc(30*time.Second, func() { close(stop) })
		if res, _ := run(t, o); res.Remaining != 1 || res.Failed != 0 {
			t.Errorf("%+v", res)
		}
		if now, _ := j.Record("cluster.lab.vpc"); now != rec {
			t.Errorf("the record was written: %+v", now)
		}
	})
}

// TestBegunStepsGoToTheirEnd: a step of several calls may make them all, also after the stop.
func TestBegunStepsGoToTheirEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, c := session(t), newCloud()
		c.before = func(ch resource.Change, rt resource.Runtime) {
			in := resource.Intent{Operation: ch.Operation, Kind: ch.After.Kind, UID: testUID, Addresses: []resource.Address{ch.Address()}, Token: ch.Token}
			if err := rt.Intend(t.Context(), in); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Minute)
		}
		p := newPlan(j)
		p.create("cluster.lab.vpc", vpc("me"))
		stop := make(chan struct{})
		o := options(p, j, c)
		o.Stop = stop
		time.AfterFunc(30*time.Second, func() { close(stop) })
		if res := mustRun(t, o); res.Done != 1 {
			t.Errorf("%+v", res)
		}
	})
}

func TestStoppedBeforeTheStart(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	p := newPlan(j)
	p.create("cluster.lab.vpc", vpc("me"))
	stop := make(chan struct{})
	close(stop)
	o := options(p, j, c)
	o.Stop = stop
	res, err := run(t, o)
	if res.Remaining != 1 || err == nil || len(c.started) > 0 {
		t.Errorf("%+v, %v, started %v", res, err, c.started)
	}
}

func TestStopWithNothingLeftIsNoError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, c := session(t), newCloud()
		c.delay = minute
		p := newPlan(j)
		p.create("cluster.lab.vpc", vpc("me"))
		stop := make(chan struct{})
		o := options(p, j, c)
		o.Stop = stop
		time.AfterFunc(30*time.Second, func() { close(stop) })
		if res := mustRun(t, o); !res.Drained || res.Done != 1 {
			t.Errorf("%+v", res)
		}
	})
}

func TestCancel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, c := session(t), newCloud()
		c.delay = minute
		p := newPlan(j)
		v := p.create("cluster.lab.vpc", vpc("me"))
		p.create("node_pool.worker[0]", node("web"), v)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		res, err := apply.Run(ctx, options(p, j, c))
		if !errors.Is(err, context.DeadlineExceeded) || res.Failed != 1 || res.Skipped+res.Remaining != 1 || res.Elapsed != 30*time.Second {
			t.Errorf("%+v, %v", res, err)
		}
		if n := len(j.Snapshot().Intents); n != 1 {
			t.Errorf("%d intents are open, want that of the step in flight", n)
		}
	})
}

// TestAbandon: a driver that does not come back from a canceled context does not hold up the end, and cannot write after it.
func TestAbandon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, c := session(t), newCloud()
		var late error
		c.before = func(ch resource.Change, rt resource.Runtime) {
			if err := rt.Intend(context.Background(), resource.Intent{Operation: ch.Operation, Kind: ch.After.Kind, UID: testUID, Addresses: []resource.Address{ch.Address()}, Token: ch.Token}); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Hour)
			late = errors.Join(rt.Intend(context.Background(), resource.Intent{Addresses: []resource.Address{ch.Address()}}))
			if rt.Checkpoint(context.Background(), record(ch.Address(), vpc("me"))) == nil {
				t.Error("a checkpoint is taken after the end")
			}
		}
		p := newPlan(j)
		p.create("cluster.lab.vpc", vpc("me"))
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		res, err := apply.Run(ctx, options(p, j, c))
		if res.Failed != 1 || err == nil || res.Elapsed > time.Minute || !strings.Contains(err.Error(), "in flight when the run was canceled") {
			t.Errorf("%+v, %v", res, err)
		}
		before := j.Snapshot()
		if len(before.Intents) != 1 {
			t.Errorf("%d intents are open", len(before.Intents))
		}
		time.Sleep(2 * time.Hour)
		if !errors.Is(late, apply.ErrStopped) {
			t.Errorf("a late intent got %v", late)
		}
		if j.Snapshot() != before {
			t.Error("the state changed after the end of the run")
		}
	})
}

func TestLostLock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, err := state.Open(t.TempDir()+"/clusterform.state.json", state.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		j, c := lock(t, f), newCloud()
		c.delay = minute
		p := newPlan(j)
		v := p.create("cluster.lab.vpc", vpc("me"))
		p.create("node_pool.worker[0]", node("web"), v)
		time.AfterFunc(30*time.Second, func() {
			if err := f.BreakLock(context.Background(), j.Lock().ID); err != nil {
				t.Error(err)
			}
		})
		res, err := run(t, options(p, j, c))
		if _, ok := errors.AsType[*state.LostLockError](err); !ok {
			t.Fatalf("%+v, %v", res, err)
		}
		if !strings.HasPrefix(err.Error(), "cannot record what was done: the lock") && !strings.HasPrefix(err.Error(), "the lock") {
			t.Errorf("the lost lock is not the first thing said: %v", err)
		}
		if res.Done != 0 || len(c.started) != 1 {
			t.Errorf("%+v, started %v", res, c.started)
		}
		// The next writer finds the object by its intent.
		if l := leaked(c, lock(t, f).Snapshot()); len(l) > 0 {
			t.Errorf("leaked %v", l)
		}
	})
}

func TestJournalThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	j, c := session(t), newCloud()
	p := newPlan(j)
	p.create("cluster.lab.vpc", vpc("me"))
	res, err := run(t, options(p, &dying{Journal: j, n: 1}, c))
	if !errors.Is(err, errKilled) || res.Remaining != 1 || len(c.started) > 0 {
		t.Errorf("%+v, %v, started %v", res, err, c.started)
	}
}

// TestOneWriteFails: an outcome that could not be recorded ends the run, also when the next write would succeed.
func TestOneWriteFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, c := session(t), newCloud()
		c.delay = func(ch resource.Change) time.Duration { return time.Duration(len(ch.Address())) * time.Second }
		p := newPlan(j)
		p.create("p.short", vpc("me"))
		p.create("p.after", vpc("me"), p.create("p.longer", vpc("me")))
		// Commits: the identity, two intents, and the outcome of p.short.
		res, err := run(t, options(p, &dying{Journal: j, n: 4, once: true}, c))
		all, _ := errors.AsType[*apply.Error](err)
		if all == nil || !errors.Is(all.Fatal, errKilled) || res.Failed != 1 || res.Done != 1 || res.Remaining != 1 {
			t.Errorf("%+v, %v", res, err)
		}
		if l := leaked(c, j.Snapshot()); len(l) > 0 {
			t.Errorf("leaked %v", l)
		}
	})
}

// TestKilledAtEachCommit ends the process, as far as the journal can tell, at each of its commits in turn.
func TestKilledAtEachCommit(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		killed := 0
		for n := 1; ; n++ {
			s, c := session(t), newCloud()
			keep, drop, swap := c.seed(record("cluster.lab.vpc", vpc("me"))), c.seed(record("node_pool.worker[7]", node("web"))), c.seed(record("node_pool.worker[8]", node("web")))
			given(t, s, keep, drop, swap)
			j := &dying{Journal: s, n: n, after: after}
			p := newPlan(s)
			u := p.update(keep, vpc("you"))
			for i := range 3 {
				p.create(resource.Address("node_pool.worker").Index(i), node("web"), u)
			}
			p.delete(drop)
			p.replace(swap, node("db"), true)
			p.replace(c.seedRecorded(t, s, "node_pool.worker[9]"), node("db"), false)
			p.Serial = s.Snapshot().Serial
			res, err := run(t, options(p, j, c))
			if l := leaked(c, s.Snapshot()); len(l) > 0 {
				t.Errorf("killed at commit %d (after: %v): leaked %v", n, after, l)
			}
			if err == nil {
				if res.Done != len(p.Steps) {
					t.Errorf("no error, and %+v", res)
				}
				break
			}
			killed++
			if !errors.Is(err, errKilled) {
				t.Fatalf("commit %d: %v", n, err)
			}
		}
		if killed < 10 {
			t.Errorf("only %d commits", killed)
		}
	}
}

func (c *cloud) seedRecorded(t *testing.T, j apply.Journal, a resource.Address) *resource.Record {
	rec := c.seed(record(a, node("web")))
	given(t, j, rec)
	return rec
}

func TestNoBarriers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, c := session(t), newCloud()
		// Ten chains of five; one step of each chain is slow, another one in each.
		c.delay = func(ch resource.Change) time.Duration {
			pool, i, _ := ch.Address().Ordinal()
			if int(pool[len(pool)-1]-'0')%5 == i {
				return time.Minute
			}
			return time.Second
		}
		p := newPlan(j)
		for chain := range 10 {
			last := int32(-1)
			for i := range 5 {
				var needs []int32
				if last >= 0 {
					needs = []int32{last}
				}
				last = p.create(resource.Address("node_pool.p"+string(rune('0'+chain))).Index(i), node("web"), needs...)
			}
		}
		if res := mustRun(t, options(p, j, c)); res.Elapsed != 64*time.Second {
			t.Errorf("it took %s, want the 64s of one chain: waves would take 5 minutes", res.Elapsed)
		}
	})
}

func TestParallelismBoundsBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, c := session(t), newCloud()
		c.delay = minute
		p := newPlan(j)
		for _, spec := range []resource.Spec{vpc("a"), node("a"), &resource.ElasticIP{}, &resource.Role{Name: "a"}, &resource.Subnet{}, &resource.InternetGateway{}} {
			p.create(resource.Address("p."+string(spec.Kind())), spec)
		}
		o := options(p, j, c)
		o.Parallelism = 2
		if res := mustRun(t, o); c.peak != 2 || res.Elapsed != 3*time.Minute {
			t.Errorf("%d batches at once, in %s", c.peak, res.Elapsed)
		}
	})
}

func TestProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, c, told := session(t), newCloud(), &events{}
		c.delay = minute
		c.before = func(ch resource.Change, rt resource.Runtime) {
			rt.Progress(ch.Address(), resource.PhaseLaunching, "waits for \x1b[2Jcapacity")
		}
		p := newPlan(j)
		p.Summary.Duration = 4 * time.Minute
		a := p.create("cluster.lab.vpc", vpc("me"))
		b := p.create("node_pool.worker[0]", node("web"), a)
		p.create("node_pool.worker[1]", node("web"), b)
		calls := 0
		o := options(p, j, c)
		o.Events = told
		o.Calls = func() int { calls += 5; return calls }
		res := mustRun(t, o)
		if res.Calls != 5 {
			t.Errorf("calls are %d", res.Calls)
		}
		if e := told.of(event.StepProgress); len(e) != 3 || e[1].Address != "node_pool.worker[0]" || e[1].Step != 1 || e[1].Message != "waits for [2Jcapacity" || e[1].Action != string(planner.ActionCreate) {
			t.Errorf("told %+v", e)
		}
		var left []time.Duration
		for i, e := range told.of(event.StepComplete) {
			left = append(left, e.Remaining)
			if e.Done != i+1 || e.Total != 3 || e.Elapsed != time.Minute || e.ID == "" {
				t.Errorf("step told as %+v", e)
			}
		}
		if len(left) != 3 || left[0] <= left[1] || left[0] > 4*time.Minute || left[2] != 0 {
			t.Errorf("estimates are %v", left)
		}
		if e := told.of(event.ApplyStart); len(e) != 1 || e[0].Total != 3 || e[0].Remaining != 4*time.Minute {
			t.Errorf("the start was told as %+v", e)
		}
	})
}
