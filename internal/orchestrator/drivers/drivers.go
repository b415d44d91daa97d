package drivers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/clusterform/clusterform/internal/aws"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// Cloud is what is asked of the cloud, see AWS.
type Cloud interface {
	planner.Drivers
	Parameters(region, uid string) orchestrator.Parameters
	// Console is what an instance wrote to its console last.
	Console(ctx context.Context, region, instance string) (string, error)
	// Machines lists the live instances of a pool.
	Machines(ctx context.Context, region, uid string, pool resource.Address) ([]aws.Machine, error)
	// Impaired are the instances that fail their status checks, with the time since when.
	Impaired(ctx context.Context, region string) (map[string]time.Time, error)
	BalancerAddresses(ctx context.Context, region, arn string) ([]string, error)
}

// AWS is an aws.Cloud as a Cloud.
func AWS(c *aws.Cloud) Cloud { return awsCloud{c} }

type awsCloud struct{ *aws.Cloud }

func (c awsCloud) Parameters(region, uid string) orchestrator.Parameters {
	return c.Cloud.Parameters(region, uid)
}

// Options configure Drivers.
type Options struct {
	Cloud Cloud
	// Orchestrators are those that can be reached, by their name in the configuration ("kubernetes", "swarm"). Nodes of
	// others are instances and nothing more.
	Orchestrators map[string]orchestrator.Orchestrator
	// Workloads make the drivers of workloads and manifests, by the same names.
	Workloads map[string]func(orchestrator.Connector) resource.Driver
	// Launched says that no API is to be dialed (-wait=launched) where there is no run to ask: while planning.
	Launched bool
	// Now is the clock of certificates and reports; default time.Now.
	Now func() time.Time
	// JoinTimeout is how long a node has to become ready where its pool does not say; default 15 minutes.
	JoinTimeout time.Duration
	// DrainTimeout is how long work has to move away where the pool does not say; default 10 minutes.
	DrainTimeout time.Duration
	// ReadTimeout bounds what a plan asks an API for; default 5 seconds.
	ReadTimeout time.Duration
	// ReachTimeout is how long an API may stay silent before a node is not drained because of it; default 1 minute.
	ReachTimeout time.Duration
	// UnwellAfter is how long a node may be not ready before it counts as lost; default 2 minutes.
	UnwellAfter time.Duration
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.JoinTimeout = cmp.Or(o.JoinTimeout, 15*time.Minute)
	o.DrainTimeout = cmp.Or(o.DrainTimeout, 10*time.Minute)
	o.ReadTimeout = cmp.Or(o.ReadTimeout, 5*time.Second)
	o.ReachTimeout = cmp.Or(o.ReachTimeout, time.Minute)
	o.UnwellAfter = cmp.Or(o.UnwellAfter, 2*time.Minute)
	return o
}

// Drivers finds the driver of every kind. It keeps one client for each cluster, for as long as one command runs. It is safe
// for concurrent use.
type Drivers struct {
	opts Options

	mu        sync.Mutex
	clusters  map[string]*cluster        // by UID
	workloads map[string]resource.Driver // by orchestrator
}

var (
	_ planner.Drivers        = (*Drivers)(nil)
	_ orchestrator.Connector = (*Drivers)(nil)
)

// New returns Drivers. It calls nobody.
func New(opts Options) *Drivers {
	return &Drivers{opts: opts.withDefaults(), clusters: map[string]*cluster{}, workloads: map[string]resource.Driver{}}
}

// Driver implements planner.Drivers.
func (d *Drivers) Driver(region string, kind resource.Kind) (resource.Driver, error) {
	switch kind {
	case resource.KindNode:
		inner, err := d.opts.Cloud.Driver(region, kind)
		if err != nil {
			return nil, err
		}
		return &nodeDriver{Drivers: d, region: region, inner: inner}, nil
	case resource.KindCredentials:
		return &credentialsDriver{Drivers: d, region: region}, nil
	case resource.KindWorkload, resource.KindManifest:
		return &workloadDriver{Drivers: d, region: region, kind: kind}, nil
	case resource.KindElasticIPAssociation, resource.KindLoadBalancerTarget:
		inner, err := d.opts.Cloud.Driver(region, kind)
		if err != nil {
			return nil, err
		}
		return &routeDriver{Driver: inner, drivers: d}, nil
	}
	return d.opts.Cloud.Driver(region, kind)
}

// Close ends the clients' connections.
func (d *Drivers) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for _, c := range d.clusters {
		errs = append(errs, c.close())
	}
	d.clusters = map[string]*cluster{}
	return errors.Join(errs...)
}

// orchestratorOf finds the code for a name.
func (d *Drivers) orchestratorOf(name string) (orchestrator.Orchestrator, error) {
	o, ok := d.opts.Orchestrators[name]
	if !ok {
		return nil, fmt.Errorf("this version has no support for the orchestrator %q", name)
	}
	return o, nil
}
