package client

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/swarm"
	docker "github.com/moby/moby/client"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

// The labels of engines: what a machine finds out of itself when it boots.
const (
	EngineInstance    = "clusterform.instance"    // the EC2 instance id
	EngineIPVS        = "clusterform.ipvs"        // "false": the kernel has no IPVS
	EngineESP         = "clusterform.esp"         // "false": the kernel has no IPsec, which encrypted networks are
	EngineMTU         = "clusterform.mtu"         // of the machine's network, in bytes
	EngineSchedulable = "clusterform.schedulable" // "false": a manager that runs no services
)

// Members lists the Swarm's nodes. Of the entries that one machine left behind, only the one that is well counts.
func (c *Client) Members(ctx context.Context) ([]orchestrator.Member, error) {
	nodes, err := c.nodes(ctx)
	if err != nil {
		return nil, err
	}
	byInstance := map[string]swarm.Node{}
	var out []orchestrator.Member
	for _, n := range nodes {
		instance := n.Description.Engine.Labels[EngineInstance]
		if instance == "" {
			continue // joined by hand: none of ours
		}
		if other, ok := byInstance[instance]; !ok || better(n, other) {
			byInstance[instance] = n
		}
	}
	for instance, n := range byInstance {
		out = append(out, member(instance, n))
	}
	slices.SortFunc(out, func(a, b orchestrator.Member) int { return strings.Compare(a.Instance, b.Instance) })
	return out, nil
}

func (c *Client) nodes(ctx context.Context) ([]swarm.Node, error) {
	var nodes []swarm.Node
	err := c.Do(ctx, func(ctx context.Context, api *docker.Client) error {
		got, err := api.NodeList(ctx, docker.NodeListOptions{})
		if err != nil {
			return fmt.Errorf("%s: list the Swarm's nodes: %w", c.cluster.Address, err)
		}
		nodes = got.Items
		return nil
	})
	return nodes, err
}

func better(a, b swarm.Node) bool {
	if ready(a) != ready(b) {
		return ready(a)
	}
	return a.CreatedAt.After(b.CreatedAt)
}

func ready(n swarm.Node) bool {
	return n.Status.State == swarm.NodeStateReady && (n.ManagerStatus == nil || n.ManagerStatus.Reachability == swarm.ReachabilityReachable) &&
		(n.Spec.Role != swarm.NodeRoleManager || n.ManagerStatus != nil)
}

func member(instance string, n swarm.Node) orchestrator.Member {
	m := orchestrator.Member{
		Instance: instance, ID: n.ID, ControlPlane: n.Spec.Role == swarm.NodeRoleManager, Ready: ready(n), Since: n.UpdatedAt,
		Cordoned: n.Spec.Availability != usual(n), Version: n.Description.Engine.EngineVersion, Address: address(n), Labels: n.Spec.Labels,
		Annotations: n.Description.Engine.Labels,
	}
	if !m.Ready {
		m.Reason = unwell(n)
	}
	return m
}

// usual is a node's availability when nobody cordoned it.
func usual(n swarm.Node) swarm.NodeAvailability {
	if n.Description.Engine.Labels[EngineSchedulable] == "false" {
		return swarm.NodeAvailabilityDrain
	}
	return swarm.NodeAvailabilityActive
}

func unwell(n swarm.Node) string {
	switch {
	case n.Status.State != swarm.NodeStateReady && n.Status.Message != "":
		return fmt.Sprintf("its engine is %s: %s", n.Status.State, hclconfig.PrintableLine(n.Status.Message))
	case n.Status.State != swarm.NodeStateReady:
		return fmt.Sprintf("its engine is %s", n.Status.State)
	case n.ManagerStatus == nil:
		return "it is being promoted to a manager"
	default:
		return "the other managers do not reach it"
	}
}

// address of a manager is what it advertises: the leader sees itself as 0.0.0.0.
func address(n swarm.Node) string {
	if n.ManagerStatus != nil {
		if host, _, err := net.SplitHostPort(n.ManagerStatus.Addr); err == nil {
			return host
		}
	}
	return n.Status.Addr
}

// WithoutIPVS lists the members that are up and whose kernel has no IPVS, by instance. If there is one, neither virtual
// addresses nor the routing mesh work for everybody.
func WithoutIPVS(members []orchestrator.Member) []string { return without(members, EngineIPVS) }

// WithoutESP lists the members that are up and whose kernel has no IPsec. What an encrypted network sends to or from one is
// lost, or goes as it is.
func WithoutESP(members []orchestrator.Member) []string { return without(members, EngineESP) }

func without(members []orchestrator.Member, label string) []string {
	var out []string
	for _, m := range members {
		if m.Ready && m.Annotations[label] == "false" {
			out = append(out, m.Instance)
		}
	}
	return out
}
