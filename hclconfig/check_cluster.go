package hclconfig

import (
	"net/netip"
	"slices"
	"strings"
)

// reservedAddresses are those that AWS keeps of each subnet.
const reservedAddresses = 5

func (c *checker) checkCluster(x *Cluster) {
	p := c.at(x.Address)
	c.checkNetworks(x, p)
	c.checkZones(x, p.in("network"))
	c.checkRoom(x, p.in("network"))
	if n := p.in("network"); n.wrote("node_public_ip") && n.settledNow("node_public_ip") && !x.Network.NodePublicIP {
		n.error("node_public_ip", "Not supported yet", "Nodes without public addresses need a NAT gateway to fetch their software, and clusterform does not make one yet. Leave the argument out; the firewall lets nothing in that was not asked for.")
	}
	cp := p.in("control_plane")
	if size := x.ControlPlane.Size; size > 0 {
		c.checkUpdate(x.ControlPlane.Update, cp)
		if u := x.ControlPlane.Update.MaxUnavailable; u.Of(size, false) > (size-1)/2 {
			cp.in("update").error("max_unavailable", "Quorum at risk", "Of %d control-plane nodes, %d may be missing at most, or the rest is no majority.", size, (size-1)/2)
		}
	}
	c.checkFirewall(x, p.in("firewall"))
}

// checkNetworks finds address ranges of one cluster that overlap.
func (c *checker) checkNetworks(x *Cluster, p at) {
	type part struct {
		what, cidr, arg string
		at              at
	}
	n := p.in("network")
	o := n
	if n.block != p.block {
		o = n.in("overlay")
	}
	parts := []part{{"cidr", x.Network.CIDR, "cidr", n}}
	if x.Orchestrator == Kubernetes {
		parts = append(parts, part{"pod_cidr", x.Network.Overlay.PodCIDR, "pod_cidr", o}, part{"service_cidr", x.Network.Overlay.ServiceCIDR, "service_cidr", o})
	}
	for i, a := range parts {
		pa, problem := parseCIDR(a.cidr)
		if problem != "" {
			continue
		}
		for _, b := range parts[:i] {
			pb, problem := parseCIDR(b.cidr)
			if problem != "" || !pa.Overlaps(pb) {
				continue
			}
			where := a
			if !a.at.wrote(a.arg) && b.at.wrote(b.arg) {
				where = b
			}
			where.at.error(where.arg, "Overlapping networks", "%s, %s, and %s, %s, overlap: packets could not tell nodes, pods and services apart. Choose ranges without a common address, for example %s.",
				b.what, pb, a.what, pa, freeExample(parts[0].cidr, a.what))
		}
	}
}

// freeExample is a range that a person may take instead.
func freeExample(vpc, what string) string {
	candidates := []string{"10.244.0.0/16", "100.64.0.0/16", "172.20.0.0/16"}
	if what == "service_cidr" {
		candidates = []string{"10.96.0.0/12", "172.20.0.0/16", "192.168.0.0/16"}
	}
	taken, problem := parseCIDR(vpc)
	for _, s := range candidates {
		if p := netip.MustParsePrefix(s); problem != "" || !p.Overlaps(taken) {
			return what + " = \"" + s + "\""
		}
	}
	return what + " = \"198.18.0.0/16\""
}

func (c *checker) checkZones(x *Cluster, p at) {
	names := x.Network.AvailabilityZones.Names
	seen := map[string]bool{}
	for _, z := range names {
		if seen[z] {
			p.error("availability_zones", "Duplicate zone", "%q is in the list twice.", z)
		}
		seen[z] = true
		if x.Region != "" && !strings.HasPrefix(z, x.Region) {
			p.error("availability_zones", "Zone of another region", "%q is not in the region %q.", z, x.Region)
		}
	}
	if p.block != nil && p.block.typ == "network" && x.Network.Overlay.Backend == "host-gw" && x.Network.AvailabilityZones.Count > 1 {
		p.in("overlay").error("backend", "Unsuitable overlay", "\"host-gw\" needs all nodes in one subnet, and there are %d zones with a subnet each. Use \"vxlan\", or one zone.", x.Network.AvailabilityZones.Count)
	}
}

// A VPC is cut into 8 equal subnets, one for each zone: no region has more than 6 zones, and a zone that is added later
// finds its subnet free. Of a small VPC there are fewer, so that none is smaller than AWS's smallest.
const (
	subnetsLog2    = 3
	smallestSubnet = 28
)

// SubnetBits is the prefix length of the subnets that a VPC of the prefix length is cut into.
func SubnetBits(vpc int) int { return min(vpc+subnetsLog2, smallestSubnet) }

