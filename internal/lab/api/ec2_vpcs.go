package api

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

// vpc is a virtual private cloud.
type vpc struct {
	ID           string
	Blocks       []vpcBlock // the first is the primary
	Default      bool
	Tenancy      string
	DNSSupport   bool
	DNSHostnames bool
	Metrics      bool
	DHCP         string
	MainTable    string
	Group        string // default security group
	ACL          string
}

type vpcBlock struct {
	ID   string // vpc-cidr-assoc-…
	CIDR netip.Prefix
}

func (v *vpc) contains(p netip.Prefix) bool {
	return slices.ContainsFunc(v.Blocks, func(b vpcBlock) bool { return b.CIDR.Bits() <= p.Bits() && b.CIDR.Contains(p.Addr()) })
}

// parseBlock reads an IPv4 range of /16 to /28 and clears its host bits, as EC2 does.
func parseBlock(text, code string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil || !p.Addr().Is4() {
		return p, fail("InvalidParameterValue", "Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", text)
	}
	if p.Bits() < 16 || p.Bits() > 28 {
		return p, fail(code, "The CIDR '%s' is invalid.", text)
	}
	return p.Masked(), nil
}

// makeVPC makes a VPC with what comes with it: main route table, default security group and network ACL.
func (s *Server) makeVPC(cidr netip.Prefix, tenancy string, isDefault bool) *vpc {
	if tenancy == "" {
		tenancy = "default"
	}
	v := &vpc{
		ID: s.newID("vpc"), Default: isDefault, Tenancy: tenancy, DNSSupport: true, DNSHostnames: isDefault, DHCP: s.defaultDHCP(),
		Blocks: []vpcBlock{{ID: s.newID("vpc-cidr-assoc"), CIDR: cidr}},
	}
	t := s.makeRouteTable(v)
	t.Associations = []association{{ID: s.newID("rtbassoc"), Main: true}}
	v.MainTable = t.ID
	g := s.makeGroup(v.ID, "default", "default VPC security group")
	g.Rules = append(g.Rules, groupRule{ID: s.newID("sgr"), Protocol: "-1", FromPort: -1, ToPort: -1, Group: g.ID})
	v.Group = g.ID
	a := &networkACL{ID: s.newID("acl"), VPC: v.ID}
	v.ACL = a.ID
	s.acls.put(a.ID, a)
	s.routeTables.put(t.ID, t)
	s.groups.put(g.ID, g)
	s.vpcs.put(v.ID, v)
	return v
}

func (c *call) createVpc(in *ec2.CreateVpcRequest) (any, error) {
	if in.CidrBlock == "" {
		return nil, fail("MissingParameter", "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.")
	}
	cidr, err := parseBlock(in.CidrBlock, "InvalidVpc.Range")
	if err != nil {
		return nil, err
	}
	tags, err := specified(in.TagSpecifications, "vpc")
	if err != nil {
		return nil, err
	}
	v := c.makeVPC(cidr, in.InstanceTenancy, false)
	c.setTags(v.ID, tags["vpc"])
	out := c.renderVPC(v)
	out.State = "pending"
	return &ec2.CreateVpcResult{Vpc: &out}, nil
}

func (s *Server) renderVPC(v *vpc) ec2.Vpc {
	out := ec2.Vpc{
		VpcId: v.ID, State: "available", CidrBlock: v.Blocks[0].CIDR.String(), DhcpOptionsId: v.DHCP, InstanceTenancy: v.Tenancy,
		IsDefault: new(v.Default), OwnerId: s.opt.AccountID, Tags: s.tagsSeen(v.ID).ec2(), Ipv6CidrBlockAssociationSet: []ec2.VpcIpv6CidrBlockAssociation{},
	}
	for _, b := range v.Blocks {
		out.CidrBlockAssociationSet = append(out.CidrBlockAssociationSet, renderBlock(b, "associated"))
	}
	return out
}

func renderBlock(b vpcBlock, state string) ec2.VpcCidrBlockAssociation {
	return ec2.VpcCidrBlockAssociation{AssociationId: b.ID, CidrBlock: b.CIDR.String(), CidrBlockState: &ec2.VpcCidrBlockState{State: state}}
}

