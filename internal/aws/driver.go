package aws

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/clusterform/clusterform/planner/resource"
)

// handler knows the calls of one kind of object that carries tags. The common driver knows the rest: intents,
// checkpoints, tokens, waiting.
type handler interface {
	kind() resource.Kind
	// list observes objects, in as few calls as possible. Those that do not exist are left out.
	list(ctx context.Context, rt resource.Runtime, q query) ([]*found, error)
	// create makes the object with its tags and returns its id; what else is wanted of it, converge does.
	create(ctx context.Context, rt resource.Runtime, o *resource.Object, tags tagSet) (string, error)
	// namesake finds the object that is in the way of a create by its natural key; nil when there is none.
	namesake(ctx context.Context, rt resource.Runtime, o *resource.Object) (*found, error)
	// converge makes what was observed as wanted, tags apart, and updates seen's computed fields.
	converge(ctx context.Context, rt resource.Runtime, o *resource.Object, seen *found) error
	// retag sets and removes tags.
	retag(ctx context.Context, id string, set tagSet, remove []string) error
	// remove deletes the object and returns when it is gone. Not found is its caller's to judge.
	remove(ctx context.Context, rt resource.Runtime, rec *resource.Record) error
}

// found is one object as the service shows it.
type found struct {
	id   string
	tags tagSet
	spec resource.Spec
	// phase and gone are of nodes: gone says why it is on its way out; trouble why it is not well.
	phase         resource.Phase
	gone, trouble string
}

func (f *found) object(kind resource.Kind, region string) *resource.Object {
	return &resource.Object{
		Address: resource.Address(f.tags[resource.TagAddress]), Kind: kind, UID: f.tags[resource.TagCluster],
		Region: region, ID: f.id, Spec: f.spec,
	}
}

// driver is the common driver.
type driver struct {
	region  *region
	handler handler
}

// Apply carries the changes out, each on its own: there are few of a kind, and the limiter knows how many calls may run.
func (d *driver) Apply(ctx context.Context, rt resource.Runtime, batch []resource.Change, report func(int, resource.Result)) {
	applyEach(ctx, rt, d.region, d.handler.kind(), batch, report, func(c resource.Change) resource.Result {
		switch c.Operation {
		case resource.Create:
			return d.create(ctx, rt, c)
		case resource.Update:
			return d.update(ctx, rt, c)
		case resource.Delete:
			return d.delete(ctx, rt, c)
		}
		return resource.Result{Record: c.Before, Err: fmt.Errorf("%s: operation %q is unknown", c.Address(), c.Operation)}
	})
}

// applyEach announces all changes with one commit and carries each out by itself; detail adds to the intents.
func applyEach(
	ctx context.Context, rt resource.Runtime, r *region, kind resource.Kind, batch []resource.Change,
	report func(int, resource.Result), apply func(resource.Change) resource.Result, detail ...func(resource.Change, *resource.Intent),
) {
	intents := make([]resource.Intent, 0, len(batch))
	for _, c := range batch {
		in := intentOf(r, kind, c)
		for _, f := range detail {
			f(c, &in)
		}
		intents = append(intents, in)
	}
	err := ctx.Err()
	if err == nil {
		err = rt.Intend(ctx, intents...)
	}
	if err != nil {
		for i, c := range batch {
			report(i, resource.Result{Record: c.Before, Err: describe(err, c.Address(), "")})
		}
		return
	}
	inParallel(len(batch), func(i int) { report(i, apply(batch[i])) })
}