// checkRoom finds networks that are too small for the nodes in them.
func (c *checker) checkRoom(x *Cluster, p at) {
	vpc, problem := parseCIDR(x.Network.CIDR)
	zones := x.Network.AvailabilityZones.Count
	if problem != "" || zones < 1 {
		return
	}
	subnetBits := SubnetBits(vpc.Bits())
	if most := 1 << (subnetBits - vpc.Bits()); zones > most {
		p.error("cidr", "Network too small", "%s is cut into %d %s of /%d, and %d zones need one each. Choose a larger network: AWS takes up to /16.",
			vpc, most, plural(most, "subnet", "subnets"), subnetBits, zones)
		return
	}
	perZone := ceilDiv(x.ControlPlane.Size, zones)
	nodes := x.ControlPlane.Size
	for _, pool := range c.pools[x.Address] {
		poolZones := zones
		if n := len(pool.AvailabilityZones); n > 0 {
			poolZones = min(n, zones)
		}
		wanted := pool.Size + min(pool.Update.MaxSurge.Of(pool.Size, true), pool.Size)
		perZone += ceilDiv(wanted, poolZones)
		nodes += wanted
	}
	if room := 1<<(32-subnetBits) - reservedAddresses; perZone > room {
		p.error("cidr", "Network too small", "Each zone has a subnet of /%d with %d addresses of %s, and with %d %s up to %d nodes are to be in one, counting those of a rolling update. Choose a larger network, up to /16, or more zones.",
			subnetBits, room, vpc, zones, plural(zones, "zone", "zones"), perZone)
	}
	pods, problem := parseCIDR(x.Network.Overlay.PodCIDR)
	if x.Orchestrator == Kubernetes && problem == "" && x.Network.Overlay.Backend != "none" {
		o := p.in("overlay")
		switch {
		case pods.Bits() > 24:
			o.error("pod_cidr", "Network too small", "Every node gets a /24 of pod_cidr, and %s is smaller than that.", pods)
		case nodes > 1<<(24-pods.Bits()):
			o.error("pod_cidr", "Network too small", "Every node gets a /24 of pod_cidr: %s has %d of them, and up to %d nodes are planned, counting those of a rolling update.", pods, 1<<(24-pods.Bits()), nodes)
		}
	}
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// checkRegions warns of clusters that could never be connected.
func (c *checker) checkRegions() {
	for i, a := range c.d.Clusters {
		pa, problem := parseCIDR(a.Network.CIDR)
		if problem != "" || i > 200 {
			continue
		}
		for _, b := range c.d.Clusters[:i] {
			pb, problem := parseCIDR(b.Network.CIDR)
			if problem == "" && a.Region == b.Region && pa.Overlaps(pb) {
				c.at(a.Address).in("network").warn("cidr", "Overlapping networks", "%s is in the same region with %s, which overlaps with %s. That works as long as nobody connects their networks.", b.Address, pb, pa)
				break
			}
		}
	}
}

func (c *checker) checkFirewall(x *Cluster, p at) {
	pools := []string{"control_plane", "worker", "all"}
	for _, n := range c.pools[x.Address] {
		pools = append(pools, n.Name)
	}
	for _, a := range x.Firewall.Allow {
		r := p.in("allow", a.Name)
		if a.To != "" && !slices.Contains(pools, a.To) {
			r.error("to", "No such pool", "%s has no node pool %q. Write control_plane, worker, all, or the name of a pool.%s", x.Address, a.To, didYouMeanSentence(a.To, slices.Values(pools)))
		}
		if !r.settledNow("ports") || r.bad("protocol") {
			continue
		}
		switch {
		case (a.Protocol == "tcp" || a.Protocol == "udp") && len(a.Ports) == 0 && !slices.ContainsFunc(x.Unknown, func(s string) bool { return s == "firewall.allow."+a.Name+".ports" }):
			r.error("ports", "Missing ports", "Which ports of %s? Write ports = [443], or [\"1-65535\"] for all of them.", a.Protocol)
		case (a.Protocol == "icmp" || a.Protocol == "all") && len(a.Ports) > 0:
			r.error("ports", "Ports without meaning", "There are no ports to choose with protocol = %q. Leave them out.", a.Protocol)
		}
		for i, q := range a.Ports {
			for _, o := range a.Ports[:i] {
				if q.From <= o.To && o.From <= q.To {
					r.warn("ports", "Overlapping ports", "%d-%d and %d-%d overlap.", o.From, o.To, q.From, q.To)
				}
			}
		}
	}
}

func (c *checker) checkUpdate(u Update, p at) {
	inner := p.in("update")
	if !inner.settledNow("max_surge") || !inner.settledNow("max_unavailable") || inner.block == p.block {
		return
	}
	if u.MaxSurge.Value == 0 && u.MaxUnavailable.Value == 0 {
		inner.error("max_surge", "Nothing may move", "With max_surge and max_unavailable both 0, no node could ever be replaced. Set one of them to 1 or more.")
	}
}

func (c *checker) checkPool(x *NodePool) {
	p := c.at(x.Address)
	c.checkUpdate(x.Update, p)
	if x.PublicIP != nil && !*x.PublicIP {
		p.error("public_ip", "Not supported yet", "Nodes without public addresses need a NAT gateway to fetch their software, and clusterform does not make one yet. Leave the argument out.")
	}
	cluster := c.cluster(x.Cluster, x.Address)
	if cluster == nil {
		return
	}
	known := cluster.Network.AvailabilityZones.Names
	seen := map[string]bool{}
	for _, z := range x.AvailabilityZones {
		switch {
		case seen[z]:
			p.error("availability_zones", "Duplicate zone", "%q is in the list twice.", z)
		case cluster.Region != "" && !strings.HasPrefix(z, cluster.Region):
			p.error("availability_zones", "Zone of another region", "%q is not in the region of %s, %q.", z, cluster.Address, cluster.Region)
		case len(known) > 0 && !slices.Contains(known, z):
			p.error("availability_zones", "No such zone", "%s is in the zones %s, and %q is none of them.", cluster.Address, quotedList(known), z)
		}
		seen[z] = true
	}
	if names := []string{"control_plane", "worker", "all", "cluster"}; slices.Contains(names, x.Name) && x.Name != "worker" {
		p.error("", "Reserved name", "A node pool cannot be called %q, as firewall rules use that word. Choose another name.", x.Name)
	}
}