func (c *call) describeVpcs(in *ec2.DescribeVpcsRequest) (any, error) {
	rows, next, err := list(c.s, listing[vpc]{
		table: c.vpcs, kind: vpcID, ids: in.VpcIds, filters: in.Filters, max: in.MaxResults, token: in.NextToken,
		id: func(v *vpc) string { return v.ID },
		set: filterSet[vpc]{
			"vpc-id": func(v *vpc, is func(string) bool) bool { return is(v.ID) },
			"cidr":   func(v *vpc, is func(string) bool) bool { return is(v.Blocks[0].CIDR.String()) },
			"cidr-block-association.cidr-block": func(v *vpc, is func(string) bool) bool {
				return slices.ContainsFunc(v.Blocks, func(b vpcBlock) bool { return is(b.CIDR.String()) })
			},
			"cidr-block-association.association-id": func(v *vpc, is func(string) bool) bool {
				return slices.ContainsFunc(v.Blocks, func(b vpcBlock) bool { return is(b.ID) })
			},
			"cidr-block-association.state": func(_ *vpc, is func(string) bool) bool { return is("associated") },
			"dhcp-options-id":              func(v *vpc, is func(string) bool) bool { return is(v.DHCP) },
			"is-default":                   func(v *vpc, is func(string) bool) bool { return isBool(is, v.Default) },
			"isDefault":                    func(v *vpc, is func(string) bool) bool { return isBool(is, v.Default) },
			"owner-id":                     func(_ *vpc, is func(string) bool) bool { return is(c.opt.AccountID) },
			"state":                        func(_ *vpc, is func(string) bool) bool { return is("available") },
		},
	})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVpcsResult{Vpcs: make([]ec2.Vpc, 0, len(rows)), NextToken: next}
	for _, v := range rows {
		out.Vpcs = append(out.Vpcs, c.renderVPC(v))
	}
	return out, nil
}

func isBool(is func(string) bool, b bool) bool {
	if b {
		return is("true")
	}
	return is("false")
}

func (c *call) deleteVpc(in *ec2.DeleteVpcRequest) (any, error) {
	v, err := find(c.vpcs, vpcID, in.VpcId)
	if err != nil {
		return nil, err
	}
	if blockers := c.vpcBlockers(v); len(blockers) > 0 {
		return nil, fail("DependencyViolation", "The vpc '%s' has dependencies and cannot be deleted: %s", v.ID, summary(blockers))
	}
	c.dropVPC(v)
	return nil, nil
}

func (s *Server) dropVPC(v *vpc) {
	s.routeTables.delete(v.MainTable)
	s.groups.delete(v.Group)
	s.acls.delete(v.ACL)
	s.vpcs.delete(v.ID)
	for _, id := range []string{v.ID, v.MainTable, v.Group, v.ACL} {
		s.tags.delete(id)
	}
}

// vpcBlockers are the things that EC2 wants gone before the VPC.
func (s *Server) vpcBlockers(v *vpc) []string {
	var out []string
	for x := range s.subnets.all() {
		if x.VPC == v.ID {
			out = append(out, x.ID)
		}
	}
	for x := range s.gateways.all() {
		if x.VPC == v.ID {
			out = append(out, x.ID)
		}
	}
	for x := range s.groups.all() {
		if x.VPC == v.ID && x.ID != v.Group {
			out = append(out, x.ID)
		}
	}
	for x := range s.routeTables.all() {
		if x.VPC == v.ID && x.ID != v.MainTable {
			out = append(out, x.ID)
		}
	}
	for x := range s.interfaces.all() {
		if x.VPC == v.ID {
			out = append(out, x.ID)
		}
	}
	return out
}

// summary names the first few of a list.
func summary(list []string) string {
	const most = 5
	if len(list) > most {
		return strings.Join(list[:most], ", ") + ", …"
	}
	return strings.Join(list, ", ")
}

func (c *call) modifyVpcAttribute(in *ec2.ModifyVpcAttributeRequest) (any, error) {
	v, err := find(c.vpcs, vpcID, in.VpcId)
	if err != nil {
		return nil, err
	}
	n := 0
	set := func(to **ec2.AttributeBooleanValue, f func(*vpc, bool)) {
		if *to != nil && (*to).Value != nil {
			n++
			c.vpcs.update(v.ID, func(v *vpc) { f(v, *(*to).Value) })
		}
	}
	if in.EnableDnsHostnames != nil && in.EnableDnsSupport != nil {
		return nil, fail("InvalidParameterCombination", "Fields for multiple attribute types specified")
	}
	set(&in.EnableDnsHostnames, func(v *vpc, b bool) { v.DNSHostnames = b })
	set(&in.EnableDnsSupport, func(v *vpc, b bool) { v.DNSSupport = b })
	set(&in.EnableNetworkAddressUsageMetrics, func(v *vpc, b bool) { v.Metrics = b })
	if n == 0 {
		return nil, fail("InvalidParameterCombination", "No attributes specified.")
	}
	return nil, nil
}

