package network

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/clusterform/clusterform/internal/lab/api"
)

// vpc is one VPC's namespace and what serves in it.
type vpc struct {
	topology  api.VPCTopology
	ns        *namespace
	link      netip.Addr   // its address towards the host
	alias     netip.Prefix // valid when the host does not route the VPC's own range
	collision string
	addrs     map[netip.Addr]bool // addresses it answers on
	services  *services
	balancers *balancers
}

func (v *vpc) stop() {
	if v.balancers != nil {
		v.balancers.stop()
	}
	if v.services != nil {
		v.services.stop()
	}
}

// applyVPC makes or updates one VPC: namespace, uplink, addresses, rules, load balancers, in this order, so that no
// address answers before the rules that protect it.
func (n *Network) applyVPC(ctx context.Context, topology api.VPCTopology, t api.Topology) error {
	n.mu.Lock()
	v := n.vpcs[topology.ID]
	n.mu.Unlock()
	if v == nil {
		made, err := n.createVPC(ctx, topology)
		if err != nil {
			return err
		}
		v = made
	}
	set := ruleset{vpc: topology, alias: v.alias, link: v.link, host: n.HostAddr()}
	addrs := map[netip.Addr]bool{metadataAddr: true, resolverAddr: true}
	for _, s := range topology.Subnets {
		addrs[s.Gateway] = true
	}
	for _, i := range t.Interfaces {
		if i.VPCID == topology.ID {
			set.interfaces = append(set.interfaces, i)
		}
	}
	for _, g := range t.Groups {
		if g.VPCID == topology.ID {
			set.groups = append(set.groups, g)
		}
	}
	var balancers []api.LoadBalancerTopology
	for _, lb := range t.LoadBalancers {
		if lb.VPCID != topology.ID {
			continue
		}
		balancers = append(balancers, lb)
		for _, a := range lb.Addresses {
			addrs[a] = true
			for _, l := range lb.Listeners {
				set.balancers = append(set.balancers, netip.AddrPortFrom(a, uint16(l.Port)))
			}
		}
	}
	if err := v.ns.nft(ctx, set.render()); err != nil {
		return fmt.Errorf("load packet filter: %w", err)
	}
	if err := v.applyAddrs(ctx, addrs); err != nil {
		return err
	}
	n.mu.Lock()
	v.topology = topology
	n.vpcs[topology.ID] = v
	n.mu.Unlock()
	if v.services == nil {
		services, err := n.startServices(v)
		if err != nil {
			return err
		}
		v.services = services
	}
	if v.balancers == nil {
		v.balancers = newBalancers(v.ns, n.log.With("vpc", topology.ID), n.opts.OnTargetHealth)
	}
	v.services.dns.setBalancers(balancers)
	return v.balancers.apply(balancers)
}

// createVPC makes the namespace with its uplink, or takes over the one that a killed lab left.
func (n *Network) createVPC(ctx context.Context, topology api.VPCTopology) (*vpc, error) {
	n.mu.Lock()
	host := n.host
	used := map[netip.Addr]bool{host.addr: true}
	for _, other := range n.vpcs {
		used[other.link] = true
	}
	n.mu.Unlock()
	if topology.CIDR.Overlaps(host.link) {
		return nil, fmt.Errorf("the range contains the lab's own addresses (%s); use another, such as 10.0.0.0/16", host.link)
	}
	if topology.CIDR.Overlaps(linkLocalRange) {
		return nil, fmt.Errorf("the range contains link-local addresses (%s); use another, such as 10.0.0.0/16", linkLocalRange)
	}
	v := &vpc{topology: topology, addrs: map[netip.Addr]bool{}}
	if err := n.chooseRange(ctx, host, v); err != nil {
		return nil, err
	}
	ns, err := createNamespace(namespaceName(n.opts.Lab, topology.ID))
	if err != nil {
		return nil, err
	}
	v.ns = ns
	for _, a := range linkAddrs(ctx, ns.name, "lo") { // of a lab that was killed
		v.addrs[a] = !a.IsLoopback()
	}
	maps.DeleteFunc(v.addrs, func(_ netip.Addr, ours bool) bool { return !ours })
	if err := n.connectVPC(ctx, host, v, used); err != nil {
		ns.close()
		return nil, errors.Join(err, n.deleteVPC(ctx, v))
	}
	return v, nil
}

