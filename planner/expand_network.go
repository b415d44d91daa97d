package planner

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// zone is an availability zone of a cluster, with its subnet.
type zone struct {
	name   string
	cidr   string
	subnet resource.Ref
}

// carve lists the subnets that a VPC is cut into. A zone keeps its subnet; a new one gets the lowest that is free, so that
// adding zones moves nothing.
func carve(vpc string) ([]string, error) {
	prefix, err := netip.ParsePrefix(vpc)
	if err != nil || !prefix.Addr().Is4() {
		return nil, fmt.Errorf("%q is no IPv4 CIDR", vpc)
	}
	bits := hclconfig.SubnetBits(prefix.Bits())
	if prefix.Bits() > bits {
		return nil, fmt.Errorf("%s is smaller than AWS's smallest network, a /%d", vpc, bits)
	}
	base := prefix.Masked().Addr().As4()
	start := uint32(base[0])<<24 | uint32(base[1])<<16 | uint32(base[2])<<8 | uint32(base[3])
	out := make([]string, 1<<(bits-prefix.Bits()))
	for i := range out {
		n := start + uint32(i)<<(32-bits)
		out[i] = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}), bits).String()
	}
	return out, nil
}

// compareCIDR orders networks by their first address.
func compareCIDR(a, b string) int {
	x, err1 := netip.ParsePrefix(a)
	y, err2 := netip.ParsePrefix(b)
	if err1 != nil || err2 != nil {
		return strings.Compare(a, b)
	}
	return cmp.Or(bytes.Compare(x.Addr().AsSlice(), y.Addr().AsSlice()), cmp.Compare(x.Bits(), y.Bits()))
}

// zones decides over which zones a cluster spreads: those that the block names; or as many as it asks for, first those
// that have a subnet already, then the region's others by name.
func (p *planning) zones(ctx context.Context, c *cluster, subnets []*resource.Record) []zone {
	cidrs, err := carve(c.Network.CIDR)
	if err != nil {
		p.failTurn(&c.Block, c.address, "Network cannot be divided", "%s: network.cidr: %v.", c.address, err)
		return nil
	}
	slot := map[string]int{} // of the zones that have a subnet
	for _, r := range subnets {
		s := r.Spec.(*resource.Subnet)
		if i := slices.Index(cidrs, s.CIDR); i >= 0 {
			slot[s.Zone] = i
		}
	}
	names := c.Network.AvailabilityZones.Names
	if len(names) == 0 {
		names = p.chooseZones(ctx, c, subnets)
		if p.turn.HasErrors() {
			return nil
		}
	}
	if len(names) > len(cidrs) {
		p.failTurn(&c.Block, c.address, "Network too small for its zones",
			"%s: %s can be divided into %d subnets, but there are %d zones. Write a larger network.cidr or fewer availability_zones.",
			c.address, c.Network.CIDR, len(cidrs), len(names))
		return nil
	}
	taken := map[int]bool{}
	for _, i := range slot {
		taken[i] = true
	}
	out := make([]zone, 0, len(names))
	free := 0
	for _, name := range names {
		i, has := slot[name]
		if !has {
			for taken[free] {
				free++
			}
			if free == len(cidrs) { // what zones that go away hold is free for those that come
				free = freeOf(slot, names)
			}
			i = free
			taken[i] = true
		}
		out = append(out, zone{name: name, cidr: cidrs[i], subnet: resource.Ref(c.address.Child("subnet").Key(name))})
	}
	return out
}

// freeOf is the lowest slot of a zone that is no longer wanted.
func freeOf(slot map[string]int, names []string) int {
	best := -1
	for name, i := range slot {
		if !slices.Contains(names, name) && (best < 0 || i < best) {
			best = i
		}
	}
	for name, i := range slot {
		if i == best {
			delete(slot, name)
		}
	}
	return max(best, 0)
}

func (p *planning) chooseZones(ctx context.Context, c *cluster, subnets []*resource.Record) []string {
	count := max(1, c.Network.AvailabilityZones.Count)
	recorded := slices.Clone(subnets)
	recorded = slices.DeleteFunc(recorded, func(r *resource.Record) bool { return r.Region != c.Region })
	slices.SortFunc(recorded, func(a, b *resource.Record) int {
		return compareCIDR(a.Spec.(*resource.Subnet).CIDR, b.Spec.(*resource.Subnet).CIDR)
	})
	var names []string
	for _, r := range recorded {
		names = append(names, r.Spec.(*resource.Subnet).Zone)
	}
	if len(names) >= count {
		return names[:count]
	}
	available, err := p.lookups.zonesOf(ctx, c.Region)
	if err != nil {
		p.failTurn(&c.Block, c.address, "Cannot look up the zones of "+c.Region,
			"%s spreads over %s, and which ones there are could not be asked: %s\n\nName them instead: availability_zones = [\"%sa\"].",
			c.address, plural(count, "zone", "zones"), callText(err), c.Region)
		return nil
	}
	for _, z := range available {
		if len(names) < count && !slices.Contains(names, z) {
			names = append(names, z)
		}
	}
	if len(names) < count {
		p.failTurn(&c.Block, c.address, "Not enough availability zones",
			"%s asks for %d zones, but %s has %d: %s.", c.address, count, c.Region, len(available), strings.Join(available, ", "))
	}
	return names
}

// expandNetwork makes one public network: nodes have public addresses, or none, and there is no NAT gateway.
func (p *planning) expandNetwork(c *cluster) {
	w, vpc := p.wanted, resource.Ref(c.address.Child("vpc"))
	name := c.Name
	w.add(c.owner, nil, c.address.Child("vpc"), &resource.VPC{
		CIDR: c.Network.CIDR, DNSHostnames: true, DNSSupport: true, Tags: withName(c.tags, name),
	})
	igw := c.address.Child("internet_gateway")
	w.add(c.owner, nil, igw, &resource.InternetGateway{VPC: vpc, Tags: withName(c.tags, name)})
	subnets := make([]resource.Ref, 0, len(c.zones))
	for _, z := range c.zones {
		subnets = append(subnets, z.subnet)
		// Whether a node gets a public address is said for each node, so that nothing else started here gets one.
		w.add(c.owner, nil, resource.Address(z.subnet), &resource.Subnet{
			VPC: vpc, CIDR: z.cidr, Zone: z.name, Tags: withName(c.tags, name+"-"+z.name),
		})
	}
	w.add(c.owner, nil, c.address.Child("route_table"), &resource.RouteTable{
		VPC: vpc, Routes: []resource.Route{{Destination: "0.0.0.0/0", Gateway: resource.Ref(igw)}},
		Subnets: resource.SortRefs(subnets), Tags: withName(c.tags, name),
	})
}

// withName adds a Name to tags, unless they have one.
func withName(tags resource.Tags, name string) resource.Tags {
	if _, has := tags["Name"]; has {
		return tags
	}
	out := make(resource.Tags, len(tags)+1)
	maps.Copy(out, tags)
	out["Name"] = name
	return out
}
