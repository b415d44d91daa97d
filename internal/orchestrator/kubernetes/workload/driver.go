package workload

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// Bounds of waiting.
const (
	// patience is how long a change waits for an API that does not answer.
	patience = 3 * time.Minute
	// callTimeout bounds one request.
	callTimeout = 30 * time.Second
	// readTimeout bounds a look at one cluster, so that a plan does not hang on one that is down.
	readTimeout = 15 * time.Second
	// deleteTimeout is how long the objects of one block may take to go, beyond their pods' grace.
	deleteTimeout = 5 * time.Minute
	// readyTimeout is how long a manifest may take to be ready.
	readyTimeout = 10 * time.Minute
)

// Driver is the resource.Driver of workloads and manifests on Kubernetes. It is made for one run.
type Driver struct {
	connector orchestrator.Connector
	bounds    bounds
	calls     chan struct{} // places for requests of changes

	mu   sync.Mutex
	apis map[orchestrator.Client]*api
}

var _ resource.Driver = (*Driver)(nil)

// bounds are the constants above, smaller in tests.
type bounds struct{ patience, delete, ready, poll time.Duration }

// soonFor is how long what is waited for may be there any moment.
const soonFor = 30 * time.Second

// next is the pause after another: what comes soon is seen at once, and what takes long is not asked for all the time.
func (b bounds) next(pause time.Duration, began time.Time) time.Duration {
	if time.Since(began) < soonFor {
		return min(2*pause, b.poll)
	}
	return min(2*pause, 3*b.poll)
}

// New makes a driver that finds clusters with the connector.
func New(connector orchestrator.Connector) *Driver {
	return &Driver{
		connector: connector, apis: map[orchestrator.Client]*api{}, calls: make(chan struct{}, 16),
		bounds: bounds{patience: patience, delete: deleteTimeout, ready: readyTimeout, poll: time.Second},
	}
}

// Apply carries changes out, side by side.
func (d *Driver) Apply(ctx context.Context, rt resource.Runtime, batch []resource.Change, report func(int, resource.Result)) {
	intents := make([]resource.Intent, 0, len(batch))
	for _, c := range batch {
		if !c.Ending {
			intents = append(intents, intentOf(rt, c))
		}
	}
	err := ctx.Err()
	if err == nil && len(intents) > 0 {
		err = rt.Intend(ctx, intents...)
	}
	if err != nil {
		for i, c := range batch {
			report(i, resource.Result{Record: c.Before, Err: err})
		}
		return
	}
	var wg sync.WaitGroup
	for i, c := range batch {
		wg.Go(func() { report(i, d.change(ctx, rt, c)) })
	}
	wg.Wait()
}

func (d *Driver) change(ctx context.Context, rt resource.Runtime, c resource.Change) resource.Result {
	switch {
	case c.Operation == resource.Delete && c.Ending:
		return resource.Result{} // it goes with its nodes
	case c.Operation == resource.Delete:
		return d.remove(ctx, rt, c)
	case c.Operation == resource.Create, c.Operation == resource.Update:
		return d.apply(ctx, rt, c)
	default:
		return resource.Result{Record: c.Before, Err: fmt.Errorf("%s: operation %q is unknown", c.Address(), c.Operation)}
	}
}

// intentOf tells a recovery which objects to look for.
func intentOf(rt resource.Runtime, c resource.Change) resource.Intent {
	in := resource.Intent{
		Operation: c.Operation, Addresses: []resource.Address{c.Address()}, Token: c.Token, Generation: c.Generation, At: time.Now(),
	}
	if c.Before != nil {
		in.Kind, in.UID, in.Region, in.IDs = c.Before.Kind, c.Before.UID, c.Before.Region, []string{c.Before.ID}
	}
	if c.After == nil {
		return in
	}
	in.Kind, in.UID, in.Region = c.After.Kind, c.After.UID, c.After.Region
	detail := describe(c.After.Spec)
	detail["cluster"] = string(c.After.Cluster)
	if w, ok := c.After.Spec.(*resource.Workload); ok {
		if objects, err := contentOf(rt, w.Content); err == nil {
			keys := map[string]bool{}
			for _, u := range objects {
				keys[keyOf(u)] = true
			}
			detail["objects"] = strings.Join(slices.Sorted(maps.Keys(keys)), " ")
		}
	}
	in.Detail = detail
	return in
}

// finish is the outcome of a change of an object that exists.
func finish(rec *resource.Record, err error) resource.Result {
	rec.UpdatedAt = time.Now()
	rec.Incomplete, rec.LastError = err != nil, ""
	if err != nil {
		rec.LastError = err.Error()
	}
	return resource.Result{Record: rec, Err: err}
}

// recordOf is the record of a change's object.
func recordOf(c resource.Change) *resource.Record {
	rec := &resource.Record{Generation: c.Generation}
	if c.Before != nil {
		rec = new(*c.Before)
	}
	rec.Object = *c.After
	rec.Spec = resource.Clone(c.After.Spec)
	rec.ID = idOf(&rec.Object)
	return rec
}
