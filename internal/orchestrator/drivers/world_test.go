package drivers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/aws"
	"github.com/clusterform/clusterform/internal/lab/api"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// world is an account in the lab's API, and a cluster whose nodes are played: they read the Parameter Store and join as
// the bootstrap does, on the clock of the test.
type world struct {
	t       *testing.T
	drivers *Drivers
	aws     *aws.Cloud
	image   string

	mu      sync.Mutex
	seen    map[string]time.Time // when an instance was first there
	members map[string]*orchestrator.Member
	// deaf are instances that never join, by the order of their coming; away says that the API cannot be reached from here.
	deaf  map[int]bool
	order []string
	away  bool
	// hangs: who calls the API gets no answer at all. drainTakes is how long work takes to move away.
	hangs      bool
	drainTakes time.Duration
	console    map[string]string
	impaired   map[string]time.Time

	dials, admits, dismisses int
	forgotten                int
	settings                 map[string]orchestrator.NodeSettings
	drained, removed         []string
	drains                   []orchestrator.DrainOptions
	states                   map[string]string // of instances, where not the lab's
	drainErr                 error
	inits                    []string
}

// Times of the played nodes.
const (
	initTakes = 20 * time.Second
	joinTakes = 10 * time.Second
)

// secretMarker is in every secret value: it must be in nothing that is shown or recorded.
const secretMarker = "s3cr3t-m4rker"