// inParallel calls f for 0…n-1, some at once, and returns when all have.
func inParallel(n int, f func(int)) {
	if n == 1 {
		f(0)
		return
	}
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(n, 32) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

func intentOf(r *region, kind resource.Kind, c resource.Change) resource.Intent {
	in := resource.Intent{
		Operation: c.Operation, Kind: kind, Region: r.name, Addresses: []resource.Address{c.Address()},
		Token: c.Token, Generation: c.Generation, At: time.Now(),
	}
	if c.Before != nil {
		in.UID, in.IDs = c.Before.UID, []string{c.Before.ID}
	}
	if c.After != nil {
		in.UID = c.After.UID
		if c.Before == nil && c.After.ID != "" {
			in.IDs = []string{c.After.ID}
		}
	}
	return in
}

func (d *driver) create(ctx context.Context, rt resource.Runtime, c resource.Change) resource.Result {
	o := new(*c.After)
	o.Spec = resource.Clone(o.Spec)
	seen, err := d.obtain(ctx, rt, c)
	if err != nil {
		return resource.Result{Err: describe(err, o.Address, "")}
	}
	o.ID = seen.id
	rec := &resource.Record{Object: *o, Generation: c.Generation, UpdatedAt: time.Now()}
	half := new(*rec)
	half.Incomplete, half.LastError = true, "interrupted while it was being made"
	if err := rt.Checkpoint(ctx, half); err != nil {
		return resource.Result{Record: half, Err: describe(err, o.Address, o.ID)}
	}
	if seen.spec == nil {
		seen, err = d.visible(ctx, rt, o)
	}
	if err == nil {
		err = d.settle(ctx, rt, o, seen)
	}
	return finish(rec, err)
}

// finish is the outcome of a change of an object that exists.
func finish(rec *resource.Record, err error) resource.Result {
	rec.UpdatedAt = time.Now()
	if err == nil {
		rec.Incomplete, rec.LastError = false, ""
		return resource.Result{Record: rec}
	}
	err = describe(err, rec.Address, rec.ID)
	rec.Incomplete, rec.LastError = true, err.Error()
	return resource.Result{Record: rec, Err: err}
}

// settle makes an object as wanted, and returns when it shows so.
func (d *driver) settle(ctx context.Context, rt resource.Runtime, o *resource.Object, seen *found) error {
	set, remove := seen.tags.changes(wantedTags(o, tagsOf(o.Spec)))
	if len(set) > 0 || len(remove) > 0 {
		if err := d.handler.retag(ctx, seen.id, set, remove); err != nil {
			return err
		}
	}
	differs := showsOtherwise(o, seen)
	if err := d.handler.converge(ctx, rt, o, seen); err != nil {
		return err
	}
	resource.TakeComputed(o.Spec, seen.spec)
	if !differs {
		return nil
	}
	return d.confirm(ctx, rt, o)
}

func showsOtherwise(o *resource.Object, seen *found) bool {
	set, remove := seen.tags.changes(wantedTags(o, tagsOf(o.Spec)))
	if len(set) > 0 || len(remove) > 0 {
		return true
	}
	spec := resource.Clone(seen.spec)
	align(spec, o.Spec)
	return len(resource.DiffObserved(o.Spec, spec)) > 0
}

// confirm waits until a change shows, so that the next plan does not take the old view for drift. What never shows as
// wanted is left to that plan.
func (d *driver) confirm(ctx context.Context, rt resource.Runtime, o *resource.Object) error {
	_, err := until(ctx, d.region.visibleBy(time.Now()), func() (bool, error) {
		all, err := d.handler.list(ctx, rt, query{ids: []string{o.ID}})
		return len(all) > 0 && !showsOtherwise(o, all[0]), err
	})
	return err
}

// visible waits until the service shows an object that was just made.
func (d *driver) visible(ctx context.Context, rt resource.Runtime, o *resource.Object) (*found, error) {
	var seen *found
	ok, err := until(ctx, d.region.visibleBy(time.Now()), func() (bool, error) {
		all, err := d.handler.list(ctx, rt, query{ids: []string{o.ID}})
		if err == nil && len(all) > 0 {
			seen = all[0]
		}
		return seen != nil, err
	})
	if err == nil && !ok {
		err = fmt.Errorf("it was made, and does not show within %s: was it deleted meanwhile?", d.region.cloud.opts.ConsistencyWindow)
	}
	return seen, err
}

func (d *driver) update(ctx context.Context, rt resource.Runtime, c resource.Change) resource.Result {
	rec := new(*c.Before)
	rec.Object = *c.After
	rec.Spec = resource.Clone(c.After.Spec)
	rec.ID = c.Before.ID
	seen, err := d.visible(ctx, rt, &rec.Object)
	if err == nil {
		err = d.settle(ctx, rt, &rec.Object, seen)
	}
	return finish(rec, err)
}

// delete removes an object. Not found right after it was made may mean that it does not show yet.
func (d *driver) delete(ctx context.Context, rt resource.Runtime, c resource.Change) resource.Result {
	if c.Before.ID == "" {
		return resource.Result{}
	}
	_, err := until(ctx, d.region.visibleBy(c.Before.UpdatedAt), func() (bool, error) {
		err := d.handler.remove(ctx, rt, c.Before)
		return err == nil, ignoreNotFound(err)
	})
	if err == nil {
		err = d.vanished(ctx, rt, c.Before.ID)
	}
	if err != nil {
		return finish(new(*c.Before), err)
	}
	return resource.Result{}
}

// vanished waits until a deletion shows: the next plan would take what still does for a leak.
func (d *driver) vanished(ctx context.Context, rt resource.Runtime, id string) error {
	_, err := until(ctx, d.region.visibleBy(time.Now()), func() (bool, error) {
		all, err := d.handler.list(ctx, rt, query{ids: []string{id}})
		return len(all) == 0, err
	})
	return err
}

func ignoreNotFound(err error) error {
	if isNotFound(err) {
		return nil
	}
	return err
}

func tagsOf(s resource.Spec) resource.Tags {
	switch s := s.(type) {
	case *resource.VPC:
		return s.Tags
	case *resource.Subnet:
		return s.Tags
	case *resource.InternetGateway:
		return s.Tags
	case *resource.RouteTable:
		return s.Tags
	case *resource.SecurityGroup:
		return s.Tags
	case *resource.Role:
		return s.Tags
	case *resource.ElasticIP:
		return s.Tags
	case *resource.LoadBalancer:
		return s.Tags
	case *resource.Node:
		return s.Tags
	}
	return nil
}

// id resolves a reference; an error says which object is missing.
func id(rt resource.Runtime, ref resource.Ref) (string, error) {
	if v, ok := rt.ID(ref); ok && v != "" {
		return v, nil
	}
	return "", &resource.Error{
		Message: fmt.Sprintf("%s, which it refers to, has not been made", ref),
		Hint:    "Look at the errors before this one, then apply again",
	}
}

func ids(rt resource.Runtime, refs []resource.Ref) ([]string, error) {
	out := make([]string, 0, len(refs))
	for _, ref := range refs {
		v, err := id(rt, ref)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	slices.Sort(out)
	return out, nil
}
