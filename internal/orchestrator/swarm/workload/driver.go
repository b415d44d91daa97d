package workload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	docker "github.com/moby/moby/client"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/swarm/client"
	"github.com/clusterform/clusterform/planner/resource"
)

// atOnce is how many workloads are changed at the same time: most of it is waiting.
const atOnce = 16

// Driver makes services of workloads.
type Driver struct {
	connector orchestrator.Connector
	poll      time.Duration // how often a rollout is looked at
	settle    time.Duration // how long the Swarm may take to begin with an update
	reach     time.Duration // how long to wait for managers that do not answer
	crowded   time.Duration // how long tasks may lack a node with a free port while no node comes
}

var _ resource.Driver = (*Driver)(nil)

// New makes a driver that gets its clients from a connector.
func New(c orchestrator.Connector) *Driver {
	return &Driver{connector: c, poll: 500 * time.Millisecond, settle: 1500 * time.Millisecond, reach: reachBound, crowded: crowdedBound}
}

// API is what the driver needs of a Swarm's client; *client.Client is one.
type API interface {
	// Do runs work against a manager, once more at another when that one is lost.
	Do(ctx context.Context, work func(ctx context.Context, api *docker.Client) error) error
	Members(ctx context.Context) ([]orchestrator.Member, error)
}

var _ API = (*client.Client)(nil)

// comers is a connector that knows whether nodes are on their way.
type comers interface {
	NodesComing(rt resource.Runtime, cluster resource.Address) bool
}

// launchedOnly says that the cluster's nodes were launched and not waited for: then nobody is called.
func launchedOnly(rt resource.Runtime, cluster resource.Address) bool {
	if !rt.WaitLaunched() {
		return false
	}
	const most = 7 // a control plane has at most so many
	for i := range most {
		if rec, ok := rt.Record(resource.Address(fmt.Sprintf("%s.control_plane[%d]", cluster, i))); ok && rec.Phase == resource.PhaseReady {
			return false
		}
	}
	return true
}

func (d *Driver) api(ctx context.Context, rt resource.Runtime, cluster resource.Address) (API, error) {
	c, err := d.connector.Client(ctx, rt, cluster)
	if err != nil {
		return nil, err
	}
	api, ok := c.(API)
	if !ok {
		return nil, fmt.Errorf("%s is not a Docker Swarm", cluster)
	}
	return api, nil
}

// Apply announces all changes with one commit and carries each out by itself.
func (d *Driver) Apply(ctx context.Context, rt resource.Runtime, batch []resource.Change, report func(int, resource.Result)) {
	intents := make([]resource.Intent, 0, len(batch))
	for _, c := range batch {
		intents = append(intents, intentOf(c))
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
	var wg sync.WaitGroup
	tickets := make(chan struct{}, atOnce)
	for i, c := range batch {
		tickets <- struct{}{}
		wg.Go(func() {
			defer func() { <-tickets }()
			report(i, d.change(ctx, rt, c))
		})
	}
	wg.Wait()
}

func (d *Driver) change(ctx context.Context, rt resource.Runtime, c resource.Change) resource.Result {
	switch c.Operation {
	case resource.Create, resource.Update:
		return d.put(ctx, rt, c)
	case resource.Delete:
		return d.delete(ctx, rt, c)
	default:
		return resource.Result{Record: c.Before, Err: fmt.Errorf("%s: operation %q is unknown", c.Address(), c.Operation)}
	}
}

func intentOf(c resource.Change) resource.Intent {
	in := resource.Intent{
		Operation: c.Operation, Kind: resource.KindWorkload, Addresses: []resource.Address{c.Address()}, Token: c.Token,
		Generation: c.Generation, At: time.Now(),
	}
	o := c.After
	if c.Before != nil {
		o, in.IDs = &c.Before.Object, []string{c.Before.ID}
	}
	in.UID, in.Region = o.UID, o.Region
	if w, ok := o.Spec.(*resource.Workload); ok {
		in.Detail = map[string]string{detailService: inStack(w.Namespace, w.Name), detailCluster: string(o.Cluster)}
	}
	return in
}

// The details of an intent.
const (
	detailService = "service"
	detailCluster = "cluster"
)

// outcome is the result of a change of a workload of which something exists.
func outcome(rec *resource.Record, err error) resource.Result {
	rec.UpdatedAt = time.Now()
	if err == nil {
		rec.Incomplete, rec.LastError = false, ""
		return resource.Result{Record: rec}
	}
	err = describe(err, rec.Address, rec.ID)
	rec.Incomplete, rec.LastError = true, err.Error()
	return resource.Result{Record: rec, Err: err}
}

// describe makes any error one on an object.
func describe(err error, a resource.Address, id string) error {
	if e, ok := errors.AsType[*resource.Error](err); ok {
		return e
	}
	e := &resource.Error{Address: a, ID: id, Message: err.Error(), Err: err}
	if errors.Is(err, orchestrator.ErrUnreachable) {
		e.Hint = "Run the same command again when it does"
	}
	return e
}

// sortedUnion is what is in either list, once each.
func sortedUnion(a, b []string) []string {
	out := slices.Concat(a, b)
	slices.Sort(out)
	return slices.Compact(out)
}
