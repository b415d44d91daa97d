package workload_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator/swarm"
	"github.com/clusterform/clusterform/internal/orchestrator/swarm/workload"
	"github.com/clusterform/clusterform/planner/resource"
)

// run is a resource.Runtime that keeps records and content in memory, as a run of the engine does on disk.
type run struct {
	t       *testing.T
	mu      sync.Mutex
	records map[resource.Address]*resource.Record
	blobs   map[string][]byte
	intents []resource.Intent
	said    []string
	// launchedOnly is -wait=launched.
	launchedOnly bool
}

func newRun(t *testing.T) *run {
	return &run{t: t, records: map[resource.Address]*resource.Record{}, blobs: map[string][]byte{}}
}

func (r *run) ID(ref resource.Ref) (string, bool)                    { return string(ref), true }
func (r *run) Ref(_ resource.Kind, id string) resource.Ref           { return resource.Ref(id) }
func (r *run) Checkpoint(context.Context, ...*resource.Record) error { return nil }
func (r *run) WaitLaunched() bool                                    { return r.launchedOnly }

func (r *run) Record(a resource.Address) (*resource.Record, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec, ok := r.records[a]
	return rec, ok
}

func (r *run) Blob(digest string) ([]byte, bool) {
	data, ok := r.blobs[digest]
	return data, ok
}

func (r *run) Intend(_ context.Context, intents ...resource.Intent) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.intents = append(r.intents, intents...)
	return nil
}

func (r *run) Progress(a resource.Address, _ resource.Phase, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, text)
	r.t.Logf("%s: %s", a, text)
}

// saidThat says whether a line of progress held a text.
func (r *run) saidThat(text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Contains(strings.Join(r.said, "\n"), text)
}

// evaluate reads a configuration and returns its cluster and its workloads.
func evaluate(t *testing.T, text string) (*hclconfig.Cluster, map[string]*hclconfig.Workload) {
	t.Helper()
	sources := hclconfig.Sources{Files: []hclconfig.SourceFile{{Path: "main.cluster.hcl", Kind: hclconfig.SourceConfig, Data: []byte(text)}}}
	cfg, diags := hclconfig.Load("/nowhere", hclconfig.Options{Snapshot: &sources, Now: time.Unix(0, 0)})
	d, more := cfg.Evaluate(nil)
	if err := append(diags, more...).Err(); err != nil {
		t.Fatal(err)
	}
	out := map[string]*hclconfig.Workload{}
	for _, w := range d.Workloads {
		if err := swarm.CheckWorkload(w, nil).Err(); err != nil {
			t.Fatal(err)
		}
		out[string(w.Address)] = w
	}
	return d.Clusters[0], out
}

var key = []byte("a key of the test")

// change plans a workload against what is recorded of it.
func (r *run) change(text, address string) resource.Change {
	r.t.Helper()
	c, workloads := evaluate(r.t, text)
	w := workloads[address]
	if w == nil {
		r.t.Fatalf("there is no %s", address)
	}
	spec, content, err := swarm.Workload(c, w, key)
	if err != nil {
		r.t.Fatal(err)
	}
	r.blobs[content.Digest] = content.Data
	out := resource.Change{Operation: resource.Create, Generation: 1, After: &resource.Object{
		Address: resource.Address(address), Kind: resource.KindWorkload, Cluster: "cluster.prod", UID: "u1", Region: "us-east-1", Spec: spec,
	}}
	if before := r.records[out.After.Address]; before != nil {
		out.Operation, out.Before = resource.Update, before
	}
	return out
}

// apply carries changes out and records what came of them; the error is the last.
func (r *run) apply(ctx context.Context, d *workload.Driver, changes ...resource.Change) error {
	r.t.Helper()
	var last error
	var mu sync.Mutex
	d.Apply(ctx, r, changes, func(i int, result resource.Result) {
		mu.Lock()
		defer mu.Unlock()
		r.mu.Lock()
		defer r.mu.Unlock()
		a := changes[i].Address()
		if result.Record == nil {
			delete(r.records, a)
		} else {
			r.records[a] = result.Record
		}
		if result.Err != nil {
			last = result.Err
		}
	})
	return last
}

// drift lists the fields of a workload that are not as recorded.
func (r *run) drift(ctx context.Context, d *workload.Driver, address string) []resource.FieldChange {
	r.t.Helper()
	rec := r.records[resource.Address(address)]
	got, err := d.Read(ctx, r, nil, []*resource.Record{rec})
	if err != nil || len(got) != 1 || got[0].Err != nil || got[0].Object == nil {
		r.t.Fatalf("%v %+v", err, got)
	}
	return resource.DiffObserved(rec.Spec, got[0].Object.Spec)
}
