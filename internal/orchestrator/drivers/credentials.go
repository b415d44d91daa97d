package drivers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/clusterform/clusterform/planner/resource"
)

// credentialsDriver makes a cluster's secrets in the Parameter Store, once: what is there is never written over, because
// nodes trust it. Their values stay in this process no longer than the call.
type credentialsDriver struct {
	*Drivers
	region string
}

const (
	detailOrchestrator = "orchestrator"
	detailCluster      = "cluster"
)

// Apply makes, completes and removes credentials.
func (d *credentialsDriver) Apply(ctx context.Context, rt resource.Runtime, batch []resource.Change, report func(int, resource.Result)) {
	var wg sync.WaitGroup
	for i, ch := range batch {
		wg.Go(func() {
			switch ch.Operation {
			case resource.Create, resource.Update:
				report(i, d.make(ctx, rt, ch))
			case resource.Delete:
				report(i, d.remove(ctx, rt, ch))
			default:
				report(i, resource.Result{Record: ch.Before, Err: fmt.Errorf("%s: operation %q is unknown", ch.Address(), ch.Operation)})
			}
		})
	}
	wg.Wait()
}

func credentialsOf(s resource.Spec) *resource.Credentials {
	if c, ok := s.(*resource.Credentials); ok {
		return c
	}
	return &resource.Credentials{}
}

func (d *credentialsDriver) intend(ctx context.Context, rt resource.Runtime, ch resource.Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o := objectOf(ch)
	return rt.Intend(ctx, resource.Intent{
		Operation: ch.Operation, Kind: resource.KindCredentials, UID: o.UID, Region: d.region, Addresses: []resource.Address{o.Address},
		IDs: []string{pathOf(o)}, Token: ch.Token, Generation: ch.Generation, At: d.opts.Now(),
		Detail: map[string]string{detailOrchestrator: credentialsOf(o.Spec).Orchestrator, detailCluster: string(o.Cluster)},
	})
}

func pathOf(o *resource.Object) string { return "/clusterform/" + o.UID }

// make creates what is missing. Credentials of a cluster whose API has answered are only completed by what follows from the
// others: a new authority would be one that no node trusts.
func (d *credentialsDriver) make(ctx context.Context, rt resource.Runtime, ch resource.Change) resource.Result {
	o := *ch.After
	spec := resource.Clone(credentialsOf(o.Spec))
	o.ID, o.Spec = pathOf(&o), spec
	spec.Path = o.ID
	if err := d.intend(ctx, rt, ch); err != nil {
		return resource.Result{Record: ch.Before, Err: err}
	}
	rec := &resource.Record{Object: o, Generation: ch.Generation, Incomplete: true, LastError: "interrupted while it was being made", UpdatedAt: d.opts.Now()}
	if err := rt.Checkpoint(ctx, new(*rec)); err != nil {
		return resource.Result{Record: rec, Err: err}
	}
	err := d.fill(ctx, &o, spec)
	rec.UpdatedAt = d.opts.Now()
	if err != nil {
		err = credentialsError(&o, err)
		rec.LastError = err.Error()
		return resource.Result{Record: rec, Err: err}
	}
	rec.Incomplete, rec.LastError = false, ""
	return resource.Result{Record: rec}
}

func credentialsError(o *resource.Object, err error) error {
	if e, ok := errors.AsType[*resource.Error](err); ok {
		e = new(*e)
		e.Address = o.Address
		return e
	}
	return &resource.Error{Address: o.Address, ID: o.ID, Message: printable(err.Error()), Err: err}
}

func (d *credentialsDriver) fill(ctx context.Context, o *resource.Object, spec *resource.Credentials) error {
	software, err := d.orchestratorOf(spec.Orchestrator)
	if err != nil {
		return err
	}
	p := d.opts.Cloud.Parameters(o.Region, o.UID)
	fresh, err := software.Credentials(d.opts.Now())
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(fresh))
	there, err := p.Get(ctx, append(slices.Clone(names), parameterInitialised)...)
	if err != nil {
		return err
	}
	if there[parameterInitialised] == "" {
		ours := true
		for _, name := range names {
			if _, ok := there[name]; ok {
				continue
			}
			made, err := p.Create(ctx, name, fresh[name])
			if err != nil {
				return err
			}
			there[name] = fresh[name]
			ours = ours && made
		}
		// What counts is what is there: another run may have been faster.
		if !ours {
			if there, err = p.Get(ctx, names...); err != nil {
				return err
			}
		}
	}
	delete(there, parameterInitialised)
	ca, expires, derived, err := software.Describe(there)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(derived)) {
		if err := p.Put(ctx, name, derived[name]); err != nil {
			return err
		}
		there[name] = derived[name]
	}
	spec.Parameters, spec.CA, spec.ExpiresAt = slices.Sorted(maps.Keys(there)), ca, expires.UTC()
	return nil
}

