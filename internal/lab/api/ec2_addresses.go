package api

import (
	"net/netip"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

// address is an elastic address.
type address struct {
	ID        string // eipalloc-…
	IP        netip.Addr
	Interface string
	Assoc     string // eipassoc-…
	Owner     string // "nat" when a NAT gateway holds it
}

// publicIP picks a public address that nobody has, from 198.18.0.0/16: half of the benchmarking range, which routes nowhere, so
// that nothing outside is ever reached by mistake. The labs of a host have their own networks in the other half.
func (s *Server) publicIP() netip.Addr {
	for {
		n := s.ids.Uint32()
		ip := netip.AddrFrom4([4]byte{198, 18, byte(n >> 8), byte(n)})
		if _, taken := s.publicIPs[ip]; !taken && byte(n) != 0 && byte(n) != 255 {
			s.publicIPs[ip] = struct{}{}
			return ip
		}
	}
}

func (s *Server) renderAddress(a *address) ec2.Address {
	out := ec2.Address{
		AllocationId: a.ID, PublicIp: a.IP.String(), Domain: "vpc", PublicIpv4Pool: "amazon", NetworkBorderGroup: s.opt.Region,
		AssociationId: a.Assoc, NetworkInterfaceId: a.Interface, Tags: s.tagsSeen(a.ID).ec2(),
	}
	if n := s.interfaces.get(a.Interface); n != nil {
		out.InstanceId, out.PrivateIpAddress, out.NetworkInterfaceOwnerId = n.Instance, n.PrivateIP.String(), s.opt.AccountID
	}
	return out
}

func (c *call) allocateAddress(in *ec2.AllocateAddressRequest) (any, error) {
	tags, err := specified(in.TagSpecifications, "elastic-ip")
	if err != nil {
		return nil, err
	}
	a := &address{ID: c.newID("eipalloc"), IP: c.publicIP()}
	c.eips.put(a.ID, a)
	c.setTags(a.ID, tags["elastic-ip"])
	return &ec2.AllocateAddressResult{AllocationId: a.ID, PublicIp: a.IP.String(), Domain: "vpc", PublicIpv4Pool: "amazon", NetworkBorderGroup: c.opt.Region}, nil
}

func (c *call) findAddress(id, ip string) (*address, error) {
	if id != "" {
		return find(c.eips, allocationID, id)
	}
	for _, a := range c.eips.after(0) {
		if a.IP.String() == ip {
			return a, nil
		}
	}
	if ip == "" {
		return nil, fail("MissingParameter", "Either public IP or allocation id must be specified")
	}
	return nil, fail("InvalidAddress.NotFound", "Address '%s' not found.", ip)
}

func (c *call) associateAddress(in *ec2.AssociateAddressRequest) (any, error) {
	a, err := c.findAddress(in.AllocationId, in.PublicIp)
	if err != nil {
		return nil, err
	}
	var to *netInterface
	switch {
	case in.NetworkInterfaceId != "":
		if to, err = find(c.interfaces, interfaceID, in.NetworkInterfaceId); err != nil {
			return nil, err
		}
	case in.InstanceId != "":
		i, err := find(c.instances, instanceID, in.InstanceId)
		if err != nil {
			return nil, err
		}
		if i.State != stateRunning && i.State != stateStopped && i.State != statePending || len(i.Interfaces) == 0 {
			return nil, fail("IncorrectInstanceState", "The instance '%s' is not in a valid state for this operation.", i.ID)
		}
		to = c.interfaces.get(i.Interfaces[0])
	default:
		return nil, fail("MissingParameter", "Either instance ID or network interface id must be specified")
	}
	if a.Interface == to.ID {
		return &ec2.AssociateAddressResult{AssociationId: a.Assoc}, nil
	}
	if a.Interface != "" && !value(in.AllowReassociation, true) {
		return nil, fail("Resource.AlreadyAssociated", "resource %s is already associated with associate-id %s", a.ID, a.Assoc)
	}
	if !c.vpcHasGateway(to.VPC) {
		return nil, fail("Gateway.NotAttached", "Network %s is not attached to any internet gateway", to.VPC)
	}
	c.detachAddress(a.ID)
	for other := range c.eips.all() { // an interface has one address; the older one goes
		if other.Interface == to.ID {
			c.detachAddress(other.ID)
		}
	}
	assoc := c.newID("eipassoc")
	c.eips.update(a.ID, func(a *address) { a.Interface, a.Assoc = to.ID, assoc })
	c.interfaces.update(to.ID, func(n *netInterface) {
		if n.EIP == "" {
			c.freePublicIP(n.PublicIP)
		}
		n.PublicIP, n.EIP = a.IP, a.ID
	})
	return &ec2.AssociateAddressResult{AssociationId: assoc}, nil
}

func (s *Server) vpcHasGateway(id string) bool {
	return s.gateways.any(func(g *gateway) bool { return g.VPC == id })
}

// freePublicIP gives back an address that was not elastic.
func (s *Server) freePublicIP(ip netip.Addr) {
	if ip.IsValid() {
		delete(s.publicIPs, ip)
	}
}

// detachAddress takes an elastic address off its interface.
func (s *Server) detachAddress(id string) {
	a := s.eips.get(id)
	if a == nil || a.Interface == "" {
		return
	}
	s.interfaces.update(a.Interface, func(n *netInterface) { n.PublicIP, n.EIP = netip.Addr{}, "" })
	s.eips.update(id, func(a *address) { a.Interface, a.Assoc, a.Owner = "", "", "" })
}

func (c *call) disassociateAddress(in *ec2.DisassociateAddressRequest) (any, error) {
	for a := range c.eips.all() {
		if in.AssociationId != "" && a.Assoc == in.AssociationId || in.AssociationId == "" && a.IP.String() == in.PublicIp {
			if a.Owner != "" {
				return nil, fail("AuthFailure", "You do not have permission to access the specified resource: %s belongs to a NAT gateway or load balancer.", a.ID)
			}
			c.detachAddress(a.ID)
			return nil, nil
		}
	}
	return nil, fail("InvalidAssociationID.NotFound", "The association ID '%s' does not exist", in.AssociationId)
}

func (c *call) releaseAddress(in *ec2.ReleaseAddressRequest) (any, error) {
	a, err := c.findAddress(in.AllocationId, in.PublicIp)
	if err != nil {
		return nil, err
	}
	if a.Interface != "" {
		return nil, fail("InvalidIPAddress.InUse", "Address %s is in use by %s.", a.IP, a.Interface)
	}
	delete(c.publicIPs, a.IP)
	c.eips.delete(a.ID)
	c.tags.delete(a.ID)
	return nil, nil
}

func (c *call) describeAddresses(in *ec2.DescribeAddressesRequest) (any, error) {
	render := func(f func(ec2.Address) string) func(*address, func(string) bool) bool {
		return func(a *address, is func(string) bool) bool { v := f(c.renderAddress(a)); return v != "" && is(v) }
	}
	rows, _, err := list(c.s, listing[address]{
		table: c.eips, kind: allocationID, ids: in.AllocationIds, filters: in.Filters,
		id: func(a *address) string { return a.ID },
		set: filterSet[address]{
			"allocation-id":              func(a *address, is func(string) bool) bool { return is(a.ID) },
			"association-id":             func(a *address, is func(string) bool) bool { return is(a.Assoc) },
			"domain":                     func(_ *address, is func(string) bool) bool { return is("vpc") },
			"instance-id":                render(func(a ec2.Address) string { return a.InstanceId }),
			"network-interface-id":       func(a *address, is func(string) bool) bool { return is(a.Interface) },
			"network-interface-owner-id": render(func(a ec2.Address) string { return a.NetworkInterfaceOwnerId }),
			"private-ip-address":         render(func(a ec2.Address) string { return a.PrivateIpAddress }),
			"public-ip":                  func(a *address, is func(string) bool) bool { return is(a.IP.String()) },
		},
	})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeAddressesResult{Addresses: []ec2.Address{}}
	found := map[string]bool{}
	for _, a := range rows {
		found[a.IP.String()] = true
	}
	for _, ip := range in.PublicIps {
		if !found[ip] {
			return nil, fail("InvalidAddress.NotFound", "Address '%s' not found.", ip)
		}
	}
	for _, a := range rows {
		if len(in.PublicIps) == 0 || anyOf(in.PublicIps)(a.IP.String()) {
			out.Addresses = append(out.Addresses, c.renderAddress(a))
		}
	}
	return out, nil
}

func (c *call) describeAddressesAttribute(in *ec2.DescribeAddressesAttributeRequest) (any, error) {
	out := &ec2.DescribeAddressesAttributeResult{Addresses: []ec2.AddressAttribute{}}
	for _, id := range in.AllocationIds {
		a, err := find(c.eips, allocationID, id)
		if err != nil {
			return nil, err
		}
		out.Addresses = append(out.Addresses, ec2.AddressAttribute{AllocationId: a.ID, PublicIp: a.IP.String()})
	}
	return out, nil
}
