package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"

	"github.com/clusterform/clusterform/internal/lab/api"
)

// port is a machine's connection to its VPC.
type port struct {
	instance string
	vpc      string
	addr     netip.Addr
}

// Attachment is where a machine boots.
type Attachment struct {
	// Namespace is the path of the machine's network namespace, complete with its interface, address and route.
	Namespace string
	Device    string
}

// Attach makes a new network namespace for a machine with its interface (Device) connected to the VPC. It waits until
// Apply has made the subnet. Until a topology names the instance's interface, only metadata and DNS answer.
func (n *Network) Attach(ctx context.Context, m api.Machine) (Attachment, error) {
	v, subnet, err := n.awaitSubnet(ctx, m)
	if err != nil {
		return Attachment{}, err
	}
	if err := n.Detach(ctx, m.InstanceID); err != nil {
		return Attachment{}, err
	}
	n.applying.Lock()
	defer n.applying.Unlock()
	name := namespaceName(n.opts.Lab, m.InstanceID)
	ns, err := createNamespace(name)
	if err != nil {
		return Attachment{}, err
	}
	defer ns.close()
	if err := n.connectMachine(ctx, v, subnet, m, name); err != nil {
		return Attachment{}, errors.Join(fmt.Errorf("connect %s to subnet %s: %w", m.InstanceID, subnet.ID, err), deleteNamespace(name))
	}
	n.Adopt(m)
	return Attachment{Namespace: netnsDir + "/" + name, Device: Device}, nil
}

// Adopt notes a machine that a killed lab attached and that still runs.
func (n *Network) Adopt(m api.Machine) {
	n.mu.Lock()
	n.ports[m.InstanceID] = &port{instance: m.InstanceID, vpc: m.VPCID, addr: m.PrivateIP}
	n.mu.Unlock()
}

func (n *Network) connectMachine(ctx context.Context, v *vpc, subnet api.SubnetTopology, m api.Machine, name string) error {
	link := portName(m.InstanceID)
	mtu := n.MTU()
	if err := ipBatch(ctx, v.ns.name, fmt.Sprintf("link add %s mtu %d type veth peer name %s mtu %d address %s netns %s",
		link, mtu, Device, mtu, m.MAC, name)); err != nil {
		return err
	}
	// The VPC's side answers for every other machine of the subnet, at once, so that neighbours too are routed.
	if err := v.ns.sysctl(map[string]string{
		"ipv4/conf/" + link + "/proxy_arp":    "1",
		"ipv4/neigh/" + link + "/proxy_delay": "0",
	}); err != nil {
		return err
	}
	if err := ipBatch(ctx, v.ns.name,
		"link set "+link+" up",
		fmt.Sprintf("route replace %s/32 dev %s src %s", m.PrivateIP, link, subnet.Gateway),
	); err != nil {
		return err
	}
	return ipBatch(ctx, name,
		"link set lo up",
		fmt.Sprintf("addr add %s/%d brd + dev %s", m.PrivateIP, subnet.CIDR.Bits(), Device),
		"link set "+Device+" up",
		fmt.Sprintf("route add default via %s dev %s", subnet.Gateway, Device),
		fmt.Sprintf("route add %s/32 dev %s", metadataAddr, Device),
		fmt.Sprintf("route add %s/32 dev %s", resolverAddr, Device),
	)
}

// awaitSubnet returns the machine's VPC and subnet as soon as a topology has them.
func (n *Network) awaitSubnet(ctx context.Context, m api.Machine) (*vpc, api.SubnetTopology, error) {
	for {
		n.mu.Lock()
		v, changed := n.vpcs[m.VPCID], n.changed
		if v != nil {
			for _, s := range v.topology.Subnets {
				if s.ID == m.SubnetID {
					n.mu.Unlock()
					return v, s, nil
				}
			}
		}
		n.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, api.SubnetTopology{}, fmt.Errorf("attach %s: subnet %s of %s is not in the lab's network: %w", m.InstanceID, m.SubnetID, m.VPCID, ctx.Err())
		}
	}
}

// Detach removes a machine's interface and namespace. Unknown instances are no error.
func (n *Network) Detach(ctx context.Context, instanceID string) error {
	n.applying.Lock()
	defer n.applying.Unlock()
	n.mu.Lock()
	p := n.ports[instanceID]
	delete(n.ports, instanceID)
	n.mu.Unlock()
	name := namespaceName(n.opts.Lab, instanceID)
	var errs []error
	for id, v := range n.snapshotVPCs() {
		if p != nil && p.vpc != id { // a killed lab may have attached it where we do not know
			continue
		}
		present, err := links(ctx, v.ns.name)
		errs = append(errs, err)
		for _, l := range present {
			if l.Name == portName(instanceID) {
				errs = append(errs, ipBatch(ctx, v.ns.name, "link del "+l.Name))
			}
		}
	}
	errs = append(errs, deleteNamespace(name))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("detach %s: %w", instanceID, err)
	}
	return nil
}

// instanceAt returns the instance that has an address in a VPC.
func (n *Network) instanceAt(vpcID string, addr netip.Addr) (string, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.ports {
		if p.vpc == vpcID && p.addr == addr {
			return p.instance, true
		}
	}
	return "", false
}

// linkAddrs returns the addresses of a namespace's link; none when there is no such link.
func linkAddrs(ctx context.Context, namespace, dev string) []netip.Addr {
	out, err := run(ctx, "", "ip", "-n", namespace, "-4", "-j", "addr", "show", "dev", dev)
	if err != nil {
		return nil
	}
	var list []struct {
		AddrInfo []struct {
			Local netip.Addr `json:"local"`
		} `json:"addr_info"`
	}
	if err := json.Unmarshal(out, &list); err != nil {
		return nil
	}
	var addrs []netip.Addr
	for _, l := range list {
		for _, a := range l.AddrInfo {
			addrs = append(addrs, a.Local)
		}
	}
	return addrs
}
