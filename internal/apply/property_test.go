package apply_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/clusterform/clusterform/internal/apply"
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// TestAnyPlanWithAnyFailures runs random graphs with random failures, delays and stops, and holds the run to what it
// promises whatever happens.
func TestAnyPlanWithAnyFailures(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		var verdict any // rapid's, carried out of the bubble
		synctest.Test(t, func(t *testing.T) {
			defer func() { verdict = recover() }()
			f, err := state.Open(fmt.Sprintf("%s/%d.json", dir, runs), state.Options{NoSync: true})
			if err != nil {
				rt.Fatal(err)
			}
			j, err := f.Lock(t.Context(), state.LockRequest{Operation: "apply"})
			if err != nil {
				rt.Fatal(err)
			}
			defer func() { _ = j.Close(context.Background()) }()
			(&trial{rt: rt, file: f, journal: j, cloud: newCloud()}).run()
		})
		if verdict != nil {
			panic(verdict)
		}
	})
}

// trial is one random run.
type trial struct {
	rt      *rapid.T
	file    *state.File
	journal *state.Session
	cloud   *cloud
	plan    *plans
	faults  map[string]fault
	steps   map[string]int32 // by "create address"
}

func (x *trial) run() {
	rt := x.rt
	x.draw()
	stop := make(chan struct{})
	o := options(x.plan, x.journal, x.cloud)
	o.Stop = stop
	o.Parallelism = rapid.IntRange(1, 4).Draw(rt, "parallelism")
	if rapid.IntRange(0, 3).Draw(rt, "stopped") == 0 {
		timer := time.AfterFunc(time.Duration(rapid.IntRange(0, 60).Draw(rt, "stop after"))*time.Second, func() { close(stop) })
		defer timer.Stop()
	}
	var tooEarly []string
	x.cloud.before = func(ch resource.Change, _ resource.Runtime) {
		done := map[string]bool{}
		for _, d := range x.cloud.doneSteps() {
			done[d] = true
		}
		for _, need := range x.plan.Steps[x.steps[name(ch)]].Needs {
			if s := &x.plan.Steps[need]; !done[string(s.Operation)+" "+string(s.Address)] {
				x.cloud.mu.Lock()
				tooEarly = append(tooEarly, fmt.Sprintf("%s before %s %s", name(ch), s.Operation, s.Address))
				x.cloud.mu.Unlock()
			}
		}
	}
	res, err := apply.Run(context.Background(), o)
	if len(tooEarly) > 0 {
		rt.Fatalf("started too early: %v", tooEarly)
	}
	if x.cloud.peak > o.Parallelism {
		rt.Fatalf("%d batches at once, %d allowed", x.cloud.peak, o.Parallelism)
	}
	x.checkResult(res, err)
	x.checkState()
}

// draw makes a plan over objects that exist and objects that do not.
func (x *trial) draw() {
	rt := x.rt
	x.faults, x.steps = map[string]fault{}, map[string]int32{}
	specs := []func(string) resource.Spec{
		func(s string) resource.Spec { return vpc(s) },
		func(s string) resource.Spec { return node(s) },
		func(s string) resource.Spec { return &resource.ElasticIP{Tags: resource.Tags{"owner": s}} },
	}
	n := rapid.IntRange(1, 25).Draw(rt, "steps")
	entries := []state.Entry{}
	kinds, ops := make([]int, n), make([]int, n)
	recs := make([]*resource.Record, n)
	for i := range n {
		kinds[i] = rapid.IntRange(0, len(specs)-1).Draw(rt, "kind")
		ops[i] = rapid.IntRange(0, 4).Draw(rt, "operation")
		if ops[i] > 0 {
			recs[i] = x.cloud.seed(record(resource.Address("p.x").Index(i), specs[kinds[i]]("old")))
			entries = append(entries, state.Put(recs[i]))
		}
	}
	if err := x.journal.Commit(context.Background(), true, entries...); err != nil {
		rt.Fatal(err)
	}
	x.plan = newPlan(x.journal)
	for i := range n {
		a, spec := resource.Address("p.x").Index(i), specs[kinds[i]]("new")
		first := len(x.plan.Steps)
		switch ops[i] {
		case 0:
			x.plan.create(a, spec)
		case 1:
			x.plan.update(recs[i], spec)
		case 2:
			x.plan.delete(recs[i])
		default:
			x.plan.replace(recs[i], spec, ops[i] == 3)
		}
		for id := first; id < len(x.plan.Steps); id++ {
			s := &x.plan.Steps[id]
			x.steps[string(s.Operation)+" "+string(s.Address)] = s.ID
			if first > 0 {
				for range rapid.IntRange(0, 3).Draw(rt, "needs") {
					s.Needs = append(s.Needs, int32(rapid.IntRange(0, first-1).Draw(rt, "need")))
				}
			}
			x.faults[string(s.Operation)+" "+string(s.Address)] = x.drawFault(s)
		}
	}
	x.cloud.fault = func(ch resource.Change) fault { return x.faults[name(ch)] }
	delays := map[string]time.Duration{}
	for step := range x.steps {
		delays[step] = 0
	}
	for i := range x.plan.Steps {
		s := &x.plan.Steps[i]
		delays[string(s.Operation)+" "+string(s.Address)] = time.Duration(rapid.IntRange(0, 20).Draw(rt, "delay")) * time.Second
	}
	x.cloud.delay = func(ch resource.Change) time.Duration { return delays[name(ch)] }
}