// connectVPC gives the namespace its way to the host.
func (n *Network) connectVPC(ctx context.Context, host hostSide, v *vpc, used map[netip.Addr]bool) error {
	inside, err := links(ctx, v.ns.name)
	if err != nil {
		return err
	}
	outside := uplinkName(n.opts.Lab, v.topology.ID)
	if !slices.ContainsFunc(inside, func(l link) bool { return l.Name == uplinkInside }) {
		if err := ipBatch(ctx, "",
			fmt.Sprintf("link add %s mtu %d type veth peer name %s mtu %d netns %s", outside, host.mtu, uplinkInside, host.mtu, v.ns.name),
			fmt.Sprintf("link set %s master %s up", outside, host.bridge),
			fmt.Sprintf("link set %s type bridge_slave isolated on", outside),
		); err != nil {
			return err
		}
	}
	taken, err := neighbours(ctx, n.opts.Lab, v.ns.name)
	if err != nil {
		return err
	}
	maps.Copy(used, taken)
	for i := uint32(2); i < 255; i++ {
		if a := nth(host.link, i); !used[a] {
			v.link = a
			break
		}
	}
	if !v.link.IsValid() {
		return fmt.Errorf("a lab holds at most 253 VPCs: all addresses of %s are in use", host.link)
	}
	if err := v.ns.sysctl(map[string]string{
		"ipv4/ip_forward": "1", "ipv4/conf/all/rp_filter": "0", "ipv4/conf/default/rp_filter": "0",
		"ipv4/conf/all/send_redirects": "0", "ipv4/conf/default/send_redirects": "0",
		"ipv4/conf/all/accept_redirects": "0", "ipv4/conf/default/accept_redirects": "0",
		"ipv6/conf/all/disable_ipv6": "1", "ipv6/conf/default/disable_ipv6": "1",
		"ipv4/ip_nonlocal_bind": "1",
	}); err != nil {
		return err
	}
	// Addresses of the VPC that no machine has must not leave by the default route.
	if err := ipBatch(ctx, v.ns.name,
		"link set lo up",
		"addr flush dev "+uplinkInside,
		fmt.Sprintf("addr replace %s/%d dev %s", v.link, host.link.Bits(), uplinkInside),
		"link set "+uplinkInside+" up",
		fmt.Sprintf("route replace default via %s", host.addr),
		fmt.Sprintf("route replace unreachable %s", v.topology.CIDR.Masked()),
	); err != nil {
		return err
	}
	reach := v.topology.CIDR
	if v.alias.IsValid() {
		reach = v.alias
	}
	return ipBatch(ctx, "", fmt.Sprintf("route replace %s via %s dev %s", reach.Masked(), v.link, host.bridge))
}

// chooseRange decides under which range the host knows the VPC.
func (n *Network) chooseRange(ctx context.Context, host hostSide, v *vpc) error {
	unlock, err := lockHost()
	if err != nil {
		return err
	}
	defer unlock()
	routes, err := hostRoutes(ctx)
	if err != nil {
		return err
	}
	var others []route
	n.mu.Lock()
	for id, other := range n.vpcs {
		others = append(others, route{Dest: other.topology.CIDR, VPC: id})
		if other.alias.IsValid() {
			others = append(others, route{Dest: other.alias, VPC: id})
		}
	}
	n.mu.Unlock()
	hit, found := collision(v.topology.CIDR, routes, host.bridge)
	if !found {
		hit, found = collision(v.topology.CIDR, others, "")
	}
	if !found {
		return nil
	}
	all := append(routes, others...)
	alias, ok := pick(sharedRange, v.topology.CIDR.Bits(), n.opts.Lab+v.topology.ID, func(p netip.Prefix) bool {
		_, taken := collision(p, all, "")
		return taken
	})
	if !ok {
		return fmt.Errorf("the range collides with %s, and %s has no free range of that size to stand in for it; use another range", hit, sharedRange)
	}
	v.alias = alias
	v.collision = fmt.Sprintf("%s collides with %s; the host reaches its machines in %s instead", v.topology.CIDR, hit, alias)
	n.log.Warn("VPC range collides", "vpc", v.topology.ID, "cidr", v.topology.CIDR, "with", hit.String(), "reachable_as", alias)
	return nil
}

// applyAddrs makes the namespace answer on exactly these addresses. They sit on the loopback interface, so they answer
// on every link.
func (v *vpc) applyAddrs(ctx context.Context, want map[netip.Addr]bool) error {
	var batch []string
	for a := range want {
		if !v.addrs[a] {
			batch = append(batch, fmt.Sprintf("addr replace %s/32 dev lo", a))
		}
	}
	for a := range v.addrs {
		if !want[a] {
			batch = append(batch, fmt.Sprintf("addr del %s/32 dev lo", a))
		}
	}
	if len(batch) > 0 {
		if err := ipBatch(ctx, v.ns.name, batch...); err != nil {
			return err
		}
	}
	v.addrs = want
	return nil
}

// removeVPC ends a VPC's services and removes its namespace.
func (n *Network) removeVPC(ctx context.Context, v *vpc) error {
	v.stop()
	err := n.deleteVPC(ctx, v)
	v.ns.close()
	n.mu.Lock()
	delete(n.vpcs, v.topology.ID)
	n.mu.Unlock()
	return err
}

func (n *Network) deleteVPC(ctx context.Context, v *vpc) error {
	return errors.Join(deleteLink(ctx, uplinkName(n.opts.Lab, v.topology.ID)), deleteNamespace(v.ns.name))
}

// deleteLink removes a link of the host, at once rather than when the kernel gets round to its namespace.
func deleteLink(ctx context.Context, name string) error {
	all, err := links(ctx, "")
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(l link) bool { return l.Name == name }) {
		return nil
	}
	return ipBatch(ctx, "", "link del "+name)
}

// neighbours returns the uplink addresses of the lab's other namespaces, also of those that this process does not know
// yet because a killed lab made them.
func neighbours(ctx context.Context, lab, except string) (map[netip.Addr]bool, error) {
	names, err := namespaces(lab)
	if err != nil {
		return nil, err
	}
	used := map[netip.Addr]bool{}
	for _, name := range names {
		if name == except {
			continue
		}
		for _, a := range linkAddrs(ctx, name, uplinkInside) {
			used[a] = true
		}
	}
	return used, nil
}
