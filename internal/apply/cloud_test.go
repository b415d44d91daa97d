package apply_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/clusterform/clusterform/planner/resource"
)

// cloud is a cloud in memory, with the drivers of all kinds. It makes objects, loses answers and takes its time as told.
type cloud struct {
	// delay is how long a change takes; nil is no time.
	delay func(c resource.Change) time.Duration
	// fault is asked before each change.
	fault func(c resource.Change) fault
	// before is called before a change starts, with the runtime.
	before func(c resource.Change, rt resource.Runtime)
	// keepsRecord: a driver that could not start an update reports the record as it is.
	keepsRecord bool

	mu            sync.Mutex
	objects       map[string]thing // by id
	next          int
	active, peak  int // batches
	inBatch       int // the largest batch
	batches       []string
	started, done []string // "create cluster.a.vpc"
	updates       map[string][]resource.FieldChange
	reads         int
	adopted       []string
}

// thing is one object that exists.
type thing struct {
	address resource.Address
	kind    resource.Kind
	token   string
	spec    resource.Spec
}

// fault is what goes wrong with a change.
type fault int

const (
	none      fault = iota
	refused         // the service says no: nothing is made
	lost            // it is done, and the answer is lost
	half            // it is done, and not as wanted
	panics          // the driver panics
	silent          // the driver forgets to report
	twice           // the driver reports twice
	withoutID       // success without an object
	dies            // a launched node is gone again
)

func newCloud() *cloud {
	return &cloud{objects: map[string]thing{}, updates: map[string][]resource.FieldChange{}}
}

func (c *cloud) Driver(region string, kind resource.Kind) (resource.Driver, error) {
	if region != testRegion {
		return nil, fmt.Errorf("no such region %q", region)
	}
	return driver{c, kind}, nil
}

// seed puts an object there, and returns its record.
func (c *cloud) seed(rec *resource.Record) *resource.Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	rec.ID = fmt.Sprintf("%s-%d", rec.Kind, c.next)
	c.objects[rec.ID] = thing{address: rec.Address, kind: rec.Kind, spec: rec.Spec}
	return rec
}

func (c *cloud) ids() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for id := range c.objects {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

func (c *cloud) doneSteps() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.done)
}

type driver struct {
	cloud *cloud
	kind  resource.Kind
}

func name(c resource.Change) string { return string(c.Operation) + " " + string(c.Address()) }

func (d driver) Apply(ctx context.Context, rt resource.Runtime, batch []resource.Change, report func(int, resource.Result)) {
	c := d.cloud
	c.mu.Lock()
	c.active++
	c.peak = max(c.peak, c.active)
	c.inBatch = max(c.inBatch, len(batch))
	c.batches = append(c.batches, fmt.Sprintf("%s %s ×%d", batch[0].Operation, d.kind, len(batch)))
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.active--
		c.mu.Unlock()
	}()
	for _, change := range batch {
		if c.fault != nil && c.fault(change) == panics {
			panic("boom")
		}
	}
	var wg sync.WaitGroup
	for i, change := range batch {
		wg.Go(func() { d.one(ctx, rt, change, func(r resource.Result) { report(i, r) }) })
	}
	wg.Wait()
}

func (d driver) one(ctx context.Context, rt resource.Runtime, ch resource.Change, report func(resource.Result)) {
	c := d.cloud
	c.mu.Lock()
	c.started = append(c.started, name(ch))
	c.mu.Unlock()
	if c.before != nil {
		c.before(ch, rt)
	}
	in := resource.Intent{
		Operation: ch.Operation, Kind: d.kind, Region: testRegion, Addresses: []resource.Address{ch.Address()}, Token: ch.Token, Generation: ch.Generation,
	}
	if ch.Before != nil {
		in.UID, in.IDs = ch.Before.UID, []string{ch.Before.ID}
	} else {
		in.UID = ch.After.UID
	}
	for _, open := range ch.Adopt {
		if rec := c.adopt(open, ch); rec != nil {
			report(resource.Result{Record: rec})
			return
		}
	}
	if err := rt.Intend(ctx, in); err != nil {
		res := resource.Result{Err: err}
		if c.keepsRecord {
			res.Record = ch.Before
		}
		report(res)
		return
	}
	f := none
	if c.fault != nil {
		f = c.fault(ch)
	}
	if c.delay != nil {
		select {
		case <-time.After(c.delay(ch)):
		case <-ctx.Done():
			report(resource.Result{Err: ctx.Err()})
			return
		}
	}
	c.carryOut(ctx, rt, ch, d.kind, f, report)
}