func newWorld(t *testing.T, opts Options) *world {
	t.Helper()
	s, err := api.New(api.Options{Region: testRegion, Seed: 1, AcceptAnyKey: true, NoDefaultVPC: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	cloud := aws.New(aws.Options{
		HTTPClient: &http.Client{Transport: s.Transport()}, Endpoint: "http://lab.invalid",
		Keys: &aws.Keys{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"},
	})
	w := &world{
		t: t, aws: cloud, seen: map[string]time.Time{}, members: map[string]*orchestrator.Member{}, deaf: map[int]bool{},
		console: map[string]string{}, impaired: map[string]time.Time{}, states: map[string]string{}, settings: map[string]orchestrator.NodeSettings{},
	}
	if w.image, err = cloud.Image(t.Context(), testRegion, "ssm:/aws/service/debian/release/12/latest/amd64"); err != nil {
		t.Fatal(err)
	}
	opts.Cloud = &playedCloud{Cloud: AWS(cloud), w: w}
	opts.Orchestrators = map[string]orchestrator.Orchestrator{"kubernetes": played{w}}
	w.drivers = New(opts)
	return w
}

// again is another command: it knows nothing that is not recorded.
func (w *world) again() *world {
	w.drivers = New(w.drivers.opts)
	return w
}

// playedCloud adds consoles and status checks to the lab's API, which has none without machines.
type playedCloud struct {
	Cloud
	w *world
}

func (c *playedCloud) Console(_ context.Context, _, instance string) (string, error) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	return c.w.console[instance], nil
}

func (c *playedCloud) Machines(ctx context.Context, region, uid string, pool resource.Address) ([]aws.Machine, error) {
	all, err := c.Cloud.Machines(ctx, region, uid, pool)
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	for i := range all {
		all[i].State = cmp.Or(c.w.states[all[i].ID], all[i].State)
	}
	return slices.DeleteFunc(all, func(m aws.Machine) bool { return m.State == "terminated" }), err
}

func (c *playedCloud) Impaired(context.Context, string) (map[string]time.Time, error) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	return c.w.impaired, nil
}

// network makes what nodes are launched into.
func (w *world) network(r *run) {
	w.t.Helper()
	r.must(w.t, w.drivers, r.creation("cluster.lab.vpc", &resource.VPC{CIDR: "10.88.0.0/16", DNSHostnames: true, DNSSupport: true}))
	r.must(w.t, w.drivers, r.creation(`cluster.lab.subnet["a"]`, &resource.Subnet{VPC: "cluster.lab.vpc", CIDR: "10.88.0.0/20", Zone: testRegion + "a", PublicIPs: true}))
	r.must(w.t, w.drivers, r.creation(`cluster.lab.security_group["worker"]`, &resource.SecurityGroup{VPC: "cluster.lab.vpc", Name: "lab-worker", Description: "worker"}))
	r.must(w.t, w.drivers, r.creation("cluster.lab.credentials", &resource.Credentials{Orchestrator: "kubernetes", Path: "/clusterform/" + testUID}))
}

func (w *world) node(pool resource.Address) *resource.Node {
	role := "worker"
	if strings.HasSuffix(string(pool), "control_plane") {
		role = roleControlPlane
	}
	return &resource.Node{
		Pool: pool, Role: role, InstanceTypes: []string{"t3.large"}, Image: w.image, Subnet: `cluster.lab.subnet["a"]`, Zone: testRegion + "a",
		SecurityGroups: []resource.Ref{`cluster.lab.security_group["worker"]`}, PublicIP: true, DiskGiB: 20, UserData: "digest",
		Orchestrator: "kubernetes", Version: "1.34.4", Labels: map[string]string{"tier": "web"},
	}
}

const (
	controlPlane = lab + ".control_plane"
	workers      = resource.Address("node_pool.worker")
)

// nodes are the changes that make so many control-plane nodes and workers.
func (w *world) nodes(r *run, masters, others int) []resource.Change {
	var out []resource.Change
	for i := range masters {
		out = append(out, r.creation(controlPlane.Index(i), w.node(controlPlane)))
	}
	for i := range others {
		out = append(out, r.creation(workers.Index(i), w.node(workers)))
	}
	return out
}

func (w *world) parameters() orchestrator.Parameters {
	return AWS(w.aws).Parameters(testRegion, testUID)
}

func (w *world) parameter(name string) string {
	w.t.Helper()
	got, err := w.parameters().Get(w.t.Context(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	return got[name]
}

// advance lets every node do what it does by now; w.mu is held.
func (w *world) advance(ctx context.Context) error {
	now := time.Now()
	values, err := w.parameters().Get(ctx, "control-plane/leader", "control-plane/join", "worker/join", "control-plane/endpoints", "worker/endpoints")
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, pool := range []resource.Address{controlPlane, workers} {
		all, err := w.aws.Machines(ctx, testRegion, testUID, pool)
		if err != nil {
			return err
		}
		for _, m := range all {
			there[m.ID] = true
			if _, ok := w.seen[m.ID]; !ok {
				w.seen[m.ID] = now
				w.order = append(w.order, m.ID)
			}
			if w.members[m.ID] != nil || w.deaf[slices.Index(w.order, m.ID)] {
				continue
			}
			up, master := now.Sub(w.seen[m.ID]), pool == controlPlane
			path := "worker/"
			if master {
				path = "control-plane/"
			}
			switch {
			case !w.up() && master && values["control-plane/leader"] == m.ID && up >= initTakes && values["control-plane/join"] != "":
				w.inits = append(w.inits, m.ID)
			case w.up() && up >= joinTakes && values[path+"join"] != "" && values[path+"endpoints"] != "":
			default:
				continue
			}
			w.members[m.ID] = &orchestrator.Member{Instance: m.ID, ID: m.ID, ControlPlane: master, Ready: true, Since: now, Address: m.PrivateIP}
		}
	}
	for id, m := range w.members {
		if !there[id] && m.Ready {
			m.Ready, m.Reason, m.Since = false, "the kubelet stopped telling", now
		}
	}
	return nil
}

// up says that a control-plane node serves.
func (w *world) up() bool {
	for _, m := range w.members {
		if m.ControlPlane && m.Ready {
			return true
		}
	}
	return false
}

// played is the orchestrator of the world.
type played struct{ w *world }

func (p played) Credentials(time.Time) (map[string]string, error) {
	return map[string]string{
		"control-plane/pki/cluster": "key " + secretMarker, "control-plane/pki/ca": "certificate", "worker/pki/ca": "certificate",
	}, nil
}

func (p played) Describe(parameters map[string]string) (string, time.Time, map[string]string, error) {
	if parameters["control-plane/pki/cluster"] == "" {
		return "", time.Time{}, nil, errors.New("the parameter control-plane/pki/cluster is missing")
	}
	derived := map[string]string{}
	for _, name := range []string{"control-plane/pki/ca", "worker/pki/ca"} {
		if parameters[name] != "certificate" {
			derived[name] = "certificate"
		}
	}
	return "certificate", time.Date(2035, 1, 1, 0, 0, 0, 0, time.UTC), derived, nil
}

func (p played) Connect(_ context.Context, c orchestrator.Cluster, params orchestrator.Parameters) (orchestrator.Client, error) {
	return &playedClient{w: p.w, hosts: c.Hosts, parameters: params}, nil
}

type playedClient struct {
	w          *world
	hosts      []string
	parameters orchestrator.Parameters
}

// reach is a call to the API; w.mu is held on success.
func (c *playedClient) reach(ctx context.Context) error {
	if len(c.hosts) == 0 {
		return fmt.Errorf("%w: no addresses", orchestrator.ErrUnreachable)
	}
	c.w.mu.Lock()
	if c.w.dials++; c.w.hangs {
		c.w.mu.Unlock()
		<-ctx.Done()
		return fmt.Errorf("%w: %w", orchestrator.ErrUnreachable, ctx.Err())
	}
	err := c.w.advance(ctx)
	if err == nil && (c.w.away || !c.w.up()) {
		err = fmt.Errorf("%w at %v", orchestrator.ErrUnreachable, c.hosts)
	}
	if err != nil {
		c.w.mu.Unlock()
	}
	return err
}

func (c *playedClient) Healthy(ctx context.Context) error {
	if err := c.reach(ctx); err != nil {
		return err
	}
	c.w.mu.Unlock()
	return nil
}

func (c *playedClient) Members(ctx context.Context) ([]orchestrator.Member, error) {
	if err := c.reach(ctx); err != nil {
		return nil, err
	}
	defer c.w.mu.Unlock()
	var out []orchestrator.Member
	for _, m := range c.w.members {
		out = append(out, *m)
	}
	return out, nil
}

func (c *playedClient) Admit(ctx context.Context) error {
	c.w.mu.Lock()
	c.w.admits++
	lost := c.w.hangs || c.w.away
	c.w.mu.Unlock()
	if lost && c.initialised(ctx) { // the API has to accept it
		return c.reach(ctx)
	}
	for _, name := range []string{"control-plane/join", "worker/join"} {
		if err := c.parameters.Put(ctx, name, "token "+secretMarker); err != nil {
			return err
		}
	}
	return nil
}

func (c *playedClient) initialised(ctx context.Context) bool {
	got, err := c.parameters.Get(ctx, parameterInitialised)
	return err == nil && got[parameterInitialised] != ""
}

func (c *playedClient) Dismiss(ctx context.Context) error {
	if err := c.reach(ctx); err != nil {
		return err
	}
	c.w.dismisses++
	c.w.mu.Unlock()
	return c.parameters.Delete(ctx, "control-plane/join", "worker/join")
}

func (c *playedClient) Configure(ctx context.Context, m orchestrator.Member, s orchestrator.NodeSettings) error {
	if err := c.reach(ctx); err != nil {
		return err
	}
	defer c.w.mu.Unlock()
	c.w.settings[m.Instance] = s
	return nil
}

func (c *playedClient) Cordon(context.Context, orchestrator.Member, bool) error { return nil }

func (c *playedClient) Drain(ctx context.Context, m orchestrator.Member, o orchestrator.DrainOptions) error {
	if !o.Off {
		if err := sleep(ctx, c.w.drainTakes); err != nil {
			return err
		}
	}
	if err := c.reach(ctx); err != nil {
		return err
	}
	defer c.w.mu.Unlock()
	if c.w.drainErr != nil && !o.Force {
		return c.w.drainErr
	}
	c.w.drained = append(c.w.drained, m.Instance)
	c.w.drains = append(c.w.drains, o)
	return nil
}

func (c *playedClient) Remove(ctx context.Context, m orchestrator.Member) error {
	if err := c.reach(ctx); err != nil {
		return err
	}
	defer c.w.mu.Unlock()
	c.w.removed = append(c.w.removed, m.Instance)
	delete(c.w.members, m.Instance)
	return nil
}

func (c *playedClient) Forget() {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	c.w.forgotten++
}

func (c *playedClient) Close() error { return nil }
