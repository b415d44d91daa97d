package engine

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"sync"

	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// observed are drivers that read each thing once: a refresh of a cluster with ten resources in Terraform's state costs as
// many calls as one of the whole. They change nothing.
type observed struct {
	drivers planner.Drivers

	mu    sync.Mutex
	reads map[[sha256.Size]byte]*reading
}

// reading is one answer; whoever asks while it is on its way waits for it.
type reading struct {
	done     chan struct{}
	found    []resource.Observation
	recovery []resource.Recovery
	err      error
}

func newObserved(d planner.Drivers) *observed {
	return &observed{drivers: d, reads: map[[sha256.Size]byte]*reading{}}
}

// Driver implements planner.Drivers.
func (o *observed) Driver(region string, kind resource.Kind) (resource.Driver, error) {
	d, err := o.drivers.Driver(region, kind)
	if err != nil {
		return nil, err
	}
	return &observedDriver{Driver: d, observed: o, region: region, kind: kind}, nil
}

// forget makes the next reads ask again, after a change.
func (o *observed) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.reads)
}

type observedDriver struct {
	resource.Driver
	observed *observed
	region   string
	kind     resource.Kind
}

// Read implements resource.Driver.
func (d *observedDriver) Read(ctx context.Context, rt resource.Runtime, uids []string, recorded []*resource.Record) ([]resource.Observation, error) {
	r := d.once(struct {
		Verb    string
		UIDs    []string
		Records []*resource.Record
	}{"read", uids, recorded}, func(r *reading) { r.found, r.err = d.Driver.Read(ctx, rt, uids, recorded) })
	return r.found, r.err
}

// Recover implements resource.Driver.
func (d *observedDriver) Recover(ctx context.Context, rt resource.Runtime, intents []resource.Intent) ([]resource.Recovery, error) {
	r := d.once(struct {
		Verb    string
		Intents []resource.Intent
	}{"recover", intents}, func(r *reading) { r.recovery, r.err = d.Driver.Recover(ctx, rt, intents) })
	return r.recovery, r.err
}

// once asks a question that was not asked before. An error is not remembered.
func (d *observedDriver) once(question any, ask func(*reading)) *reading {
	text, err := json.Marshal([]any{d.region, d.kind, question})
	if err != nil {
		r := &reading{}
		ask(r)
		return r
	}
	key := sha256.Sum256(text)
	o := d.observed
	o.mu.Lock()
	r, asked := o.reads[key]
	if !asked {
		r = &reading{done: make(chan struct{})}
		o.reads[key] = r
	}
	o.mu.Unlock()
	if asked {
		<-r.done
		return r
	}
	ask(r)
	if r.err != nil {
		o.mu.Lock()
		delete(o.reads, key)
		o.mu.Unlock()
	}
	close(r.done)
	return r
}