// adopt looks an earlier launch up by its token.
func (c *cloud) adopt(in resource.Intent, ch resource.Change) *resource.Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, t := range c.objects {
		if t.token == in.Token && in.Token != "" {
			c.adopted = append(c.adopted, id)
			c.done = append(c.done, name(ch))
			o := *ch.After
			o.ID = id
			return &resource.Record{Object: o}
		}
	}
	return nil
}

func (c *cloud) carryOut(ctx context.Context, rt resource.Runtime, ch resource.Change, kind resource.Kind, f fault, report func(resource.Result)) {
	res := resource.Result{}
	switch f {
	case refused:
		report(resource.Result{Err: &resource.Error{Op: "ec2:Do", Code: "UnauthorizedOperation", Address: ch.Address(), Message: "not \x1b[31mallowed", Hint: "Ask for it."}})
		return
	case silent:
		return
	case withoutID:
		report(res)
		return
	}
	c.mu.Lock()
	switch ch.Operation {
	case resource.Create:
		c.next++
		id := fmt.Sprintf("%s-%d", kind, c.next)
		c.objects[id] = thing{address: ch.Address(), kind: kind, token: ch.Token, spec: ch.After.Spec}
		o := *ch.After
		o.ID = id
		res.Record = &resource.Record{Object: o}
	case resource.Update:
		t := c.objects[ch.Before.ID]
		t.spec = ch.After.Spec
		c.objects[ch.Before.ID] = t
		c.updates[string(ch.Address())] = ch.Fields
		o := *ch.After
		o.ID = ch.Before.ID
		res.Record = &resource.Record{Object: o}
	case resource.Delete:
		delete(c.objects, ch.Before.ID)
	}
	c.mu.Unlock()
	if kind == resource.KindNode && ch.Operation == resource.Create {
		rec := *res.Record
		rec.Phase = resource.PhaseLaunching
		if err := rt.Checkpoint(ctx, &rec); err != nil {
			report(resource.Result{Err: err})
			return
		}
		res.Record.Phase = resource.PhaseReady
	}
	switch f {
	case lost:
		report(resource.Result{Err: errors.New("connection reset by peer")})
		return
	case half:
		res.Err = &resource.Error{Op: "ec2:Half", Code: "IncorrectState", Address: ch.Address(), Message: "only half done"}
	case dies:
		c.mu.Lock()
		delete(c.objects, res.Record.ID)
		c.mu.Unlock()
		report(resource.Result{Err: &resource.Error{Op: "ec2:RunInstances", Code: "Server.InternalError", Address: ch.Address(), Message: "terminated"}})
		return
	}
	c.mu.Lock()
	if res.Err == nil {
		c.done = append(c.done, name(ch))
	}
	c.mu.Unlock()
	report(res)
	if f == twice {
		report(resource.Result{Err: errors.New("again")})
	}
}

func (d driver) Read(_ context.Context, rt resource.Runtime, _ []string, recorded []*resource.Record) ([]resource.Observation, error) {
	c := d.cloud
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads++
	var out []resource.Observation
	for _, r := range recorded {
		t, ok := c.objects[r.ID]
		if !ok {
			out = append(out, resource.Observation{Address: r.Address, ID: r.ID, Status: resource.Gone, Reason: "terminated by somebody"})
			continue
		}
		if strings.Contains(string(r.Address), "unreadable") {
			out = append(out, resource.Observation{Address: r.Address, ID: r.ID, Status: resource.Unread, Err: errors.New("throttled")})
			continue
		}
		o := r.Object
		o.Spec = t.spec
		if g, ok := t.spec.(*resource.InternetGateway); ok && !resource.IsAddress(g.VPC) { // seen with the VPC's id
			o.Spec = &resource.InternetGateway{VPC: rt.Ref(resource.KindVPC, string(g.VPC)), Tags: g.Tags}
		}
		out = append(out, resource.Observation{Address: r.Address, ID: r.ID, Status: resource.Present, Object: &o})
	}
	return out, nil
}

func (d driver) Recover(context.Context, resource.Runtime, []resource.Intent) ([]resource.Recovery, error) {
	return nil, errors.New("not used by apply")
}
