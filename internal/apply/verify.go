package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// touched is one object that a step of the plan relies on.
type touched struct {
	step   *planner.Step
	record *resource.Record
	// planned is what the plan saw: the record, or what the refresh found instead.
	planned resource.Spec
}

// verify reads the objects that the plan changes or deletes, in bulk, and compares them with what the plan saw.
func verify(ctx context.Context, r *run) error {
	groups := r.touched()
	var (
		mu      sync.Mutex
		changes []Changed
		wg      sync.WaitGroup
	)
	places := make(chan struct{}, r.Parallelism)
	for k, list := range groups {
		wg.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			found := r.compareGroup(ctx, k, list)
			mu.Lock()
			defer mu.Unlock()
			changes = append(changes, found...)
		})
	}
	wg.Wait()
	if len(changes) == 0 {
		return nil
	}
	slices.SortStableFunc(changes, func(a, b Changed) int {
		return cmp.Or(resource.Compare(a.Address, b.Address), strings.Compare(a.Path, b.Path))
	})
	return &ChangedError{Changes: changes}
}

// touched groups what is changed or deleted by the driver that reads it.
func (r *run) touched() map[batchKey][]touched {
	type object struct { // the rules of a security group have its id
		kind resource.Kind
		id   string
	}
	observed := map[object]resource.Spec{}
	for i := range r.Plan.Drift {
		if d := &r.Plan.Drift[i]; d.Observed != nil {
			observed[object{d.Kind, d.ID}] = d.Observed.Spec
		}
	}
	groups := map[batchKey][]touched{}
	for i := range r.steps {
		s := &r.steps[i]
		if s.Before == nil || s.Before.ID == "" || s.Operation != resource.Update && s.Operation != resource.Delete {
			continue
		}
		t := touched{step: s, record: s.Before, planned: s.Before.Spec}
		if spec, ok := observed[object{s.Kind, s.Before.ID}]; ok {
			t.planned = spec
		}
		k := batchKey{region: s.Before.Region, kind: s.Kind}
		groups[k] = append(groups[k], t)
	}
	return groups
}

func (r *run) compareGroup(ctx context.Context, k batchKey, list []touched) []Changed {
	recs := make([]*resource.Record, len(list))
	uids := map[string]bool{}
	for i, t := range list {
		recs[i] = t.record
		uids[t.record.UID] = true
	}
	found, err := r.read(ctx, k, slices.Sorted(maps.Keys(uids)), recs)
	if err != nil {
		return []Changed{{Address: list[0].step.Address, ID: list[0].record.ID, Problem: fmt.Sprintf("the %s objects of %s could not be read again", k.kind, k.region), Err: err}}
	}
	byID := make(map[string]resource.Observation, len(found))
	for _, o := range found {
		if !o.Unrecorded {
			byID[o.ID] = o
		}
	}
	var changes []Changed
	for _, t := range list {
		o, ok := byID[t.record.ID]
		if !ok {
			o.Status, o.Err = resource.Unread, errors.New("the answer does not have it")
		}
		changes = append(changes, t.compare(o)...)
	}
	return changes
}

// read is Driver.Read; a panic in it is an error.
func (r *run) read(ctx context.Context, k batchKey, uids []string, recs []*resource.Record) (found []resource.Observation, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(fmt.Sprintf("the driver of %s", k.kind), p)
		}
	}()
	d, err := r.Drivers.Driver(k.region, k.kind)
	if err != nil {
		return nil, err
	}
	return d.Read(ctx, newReader(r), uids, recs)
}

// compare finds what a step relies on and what is not so any more. An update relies on the fields that it changes, a
// delete on the whole object; that it is gone is no obstacle to a delete.
func (t touched) compare(o resource.Observation) []Changed {
	c := Changed{Address: t.step.Address, ID: t.record.ID}
	switch o.Status {
	case resource.Present:
	case resource.Gone:
		if t.step.Operation == resource.Delete {
			return nil
		}
		c.Problem = "it no longer exists"
		if o.Reason != "" {
			c.Problem += " (" + o.Reason + ")"
		}
		return []Changed{c}
	default:
		if k := t.step.Kind; k == resource.KindWorkload || k == resource.KindManifest {
			return nil // its API may be away because of what the plan repairs; what is applied there is the whole object
		}
		c.Problem, c.Err = "it could not be read again", o.Err
		return []Changed{c}
	}
	if o.Object == nil || o.Object.Spec == nil || o.Object.Spec.Kind() != t.planned.Kind() {
		return nil
	}
	var changes []Changed
	for _, f := range resource.DiffObserved(t.planned, o.Object.Spec) {
		if t.step.Operation == resource.Update && !slices.ContainsFunc(t.step.Fields, func(g resource.FieldChange) bool { return g.Path == f.Path }) {
			continue
		}
		changes = append(changes, Changed{Address: c.Address, ID: c.ID, Path: f.Path, Planned: f.Old, Found: f.New})
	}
	return changes
}

// reader is the Runtime of drivers that only look. Before the moves of a plan are carried out it knows objects by their
// new addresses already, as the plan's steps do.
type reader struct {
	journal  Journal
	old, new map[resource.Address]resource.Address // by each other
}

func newReader(r *run) reader {
	m := reader{journal: r.Journal, old: map[resource.Address]resource.Address{}, new: map[resource.Address]resource.Address{}}
	for i := range r.steps {
		if s := &r.steps[i]; s.Action == planner.ActionMove && s.From != s.Address && r.graph.state[i] != done {
			m.old[s.Address], m.new[s.From] = s.From, s.Address
		}
	}
	return m
}

var errReadOnly = errors.New("this only looks: nothing may be changed")

func (r reader) ID(ref resource.Ref) (string, bool) {
	if old, ok := r.old[resource.Address(ref)]; ok {
		ref = resource.Ref(old)
	}
	return idOf(r.journal, ref)
}

func (r reader) Ref(kind resource.Kind, id string) resource.Ref {
	ref := refOf(r.journal, kind, id)
	if now, ok := r.new[resource.Address(ref)]; ok {
		return resource.Ref(now)
	}
	return ref
}

func (r reader) Record(a resource.Address) (*resource.Record, bool) {
	if old, ok := r.old[a]; ok {
		a = old
	}
	return r.journal.Record(a)
}

func (reader) Intend(context.Context, ...resource.Intent) error      { return errReadOnly }
func (reader) Checkpoint(context.Context, ...*resource.Record) error { return errReadOnly }
func (reader) Blob(string) ([]byte, bool)                            { return nil, false }
func (reader) Progress(resource.Address, resource.Phase, string)     {}
func (reader) WaitLaunched() bool                                    { return false }
