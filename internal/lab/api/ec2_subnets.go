package api

import (
	"net/netip"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

// subnet is a range of a VPC in one zone.
type subnet struct {
	ID           string
	VPC          string
	CIDR         netip.Prefix
	Zone, ZoneID string
	PublicIP     bool // instances get a public address
	Default      bool
	HostnameType string
	DNSA         bool // resource name DNS A record
}

const reservedAddresses = 5 // the first four and the last of every subnet

// addressPool gives out the addresses of a subnet in turn, so that an address is not used again at once.
type addressPool struct {
	cidr        netip.Prefix
	first, last netip.Addr
	next        netip.Addr
	used        map[netip.Addr]struct{}
}

func newAddressPool(cidr netip.Prefix) *addressPool {
	p := &addressPool{cidr: cidr, used: map[netip.Addr]struct{}{}}
	p.first = cidr.Addr().Next().Next().Next().Next()
	b := cidr.Addr().As4()
	end := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	end += 1<<(32-cidr.Bits()) - 2
	p.last = netip.AddrFrom4([4]byte{byte(end >> 24), byte(end >> 16), byte(end >> 8), byte(end)})
	p.next = p.first
	return p
}

func (p *addressPool) free() int {
	return 1<<(32-p.cidr.Bits()) - reservedAddresses - len(p.used)
}

func (p *addressPool) take(a netip.Addr) { p.used[a] = struct{}{} }
func (p *addressPool) drop(a netip.Addr) { delete(p.used, a) }

func (p *addressPool) usable(a netip.Addr) bool {
	return p.cidr.Contains(a) && a.Compare(p.first) >= 0 && a.Compare(p.last) <= 0
}

// pick takes the next free address; there must be one.
func (p *addressPool) pick() netip.Addr {
	for {
		a := p.next
		if p.next = a.Next(); p.next.Compare(p.last) > 0 {
			p.next = p.first
		}
		if _, taken := p.used[a]; !taken {
			p.take(a)
			return a
		}
	}
}

func (s *Server) pool(subnetID string) *addressPool {
	p := s.addresses[subnetID]
	if p == nil {
		cidr := netip.MustParsePrefix("0.0.0.0/28")
		if sn := s.subnets.get(subnetID); sn != nil {
			cidr = sn.CIDR
		}
		p = newAddressPool(cidr)
		s.addresses[subnetID] = p
	}
	return p
}

func (c *call) createSubnet(in *ec2.CreateSubnetRequest) (any, error) {
	v, err := find(c.vpcs, vpcID, in.VpcId)
	if err != nil {
		return nil, err
	}
	if in.CidrBlock == "" {
		return nil, fail("MissingParameter", "Either 'ipv6CidrBlock' or 'cidrBlock' should be provided.")
	}
	cidr, err := parseBlock(in.CidrBlock, "InvalidSubnet.Range")
	if err != nil {
		return nil, err
	}
	if !v.contains(cidr) {
		return nil, fail("InvalidSubnet.Range", "The CIDR '%s' is invalid.", in.CidrBlock)
	}
	for sn := range c.subnets.all() {
		if sn.VPC == v.ID && sn.CIDR.Overlaps(cidr) {
			return nil, fail("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", in.CidrBlock)
		}
	}
	z := zones(c.opt.Region)[0]
	if want := in.AvailabilityZone + in.AvailabilityZoneId; want != "" {
		var ok bool
		if z, ok = c.zone(want); !ok {
			return nil, fail("InvalidParameterValue", "Value (%s) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: %s.", want, zoneNames(c.opt.Region))
		}
	}
	tags, err := specified(in.TagSpecifications, "subnet")
	if err != nil {
		return nil, err
	}
	sn := &subnet{ID: c.newID("subnet"), VPC: v.ID, CIDR: cidr, Zone: z.name, ZoneID: z.id, HostnameType: "ip-name"}
	c.subnets.put(sn.ID, sn)
	c.setTags(sn.ID, tags["subnet"])
	return &ec2.CreateSubnetResult{Subnet: new(c.renderSubnet(sn))}, nil
}

func zoneNames(region string) string {
	out := ""
	for i, z := range zones(region) {
		if i > 0 {
			out += ", "
		}
		out += z.name
	}
	return out
}

func (s *Server) renderSubnet(sn *subnet) ec2.Subnet {
	return ec2.Subnet{
		SubnetId: sn.ID, VpcId: sn.VPC, CidrBlock: sn.CIDR.String(), State: "available", AvailabilityZone: sn.Zone, AvailabilityZoneId: sn.ZoneID,
		AvailableIpAddressCount: new(int64(s.pool(sn.ID).free())), DefaultForAz: new(sn.Default), MapPublicIpOnLaunch: new(sn.PublicIP),
		AssignIpv6AddressOnCreation: new(false), MapCustomerOwnedIpOnLaunch: new(false), EnableDns64: new(false), Ipv6Native: new(false), OwnerId: s.opt.AccountID,
		SubnetArn: s.arn("ec2", "subnet/"+sn.ID), Tags: s.tagsSeen(sn.ID).ec2(), Ipv6CidrBlockAssociationSet: []ec2.SubnetIpv6CidrBlockAssociation{},
		PrivateDnsNameOptionsOnLaunch: &ec2.PrivateDnsNameOptionsOnLaunch{
			HostnameType: sn.HostnameType, EnableResourceNameDnsARecord: new(sn.DNSA), EnableResourceNameDnsAAAARecord: new(false),
		},
	}
}

func (c *call) describeSubnets(in *ec2.DescribeSubnetsRequest) (any, error) {
	zoneIs := func(sn *subnet, is func(string) bool) bool { return is(sn.Zone) }
	zoneIDIs := func(sn *subnet, is func(string) bool) bool { return is(sn.ZoneID) }
	defaultIs := func(sn *subnet, is func(string) bool) bool { return isBool(is, sn.Default) }
	cidrIs := func(sn *subnet, is func(string) bool) bool { return is(sn.CIDR.String()) }
	rows, next, err := list(c.s, listing[subnet]{
		table: c.subnets, kind: subnetID, ids: in.SubnetIds, filters: in.Filters, max: in.MaxResults, token: in.NextToken,
		id: func(sn *subnet) string { return sn.ID },
		set: filterSet[subnet]{
			"subnet-id":         func(sn *subnet, is func(string) bool) bool { return is(sn.ID) },
			"subnet-arn":        func(sn *subnet, is func(string) bool) bool { return is(c.arn("ec2", "subnet/"+sn.ID)) },
			"vpc-id":            func(sn *subnet, is func(string) bool) bool { return is(sn.VPC) },
			"availability-zone": zoneIs, "availabilityZone": zoneIs,
			"availability-zone-id": zoneIDIs, "availabilityZoneId": zoneIDIs,
			"cidr-block": cidrIs, "cidr": cidrIs, "cidrBlock": cidrIs,
			"default-for-az": defaultIs, "defaultForAz": defaultIs,
			"map-public-ip-on-launch": func(sn *subnet, is func(string) bool) bool { return isBool(is, sn.PublicIP) },
			"owner-id":                func(_ *subnet, is func(string) bool) bool { return is(c.opt.AccountID) },
			"state":                   func(_ *subnet, is func(string) bool) bool { return is("available") },
			"available-ip-address-count": func(sn *subnet, is func(string) bool) bool {
				return isInt(is, int64(c.pool(sn.ID).free()))
			},
		},
	})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeSubnetsResult{Subnets: make([]ec2.Subnet, 0, len(rows)), NextToken: next}
	for _, sn := range rows {
		out.Subnets = append(out.Subnets, c.renderSubnet(sn))
	}
	return out, nil
}

func (c *call) deleteSubnet(in *ec2.DeleteSubnetRequest) (any, error) {
	sn, err := find(c.subnets, subnetID, in.SubnetId)
	if err != nil {
		return nil, err
	}
	var blockers []string
	for n := range c.interfaces.all() {
		if n.Subnet == sn.ID {
			blockers = append(blockers, n.ID)
		}
	}
	if len(blockers) > 0 {
		return nil, fail("DependencyViolation", "The subnet '%s' has dependencies and cannot be deleted: %s", sn.ID, summary(blockers))
	}
	for t := range c.routeTables.all() {
		c.dropAssociations(t, func(a association) bool { return a.Subnet == sn.ID })
	}
	c.subnets.delete(sn.ID)
	c.tags.delete(sn.ID)
	delete(c.addresses, sn.ID)
	return nil, nil
}

func (c *call) modifySubnetAttribute(in *ec2.ModifySubnetAttributeRequest) (any, error) {
	sn, err := find(c.subnets, subnetID, in.SubnetId)
	if err != nil {
		return nil, err
	}
	c.subnets.update(sn.ID, func(sn *subnet) {
		if b := in.MapPublicIpOnLaunch; b != nil {
			sn.PublicIP = value(b.Value, false)
		}
		if b := in.EnableResourceNameDnsARecordOnLaunch; b != nil {
			sn.DNSA = value(b.Value, false)
		}
		if in.PrivateDnsHostnameTypeOnLaunch != "" {
			sn.HostnameType = in.PrivateDnsHostnameTypeOnLaunch
		}
	})
	return nil, nil
}
