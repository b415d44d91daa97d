package drivers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/clusterform/clusterform/planner/resource"
)

// run is a resource.Runtime that keeps records in memory, as internal/apply and internal/state do on disk.
type run struct {
	mu       sync.Mutex
	records  map[resource.Address]*resource.Record
	progress []string
	launched bool
	// stop is closed when the run is asked to stop.
	stop chan struct{}
	// commits counts down to a kill; negative never dies.
	commits int
	serial  int
}

const (
	testUID    = "0123456789abcdef0123456789abcdef"
	testRegion = "eu-central-1"
	lab        = resource.Address("cluster.lab")
)

func newRun() *run {
	return &run{records: map[resource.Address]*resource.Record{}, commits: -1, stop: make(chan struct{})}
}

func (r *run) ID(ref resource.Ref) (string, bool) {
	if !resource.IsAddress(ref) {
		return string(ref), ref != ""
	}
	rec, ok := r.Record(resource.Address(ref))
	if !ok || rec.ID == "" {
		return "", false
	}
	return rec.ID, true
}

func (r *run) Ref(kind resource.Kind, id string) resource.Ref {
	r.mu.Lock()
	defer r.mu.Unlock()
	for a, rec := range r.records {
		if rec.Kind == kind && rec.ID == id {
			return resource.Ref(a)
		}
	}
	return resource.Ref(id)
}

func (r *run) Record(a resource.Address) (*resource.Record, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec, ok := r.records[a]
	return rec, ok
}

var (
	errKilled  = errors.New("killed")
	errStopped = errors.New("the run was stopped before this step began")
)

func (r *run) commit() error {
	if r.commits == 0 {
		return errKilled
	}
	r.commits--
	return nil
}

func (r *run) Intend(ctx context.Context, _ ...resource.Intent) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-r.stop:
		return errStopped
	default:
	}
	return r.commit()
}

func (r *run) Checkpoint(_ context.Context, recs ...*resource.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.commit(); err != nil {
		return err
	}
	for _, rec := range recs {
		rec = new(*rec)
		rec.Incomplete = true
		r.records[rec.Address] = rec
	}
	return nil
}

func (r *run) Blob(string) ([]byte, bool) { return []byte("#!/bin/sh\n"), true }

func (r *run) Progress(a resource.Address, phase resource.Phase, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress = append(r.progress, fmt.Sprintf("%s: %s: %s", a, phase, text))
}

func (r *run) WaitLaunched() bool { return r.launched }

func (r *run) Stopping() <-chan struct{} { return r.stop }

func (r *run) said(text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.progress, func(s string) bool { return strings.Contains(s, text) })
}

func (r *run) object(a resource.Address, s resource.Spec) *resource.Object {
	return &resource.Object{Address: a, Kind: s.Kind(), Cluster: lab, UID: testUID, Region: testRegion, Spec: s}
}

// creation makes an object, of the generation after the one that is recorded.
func (r *run) creation(a resource.Address, s resource.Spec) resource.Change {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.serial++
	generation := 1
	if old, ok := r.records[a]; ok {
		generation = old.Generation + 1
	}
	return resource.Change{Operation: resource.Create, After: r.object(a, s), Generation: generation, Token: resource.Token(testUID, a, generation, fmt.Sprint(r.serial))}
}

func (r *run) change(a resource.Address, alter func(*resource.Node)) resource.Change {
	before, _ := r.Record(a)
	after := before.Object
	after.Spec = resource.Clone(before.Spec)
	if alter != nil {
		alter(after.Spec.(*resource.Node))
	}
	return resource.Change{Operation: resource.Update, Before: before, After: &after, Generation: before.Generation, Token: "update", Fields: resource.Diff(before.Spec, after.Spec)}
}

func (r *run) removal(a resource.Address) resource.Change {
	before, _ := r.Record(a)
	return resource.Change{Operation: resource.Delete, Before: before, Generation: before.Generation}
}

// apply carries changes of one kind out, records what comes of them, and returns the errors by address.
func (r *run) apply(ctx context.Context, d *Drivers, changes ...resource.Change) map[resource.Address]error {
	errs := map[resource.Address]error{}
	driver, err := d.Driver(testRegion, objectOf(changes[0]).Kind)
	if err != nil {
		return map[resource.Address]error{"": err}
	}
	seen := map[int]int{}
	var mu sync.Mutex
	driver.Apply(ctx, r, changes, func(i int, res resource.Result) {
		mu.Lock()
		defer mu.Unlock()
		seen[i]++
		a := changes[i].Address()
		if res.Err != nil {
			errs[a] = res.Err
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		now := r.records[a]
		switch {
		case r.commits == 0: // dead
		case changes[i].Operation == resource.Delete && now != nil && now.ID != changes[i].Before.ID: // a deposed one
		case res.Record == nil && (changes[i].Operation == resource.Delete || res.Err == nil):
			delete(r.records, a)
		case res.Record != nil:
			r.records[a] = res.Record
		}
	})
	for i := range changes {
		if seen[i] != 1 {
			errs[changes[i].Address()] = fmt.Errorf("reported %d times", seen[i])
		}
	}
	return errs
}

func (r *run) must(t *testing.T, d *Drivers, changes ...resource.Change) {
	t.Helper()
	errs := r.apply(t.Context(), d, changes...)
	for _, a := range slices.Sorted(maps.Keys(errs)) {
		t.Errorf("%s: %v", a, errs[a])
	}
	if len(errs) > 0 {
		t.FailNow()
	}
}

// read observes what is recorded of a kind.
func (r *run) read(t *testing.T, d *Drivers, kind resource.Kind) map[resource.Address]resource.Observation {
	t.Helper()
	driver, err := d.Driver(testRegion, kind)
	if err != nil {
		t.Fatal(err)
	}
	var recorded []*resource.Record
	for _, a := range slices.Sorted(maps.Keys(r.records)) {
		if r.records[a].Kind == kind {
			recorded = append(recorded, r.records[a])
		}
	}
	all, err := driver.Read(t.Context(), r, []string{testUID}, recorded)
	if err != nil {
		t.Fatal(err)
	}
	out := map[resource.Address]resource.Observation{}
	for _, o := range all {
		out[o.Address] = o
	}
	return out
}
