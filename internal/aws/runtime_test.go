package aws

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/clusterform/clusterform/planner/resource"
)

// run is a resource.Runtime that keeps state and journal in memory, as internal/apply and internal/state do on disk. It
// also plays their part in apply: it records outcomes and closes intents.
type run struct {
	mu      sync.Mutex
	uid     string
	region  string
	records map[resource.Address]*resource.Record
	intents []resource.Intent
	blobs   map[string][]byte
	// dead makes every commit fail, as after a kill.
	dead bool
	// killAt is the number of commits before that, negative for never.
	killAt int
	serial int
	// keepIntents leaves intents open after their outcome.
	keepIntents bool
	// patient runs apply again after errors.
	patient bool
}

func newRun(region string) *run {
	return &run{
		uid: "0123456789abcdef", region: region, records: map[resource.Address]*resource.Record{}, blobs: map[string][]byte{}, killAt: -1,
	}
}

var errKilled = fmt.Errorf("killed")

func (r *run) commit() error {
	if r.killAt == 0 {
		r.dead = true
	}
	r.killAt--
	if r.dead {
		return errKilled
	}
	return nil
}

func (r *run) ID(ref resource.Ref) (string, bool) {
	if !resource.IsAddress(ref) {
		return string(ref), ref != ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	rec, ok := r.records[resource.Address(ref)]
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

func (r *run) Intend(_ context.Context, intents ...resource.Intent) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.commit(); err != nil {
		return err
	}
	r.intents = append(r.intents, intents...)
	return nil
}

func (r *run) Checkpoint(_ context.Context, records ...*resource.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.commit(); err != nil {
		return err
	}
	for _, rec := range records {
		r.records[rec.Address] = rec
	}
	return nil
}

func (r *run) Blob(digest string) ([]byte, bool) {
	b, ok := r.blobs[digest]
	return b, ok
}

func (r *run) Progress(resource.Address, resource.Phase, string) {}
func (r *run) WaitLaunched() bool                                { return true }

// userData keeps a text and returns its digest.
func (r *run) userData(text string) string {
	sum := sha256.Sum256([]byte(text))
	digest := hex.EncodeToString(sum[:])
	r.blobs[digest] = []byte(text)
	return digest
}

// object makes an object of the run's cluster.
func (r *run) object(a resource.Address, s resource.Spec) *resource.Object {
	return &resource.Object{Address: a, Kind: s.Kind(), Cluster: "cluster.lab", UID: r.uid, Region: r.region, Spec: s}
}

// creation is the change that makes an object, with the intents that are open for it.
func (r *run) creation(a resource.Address, s resource.Spec) resource.Change {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := resource.Change{
		Operation: resource.Create, After: r.object(a, s), Generation: 1, Token: resource.Token(r.uid, a, 1, fmt.Sprint(r.serial)),
	}
	for _, in := range r.intents {
		if slices.Contains(in.Addresses, a) && in.Operation == resource.Create {
			c.Adopt = append(c.Adopt, in)
		}
	}
	return c
}

func (r *run) change(a resource.Address, s resource.Spec) resource.Change {
	before, _ := r.Record(a)
	c := resource.Change{Operation: resource.Update, Before: before, After: r.object(a, s), Generation: before.Generation, Token: "update"}
	c.Fields = resource.Diff(before.Spec, s)
	return c
}

func (r *run) removal(a resource.Address) resource.Change {
	before, _ := r.Record(a)
	return resource.Change{Operation: resource.Delete, Before: before, Generation: before.Generation}
}

// apply carries changes of one kind out and returns their errors by address.
func (r *run) apply(ctx context.Context, c *Cloud, changes ...resource.Change) map[resource.Address]error {
	errs := map[resource.Address]error{}
	var kind resource.Kind
	if o := changes[0].After; o != nil {
		kind = o.Kind
	} else {
		kind = changes[0].Before.Kind
	}
	d, err := c.Driver(r.region, kind)
	if err != nil {
		return map[resource.Address]error{"": err}
	}
	seen := map[int]bool{}
	d.Apply(ctx, r, changes, func(i int, res resource.Result) {
		r.mu.Lock()
		defer r.mu.Unlock()
		a := changes[i].Address()
		if seen[i] {
			errs[a] = fmt.Errorf("reported twice")
			return
		}
		seen[i] = true
		if res.Err != nil {
			errs[a] = res.Err
		}
		if r.commit() != nil {
			return
		}
		if res.Record == nil {
			delete(r.records, a)
		} else {
			r.records[a] = res.Record
		}
		if r.keepIntents {
			return
		}
		r.intents = slices.DeleteFunc(r.intents, func(in resource.Intent) bool { return slices.Contains(in.Addresses, a) && len(in.Addresses) == 1 })
		for i, in := range r.intents {
			r.intents[i].Addresses = slices.DeleteFunc(slices.Clone(in.Addresses), func(b resource.Address) bool { return a == b })
		}
	})
	for i := range changes {
		if !seen[i] {
			errs[changes[i].Address()] = fmt.Errorf("not reported")
		}
	}
	return errs
}

// must fails the test on any error. A patient run applies again, as a person would, before it gives up.
func (r *run) must(t *testing.T, c *Cloud, changes ...resource.Change) {
	t.Helper()
	for try := 1; ; try++ {
		errs := r.apply(t.Context(), c, changes...)
		if len(errs) == 0 {
			return
		}
		if !r.patient || try == 3 {
			for a, err := range errs {
				t.Fatalf("%s: %v", a, err)
			}
		}
		changes = r.again(changes, errs)
	}
}

// again are the changes that the next plan would have for those that failed.
func (r *run) again(changes []resource.Change, errs map[resource.Address]error) []resource.Change {
	r.serial++
	var out []resource.Change
	for _, c := range changes {
		a := c.Address()
		_, recorded := r.Record(a)
		switch {
		case errs[a] == nil:
		case c.Operation == resource.Delete:
			out = append(out, r.removal(a))
		case recorded:
			out = append(out, r.change(a, c.After.Spec))
		default:
			out = append(out, r.creation(a, c.After.Spec))
		}
	}
	return out
}

// applyAll is must for benchmarks.
func (r *run) applyAll(b *testing.B, c *Cloud, changes []resource.Change) {
	b.Helper()
	for a, err := range r.apply(b.Context(), c, changes...) {
		b.Fatalf("%s: %v", a, err)
	}
}

// read observes everything recorded of a kind.
func (r *run) read(t *testing.T, c *Cloud, kind resource.Kind) []resource.Observation {
	t.Helper()
	d, err := c.Driver(r.region, kind)
	if err != nil {
		t.Fatal(err)
	}
	var recorded []*resource.Record
	for _, a := range slices.Sorted(maps.Keys(r.records)) {
		if r.records[a].Kind == kind {
			recorded = append(recorded, r.records[a])
		}
	}
	all, err := d.Read(t.Context(), r, []string{r.uid}, recorded)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// same fails the test when reality differs from the records of a kind.
func (r *run) same(t *testing.T, c *Cloud, kind resource.Kind) {
	t.Helper()
	for _, o := range r.read(t, c, kind) {
		switch {
		case o.Unrecorded:
			t.Errorf("%s %s (%s) is not recorded", kind, o.ID, o.Address)
		case o.Status != resource.Present:
			t.Errorf("%s (%s) is %s: %s %v", o.Address, o.ID, o.Status, o.Reason, o.Err)
		default:
			for _, f := range resource.DiffObserved(r.records[o.Address].Spec, o.Object.Spec) {
				t.Errorf("%s: %s is %#v, recorded is %#v", o.Address, f.Path, f.New, f.Old)
			}
		}
	}
}

// old makes the records so old that what does not show is gone.
func (r *run) old() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for a, rec := range r.records {
		rec = new(*rec)
		rec.UpdatedAt = time.Now().Add(-time.Hour)
		r.records[a] = rec
	}
}
