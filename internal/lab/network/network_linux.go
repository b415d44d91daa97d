package network

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"

	"github.com/clusterform/clusterform/internal/lab/api"
)

// Options describe a lab's network.
type Options struct {
	// Lab is the lab's name (see CheckName). Required.
	Lab string
	// Logger receives what happens; nil discards.
	Logger *slog.Logger
	// Metadata answers a request to 169.254.169.254 that came from an instance. Nil answers 404.
	Metadata func(w http.ResponseWriter, r *http.Request, instanceID string)
	// HopLimit is how many hops the answer to an IMDSv2 token request may travel; nil means 1 for every instance,
	// which no container behind a bridge can receive.
	HopLimit func(instanceID string) int
	// Names resolve inside machines to the lab's address on the host, besides endpoint.lab, registry.lab and
	// artifacts.lab; a name with a valid address resolves to that.
	Names map[string]netip.Addr
	// OnTargetHealth hears each change of a load balancer's target.
	OnTargetHealth func(targetGroupARN, targetID string, port int, healthy bool, reason string)
}

// Network is the network of one lab. Its kernel objects outlive the process until Sweep removes them; the metadata
// service, DNS and load balancers live in the process.
type Network struct {
	opts     Options
	log      *slog.Logger
	applying sync.Mutex // one change of the kernel's objects at a time

	publics []netip.Addr // in the host's rules; guarded by applying

	mu      sync.Mutex
	host    hostSide
	vpcs    map[string]*vpc
	ports   map[string]*port // by instance
	changed chan struct{}    // closed when vpcs changed
	closed  bool
}

// New prepares a network; nothing on the host changes before Up.
func New(opts Options) (*Network, error) {
	if err := CheckName(opts.Lab); err != nil {
		return nil, err
	}
	log := opts.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Network{opts: opts, log: log, vpcs: map[string]*vpc{}, ports: map[string]*port{}, changed: make(chan struct{})}, nil
}

// Up makes the lab's side of the host: the bridge with the lab's address, forwarding and translation. It takes over
// what a killed lab of the same name left.
func (n *Network) Up(ctx context.Context) error {
	n.applying.Lock()
	defer n.applying.Unlock()
	host, err := hostUp(ctx, n.opts.Lab)
	if err != nil {
		return fmt.Errorf("lab network: %w", err)
	}
	n.mu.Lock()
	n.host = host
	n.mu.Unlock()
	return nil
}

// HostAddr is the lab's address: the host and every machine reach it, so the endpoint, registry and artifact server
// listen there. It is invalid before Up.
func (n *Network) HostAddr() netip.Addr {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.host.addr
}

// MTU is that of the host's uplink, used on every link of the lab.
func (n *Network) MTU() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.host.mtu
}

// Apply makes the network look like the topology. What is missing is made first, so that a change of one VPC does not
// wait for another; an error names each part that failed, and the others are in place.
func (n *Network) Apply(ctx context.Context, t api.Topology) error {
	n.applying.Lock()
	defer n.applying.Unlock()
	if n.isClosed() {
		return errors.New("lab network: closed")
	}
	if !n.HostAddr().IsValid() {
		return errors.New("lab network: not up")
	}
	var errs []error
	wanted := map[string]bool{}
	for _, v := range t.VPCs {
		wanted[v.ID] = true
		if err := n.applyVPC(ctx, v, t); err != nil {
			errs = append(errs, fmt.Errorf("lab network: VPC %s (%s): %w", v.ID, v.CIDR, err))
		}
	}
	for id, v := range n.snapshotVPCs() {
		if wanted[id] {
			continue
		}
		if err := n.removeVPC(ctx, v); err != nil {
			errs = append(errs, fmt.Errorf("lab network: remove VPC %s: %w", id, err))
		}
	}
	if err := n.applyPublics(ctx, t); err != nil {
		errs = append(errs, fmt.Errorf("lab network: %w", err))
	}
	n.mu.Lock()
	close(n.changed)
	n.changed = make(chan struct{})
	n.mu.Unlock()
	return errors.Join(errs...)
}

// Reach returns the address under which the host reaches an address of a VPC: the same one, or, when the VPC's range
// collides with a route of the host or another lab, its stand-in.
func (n *Network) Reach(vpcID string, addr netip.Addr) (netip.Addr, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	v := n.vpcs[vpcID]
	if v == nil || !v.topology.CIDR.Contains(addr) {
		return netip.Addr{}, false
	}
	if v.alias.IsValid() {
		return translate(addr, v.topology.CIDR, v.alias), true
	}
	return addr, true
}

// Collisions returns, by VPC, why a VPC's range is not used on the host and which range stands in for it.
func (n *Network) Collisions() map[string]string {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := map[string]string{}
	for id, v := range n.vpcs {
		if v.alias.IsValid() {
			out[id] = v.collision
		}
	}
	return out
}

// Close ends what this process serves (metadata, DNS, load balancers). Machines stay connected among each other.
func (n *Network) Close() error {
	n.applying.Lock()
	defer n.applying.Unlock()
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	for _, v := range n.snapshotVPCs() {
		v.stop()
		v.ns.close()
	}
	n.mu.Lock()
	clear(n.vpcs)
	n.mu.Unlock()
	return nil
}

func (n *Network) isClosed() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.closed
}

func (n *Network) snapshotVPCs() map[string]*vpc {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := make(map[string]*vpc, len(n.vpcs))
	for id, v := range n.vpcs {
		out[id] = v
	}
	return out
}