// removeRounds is how often what was listed is removed: nodes and other commands may still write.
const removeRounds = 3

// remove deletes everything below the cluster's path.
func (d *credentialsDriver) remove(ctx context.Context, rt resource.Runtime, ch resource.Change) resource.Result {
	rec := ch.Before
	if err := d.intend(ctx, rt, ch); err != nil {
		return resource.Result{Record: rec, Err: err}
	}
	p := d.opts.Cloud.Parameters(rec.Region, rec.UID)
	for round := 0; ; round++ {
		names, err := p.List(ctx)
		if err == nil && len(names) == 0 {
			d.forget(rec.UID)
			return resource.Result{}
		}
		if err == nil && round == removeRounds {
			err = &resource.Error{ID: rec.ID, Message: fmt.Sprintf("parameters appear again while they are being removed (%s)", strings.Join(names, ", ")), Hint: "Find out who writes them, and run the same command again"}
		}
		if err == nil {
			err = p.Delete(ctx, names...)
		}
		if err != nil {
			return resource.Result{Record: rec, Err: credentialsError(&rec.Object, err)}
		}
	}
}

func (d *Drivers) forget(uid string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.clusters[uid]; c != nil {
		_ = c.close()
		delete(d.clusters, uid)
	}
}

// Read lists names; no value is decrypted. Missing ones are told as not well, all missing as gone.
func (d *credentialsDriver) Read(ctx context.Context, _ resource.Runtime, _ []string, recorded []*resource.Record) ([]resource.Observation, error) {
	out := make([]resource.Observation, len(recorded))
	inParallel(len(recorded), func(i int) { out[i] = d.observe(ctx, recorded[i]) })
	return out, nil
}

func (d *credentialsDriver) observe(ctx context.Context, rec *resource.Record) resource.Observation {
	o := resource.Observation{Address: rec.Address, ID: rec.ID, Status: resource.Present}
	names, err := d.opts.Cloud.Parameters(rec.Region, rec.UID).List(ctx)
	if err != nil {
		o.Status, o.Err = resource.Unread, err
		return o
	}
	spec := resource.Clone(credentialsOf(rec.Spec))
	var missing []string
	for _, name := range spec.Parameters {
		if !slices.Contains(names, name) {
			missing = append(missing, name)
		}
	}
	if len(names) == 0 && (len(spec.Parameters) > 0 || d.opts.Now().Sub(rec.UpdatedAt) > time.Minute) {
		o.Status, o.Reason = resource.Gone, "its parameters below "+rec.ID+" were deleted outside clusterform"
		return o
	}
	obj := rec.Object
	obj.Spec = spec
	o.Object = &obj
	if len(missing) > 0 {
		o.Reason = "parameters were deleted outside clusterform: " + strings.Join(missing, ", ")
	}
	return o
}

// Recover looks at what there is: making is idempotent, so it is only told whether there is something to take up.
func (d *credentialsDriver) Recover(ctx context.Context, _ resource.Runtime, intents []resource.Intent) ([]resource.Recovery, error) {
	out := make([]resource.Recovery, 0, len(intents))
	for _, in := range intents {
		r := resource.Recovery{Intent: in, Status: resource.Gone, Found: map[resource.Address]*resource.Object{}}
		names, err := d.opts.Cloud.Parameters(in.Region, in.UID).List(ctx)
		switch {
		case err != nil:
			return nil, err
		case len(names) > 0 && len(in.Addresses) > 0:
			o := &resource.Object{
				Address: in.Addresses[0], Kind: resource.KindCredentials, Cluster: resource.Address(in.Detail[detailCluster]), UID: in.UID, Region: in.Region,
			}
			o.ID = pathOf(o)
			o.Spec = &resource.Credentials{Orchestrator: in.Detail[detailOrchestrator], Path: o.ID}
			r.Status, r.Found[o.Address] = resource.Present, o
		}
		out = append(out, r)
	}
	return out, nil
}

var (
	_ resource.Driver = (*credentialsDriver)(nil)
	_ resource.Driver = (*nodeDriver)(nil)
	_ resource.Driver = (*workloadDriver)(nil)
)