func (c *call) describeVpcAttribute(in *ec2.DescribeVpcAttributeRequest) (any, error) {
	v, err := find(c.vpcs, vpcID, in.VpcId)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVpcAttributeResult{VpcId: v.ID}
	switch in.Attribute {
	case "enableDnsSupport":
		out.EnableDnsSupport = &ec2.AttributeBooleanValue{Value: new(v.DNSSupport)}
	case "enableDnsHostnames":
		out.EnableDnsHostnames = &ec2.AttributeBooleanValue{Value: new(v.DNSHostnames)}
	case "enableNetworkAddressUsageMetrics":
		out.EnableNetworkAddressUsageMetrics = &ec2.AttributeBooleanValue{Value: new(v.Metrics)}
	default:
		return nil, fail("InvalidParameterValue", "Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
	}
	return out, nil
}

func (c *call) associateVpcCidrBlock(in *ec2.AssociateVpcCidrBlockRequest) (any, error) {
	v, err := find(c.vpcs, vpcID, in.VpcId)
	if err != nil {
		return nil, err
	}
	if in.CidrBlock == "" {
		return nil, fail("UnsupportedOperation", "The lab only associates IPv4 CIDR blocks")
	}
	cidr, err := parseBlock(in.CidrBlock, "InvalidVpc.Range")
	if err != nil {
		return nil, err
	}
	for _, b := range v.Blocks {
		if b.CIDR.Overlaps(cidr) {
			return nil, fail("InvalidVpc.Range", "The CIDR '%s' overlaps %s of the same VPC.", cidr, b.CIDR)
		}
	}
	b := vpcBlock{ID: c.newID("vpc-cidr-assoc"), CIDR: cidr}
	c.vpcs.update(v.ID, func(v *vpc) { v.Blocks = append(slices.Clone(v.Blocks), b) })
	return &ec2.AssociateVpcCidrBlockResult{VpcId: v.ID, CidrBlockAssociation: new(renderBlock(b, "associating"))}, nil
}

func (c *call) disassociateVpcCidrBlock(in *ec2.DisassociateVpcCidrBlockRequest) (any, error) {
	for v := range c.vpcs.all() {
		i := slices.IndexFunc(v.Blocks, func(b vpcBlock) bool { return b.ID == in.AssociationId })
		if i < 0 {
			continue
		}
		b := v.Blocks[i]
		if i == 0 {
			return nil, fail("OperationNotPermitted", "The vpc CIDR block with association ID %s may not be disassociated. It is the primary IPv4 CIDR block of the VPC", b.ID)
		}
		for sn := range c.subnets.all() {
			if sn.VPC == v.ID && b.CIDR.Contains(sn.CIDR.Addr()) {
				return nil, fail("DependencyViolation", "The CIDR block %s is in use by %s", b.CIDR, sn.ID)
			}
		}
		c.vpcs.update(v.ID, func(v *vpc) { v.Blocks = slices.Delete(slices.Clone(v.Blocks), i, i+1) })
		return &ec2.DisassociateVpcCidrBlockResult{VpcId: v.ID, CidrBlockAssociation: new(renderBlock(b, "disassociating"))}, nil
	}
	return nil, fail("InvalidVpcCidrBlockAssociationIdError.NotFound", "The vpc CIDR block association ID '%s' does not exist", in.AssociationId)
}

// seedAccount makes what a new account has.
func (s *Server) seedAccount() {
	if s.opt.NoDefaultVPC {
		return
	}
	v := s.makeVPC(netip.MustParsePrefix("172.31.0.0/16"), "default", true)
	g := &gateway{ID: s.newID("igw"), VPC: v.ID}
	s.gateways.put(g.ID, g)
	s.routeTables.update(v.MainTable, func(t *routeTable) {
		t.Routes = append(slices.Clone(t.Routes), route{Destination: "0.0.0.0/0", Gateway: g.ID, Origin: "CreateRoute"})
	})
	for i, z := range zones(s.opt.Region) {
		addr := netip.AddrFrom4([4]byte{172, 31, byte(i * 16), 0})
		sn := &subnet{ID: s.newID("subnet"), VPC: v.ID, CIDR: netip.PrefixFrom(addr, 20), Zone: z.name, ZoneID: z.id, PublicIP: true, Default: true, HostnameType: "ip-name"}
		s.subnets.put(sn.ID, sn)
	}
}