func (x *trial) drawFault(s *planner.Step) fault {
	faults := []fault{none, none, none, none, none, none, refused, lost, half, silent, panics, twice}
	if s.Kind == resource.KindNode && s.Operation == resource.Create {
		faults = append(faults, dies)
	}
	return rapid.SampledFrom(faults).Draw(x.rt, "fault")
}

// checkResult compares what is said with the graph: every step is done, failed, skipped for a failure, or remaining.
func (x *trial) checkResult(res *apply.Result, err error) {
	rt := x.rt
	if res.Done+res.Failed+res.Skipped+res.Remaining != len(x.plan.Steps) || res.Failed != len(res.Errors) {
		rt.Fatalf("the counts do not add up: %+v", res)
	}
	if (err == nil) != (res.Done == len(x.plan.Steps)) {
		rt.Fatalf("%+v with the error %v", res, err)
	}
	if res.Remaining > 0 && !res.Drained {
		rt.Fatalf("steps remain though nobody stopped the run: %+v", res)
	}
	failed := map[int32]bool{}
	for _, e := range res.Errors {
		failed[e.Step.ID] = true
	}
	behind := map[int32]bool{} // a failure
	for i := range x.plan.Steps {
		for _, need := range x.plan.Steps[i].Needs {
			if failed[need] || behind[need] {
				behind[int32(i)] = true
			}
		}
	}
	if !res.Drained && res.Skipped != len(behind) {
		rt.Fatalf("%d steps stand behind a failure, %d are skipped", len(behind), res.Skipped)
	}
	times := map[string]int{}
	for _, s := range x.cloud.started {
		times[s]++
	}
	for step, id := range x.steps {
		if times[step] > 1 {
			rt.Fatalf("%s ran %d times", step, times[step])
		}
		if behind[id] && times[step] > 0 {
			rt.Fatalf("%s ran, though a step it needs failed", step)
		}
		if failed[id] && times[step] > 0 && (x.faults[step] == none || x.faults[step] == twice) {
			rt.Fatalf("%s failed without a reason: %v", step, err)
		}
		if !res.Drained && !behind[id] && !failed[id] && times[step] != 1 {
			rt.Fatalf("%s ran %d times", step, times[step])
		}
	}
}

// checkState compares what is recorded with what exists.
func (x *trial) checkState() {
	rt, snap := x.rt, x.journal.Snapshot()
	if l := leaked(x.cloud, snap); len(l) > 0 {
		rt.Fatalf("leaked: %v", l)
	}
	exists := map[string]bool{}
	for _, id := range x.cloud.ids() {
		exists[id] = true
	}
	check := func(r *resource.Record) {
		// A delete whose answer was lost leaves the record; the next plan finds the object gone.
		f := x.faults["delete "+string(r.Address)]
		if !exists[r.ID] && f != lost && f != half {
			rt.Fatalf("%s is recorded as %s, which does not exist", r.Address, r.ID)
		}
	}
	for _, r := range snap.Records {
		check(r)
	}
	for _, list := range snap.Deposed {
		for _, r := range list {
			check(r)
		}
	}
	for _, in := range snap.Intents {
		f := x.faults[string(in.Operation)+" "+string(in.Addresses[0])]
		if in.Operation != resource.Create || f != lost && f != silent {
			rt.Fatalf("the intent to %s %v is left open, fault %d", in.Operation, in.Addresses, f)
		}
	}
	if fresh, err := x.file.Read(context.Background()); err != nil || len(fresh.Records) != len(snap.Records) {
		rt.Fatalf("what is on the disk differs: %v", err)
	}
}
