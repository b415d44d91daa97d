package drivers

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// cluster is what one command knows of one cluster.
type cluster struct {
	*Drivers
	address           resource.Address
	uid, region       string
	orchestrator      orchestrator.Orchestrator
	parameters        orchestrator.Parameters
	controlPlane      turn // held while a member of the control plane is taken out: one after another
	waves             waves
	launches          launchAdmissions
	endpoints         endpoints
	offs              offs
	mu                sync.Mutex // guards what follows
	client            orchestrator.Client
	hosts             string
	old               []orchestrator.Client
	balancer          map[string][]string // addresses by ARN
	balancerLookedAt  time.Time
	poolSettings      map[string]string // what was written, by parameter
	initialisedCached bool
	uninitialisedAt   time.Time // when it was found not to be initialised
	reachedOnce       bool      // the API, by this command
}

// recorded is the part of a resource.Runtime that finding a cluster needs; a snapshot has it, too.
type recorded interface {
	Record(resource.Address) (*resource.Record, bool)
}

// clusterOf finds the cluster that an object belongs to. It is nil where the cluster has no credentials, or an orchestrator
// that this program does not drive: then its nodes are instances and nothing more.
func (d *Drivers) clusterOf(rt recorded, o *resource.Object) *cluster {
	rec, ok := rt.Record(o.Cluster.Child("credentials"))
	if !ok || rec.UID != o.UID {
		return nil
	}
	spec, ok := rec.Spec.(*resource.Credentials)
	if !ok {
		return nil
	}
	name, err := d.orchestratorOf(spec.Orchestrator)
	if err != nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.clusters[rec.UID]
	if c == nil {
		c = &cluster{
			Drivers: d, address: o.Cluster, uid: rec.UID, region: rec.Region, orchestrator: name,
			parameters: d.opts.Cloud.Parameters(rec.Region, rec.UID), poolSettings: map[string]string{}, balancer: map[string][]string{},
		}
		d.clusters[rec.UID] = c
	}
	return c
}

func (c *cluster) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, old := range c.old {
		errs = append(errs, old.Close())
	}
	if c.client != nil {
		errs = append(errs, c.client.Close())
	}
	c.client, c.old = nil, nil
	return errors.Join(errs...)
}

// maxControlPlane is more control-plane nodes than a cluster has: the language allows seven.
const maxControlPlane = 16

func (c *cluster) controlPlanePool() resource.Address { return c.address.Child("control_plane") }

// controlPlaneRecords are the recorded control-plane nodes that have an instance.
func (c *cluster) controlPlaneRecords(rt recorded) []*resource.Record {
	var out []*resource.Record
	for i := range maxControlPlane {
		if rec, ok := rt.Record(c.controlPlanePool().Index(i)); ok && rec.ID != "" && rec.UID == c.uid {
			out = append(out, rec)
		}
	}
	return out
}

// connect returns the client of the cluster; another one, when there are other addresses than before.
func (c *cluster) connect(ctx context.Context, rt recorded) (orchestrator.Client, error) {
	nodes := c.controlPlaneRecords(rt)
	hosts := c.hostsOf(ctx, rt, nodes)
	c.mu.Lock()
	defer c.mu.Unlock()
	key := strings.Join(hosts, ",")
	if c.client != nil && c.hosts == key {
		return c.client, nil
	}
	client, err := c.orchestrator.Connect(ctx, orchestrator.Cluster{
		Address: c.address, UID: c.uid, Region: c.region, Version: versionOf(nodes), Hosts: hosts,
	}, c.parameters)
	if err != nil {
		return nil, err
	}
	if c.client != nil {
		c.old = append(c.old, c.client) // others may be in the middle of a call
	}
	c.client, c.hosts = client, key
	return client, nil
}

// offline returns a client that can reach nobody: it writes parameters and dials no API.
func (c *cluster) offline(ctx context.Context, version string) (orchestrator.Client, error) {
	return c.orchestrator.Connect(ctx, orchestrator.Cluster{Address: c.address, UID: c.uid, Region: c.region, Version: version}, c.parameters)
}

func versionOf(nodes []*resource.Record) string {
	version := ""
	for _, rec := range nodes {
		if n, ok := rec.Spec.(*resource.Node); ok {
			version = n.Version
		}
	}
	return version
}

// hostsOf are the addresses at which the API may answer: the endpoint's, then each control-plane node's public and private
// one.
func (c *cluster) hostsOf(ctx context.Context, rt recorded, nodes []*resource.Record) []string {
	hosts := c.fixedNames(ctx, rt)
	for _, public := range []bool{true, false} {
		for _, rec := range nodes {
			n, ok := rec.Spec.(*resource.Node)
			switch {
			case !ok:
			case public:
				hosts = append(hosts, n.PublicAddr)
			default:
				hosts = append(hosts, n.PrivateIP)
			}
		}
	}
	return unique(append(hosts, c.endpoints.live()...))
}

// fixedNames are those of the elastic address or of the load balancer: they stay when nodes are replaced.
func (c *cluster) fixedNames(ctx context.Context, rt recorded) []string {
	var names []string
	if rec, ok := rt.Record(c.address.Child("elastic_ip")); ok {
		if e, ok := rec.Spec.(*resource.ElasticIP); ok {
			names = append(names, e.PublicIP)
		}
	}
	if rec, ok := rt.Record(c.address.Child("load_balancer")); ok && rec.ID != "" {
		if lb, ok := rec.Spec.(*resource.LoadBalancer); ok {
			names = append(names, c.balancerAddresses(ctx, rec.ID)...)
			names = append(names, lb.DNSName)
		}
	}
	return unique(names)
}

// balancerAddresses asks once, and again after a while if there were none: a name that was made a minute ago does not
// resolve everywhere yet, its addresses work at once.
func (c *cluster) balancerAddresses(ctx context.Context, arn string) []string {
	c.mu.Lock()
	known, looked := c.balancer[arn], c.balancerLookedAt
	c.mu.Unlock()
	if len(known) > 0 || time.Since(looked) < 30*time.Second {
		return known
	}
	addresses, err := c.opts.Cloud.BalancerAddresses(ctx, c.region, arn)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.balancerLookedAt = time.Now()
	if err == nil {
		c.balancer[arn] = addresses
	}
	return c.balancer[arn]
}

// outOfReach notes whether the API was reached, and tells whether it cannot be reached from here. One that answered before is
// within reach: it is away for a moment, as when its address moves.
func (c *cluster) outOfReach(reached bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reachedOnce = c.reachedOnce || reached
	return !c.reachedOnce
}

// unique drops empty and repeated strings and keeps the order.
func unique(all []string) []string {
	var out []string
	for _, s := range all {
		if s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
