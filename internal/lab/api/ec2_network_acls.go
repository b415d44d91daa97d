package api

import (
	"slices"
	"strings"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

// networkACL is the default network ACL of a VPC; the lab has no others, and this one lets everything through.
type networkACL struct{ ID, VPC string }

func (c *call) describeNetworkAcls(in *ec2.DescribeNetworkAclsRequest) (any, error) {
	rows, next, err := list(c.s, listing[networkACL]{
		table: c.acls, kind: aclID, ids: in.NetworkAclIds, filters: in.Filters, max: in.MaxResults, token: in.NextToken,
		id: func(a *networkACL) string { return a.ID },
		set: filterSet[networkACL]{
			"network-acl-id": func(a *networkACL, is func(string) bool) bool { return is(a.ID) },
			"vpc-id":         func(a *networkACL, is func(string) bool) bool { return is(a.VPC) },
			"default":        func(_ *networkACL, is func(string) bool) bool { return is("true") },
			"owner-id":       func(_ *networkACL, is func(string) bool) bool { return is(c.opt.AccountID) },
			"association.subnet-id": func(a *networkACL, is func(string) bool) bool {
				return c.subnets.any(func(sn *subnet) bool { return sn.VPC == a.VPC && is(sn.ID) })
			},
		},
	})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeNetworkAclsResult{NetworkAcls: make([]ec2.NetworkAcl, 0, len(rows)), NextToken: next}
	for _, a := range rows {
		x := ec2.NetworkAcl{
			NetworkAclId: a.ID, VpcId: a.VPC, IsDefault: new(true), OwnerId: c.opt.AccountID, Tags: c.tagsSeen(a.ID).ec2(),
			Associations: []ec2.NetworkAclAssociation{},
		}
		for _, egress := range []bool{true, false} {
			x.Entries = append(x.Entries,
				ec2.NetworkAclEntry{CidrBlock: "0.0.0.0/0", Egress: new(egress), Protocol: "-1", RuleAction: "allow", RuleNumber: new(int64(100))},
				ec2.NetworkAclEntry{CidrBlock: "0.0.0.0/0", Egress: new(egress), Protocol: "-1", RuleAction: "deny", RuleNumber: new(int64(32767))})
		}
		for sn := range c.subnets.all() {
			if sn.VPC == a.VPC {
				x.Associations = append(x.Associations, ec2.NetworkAclAssociation{
					NetworkAclAssociationId: "aclassoc" + strings.TrimPrefix(sn.ID, "subnet"), NetworkAclId: a.ID, SubnetId: sn.ID,
				})
			}
		}
		out.NetworkAcls = append(out.NetworkAcls, x)
	}
	return out, nil
}

// dhcpOptions is a set of DHCP options.
type dhcpOptions struct {
	ID      string
	Default bool
	Options []dhcpOption
}

type dhcpOption struct {
	Key    string
	Values []string
}

// defaultDHCP gives the account's default options, and makes them the first time.
func (s *Server) defaultDHCP() string {
	for d := range s.dhcp.all() {
		if d.Default {
			return d.ID
		}
	}
	d := &dhcpOptions{ID: s.newID("dopt"), Default: true, Options: []dhcpOption{
		{Key: "domain-name", Values: []string{s.internalDomain()}},
		{Key: "domain-name-servers", Values: []string{"AmazonProvidedDNS"}},
	}}
	s.dhcp.put(d.ID, d)
	return d.ID
}

// internalDomain is the domain of private host names.
func (s *Server) internalDomain() string {
	if s.opt.Region == "us-east-1" {
		return "ec2.internal"
	}
	return s.opt.Region + ".compute.internal"
}

func (s *Server) renderDHCP(d *dhcpOptions) ec2.DhcpOptions {
	out := ec2.DhcpOptions{DhcpOptionsId: d.ID, OwnerId: s.opt.AccountID, Tags: s.tagsSeen(d.ID).ec2()}
	for _, o := range d.Options {
		x := ec2.DhcpConfiguration{Key: o.Key}
		for _, v := range o.Values {
			x.Values = append(x.Values, ec2.AttributeValue{Value: v})
		}
		out.DhcpConfigurations = append(out.DhcpConfigurations, x)
	}
	return out
}

func (c *call) createDhcpOptions(in *ec2.CreateDhcpOptionsRequest) (any, error) {
	tags, err := specified(in.TagSpecifications, "dhcp-options")
	if err != nil {
		return nil, err
	}
	d := &dhcpOptions{ID: c.newID("dopt")}
	known := []string{"domain-name", "domain-name-servers", "ntp-servers", "netbios-name-servers", "netbios-node-type", "ipv6-address-preferred-lease-time"}
	for _, o := range in.DhcpConfigurations {
		if !slices.Contains(known, o.Key) {
			return nil, fail("InvalidParameterValue", "Value (%s) for parameter name is invalid. Unknown DHCP option", o.Key)
		}
		d.Options = append(d.Options, dhcpOption{Key: o.Key, Values: o.Values})
	}
	c.dhcp.put(d.ID, d)
	c.setTags(d.ID, tags["dhcp-options"])
	return &ec2.CreateDhcpOptionsResult{DhcpOptions: new(c.renderDHCP(d))}, nil
}

func (c *call) describeDhcpOptions(in *ec2.DescribeDhcpOptionsRequest) (any, error) {
	rows, next, err := list(c.s, listing[dhcpOptions]{
		table: c.dhcp, kind: dhcpID, ids: in.DhcpOptionsIds, filters: in.Filters, max: in.MaxResults, token: in.NextToken,
		id: func(d *dhcpOptions) string { return d.ID },
		set: filterSet[dhcpOptions]{
			"dhcp-options-id": func(d *dhcpOptions, is func(string) bool) bool { return is(d.ID) },
			"owner-id":        func(_ *dhcpOptions, is func(string) bool) bool { return is(c.opt.AccountID) },
			"key": func(d *dhcpOptions, is func(string) bool) bool {
				return slices.ContainsFunc(d.Options, func(o dhcpOption) bool { return is(o.Key) })
			},
			"value": func(d *dhcpOptions, is func(string) bool) bool {
				return slices.ContainsFunc(d.Options, func(o dhcpOption) bool { return slices.ContainsFunc(o.Values, is) })
			},
		},
	})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeDhcpOptionsResult{DhcpOptions: make([]ec2.DhcpOptions, 0, len(rows)), NextToken: next}
	for _, d := range rows {
		out.DhcpOptions = append(out.DhcpOptions, c.renderDHCP(d))
	}
	return out, nil
}

func (c *call) associateDhcpOptions(in *ec2.AssociateDhcpOptionsRequest) (any, error) {
	v, err := find(c.vpcs, vpcID, in.VpcId)
	if err != nil {
		return nil, err
	}
	id := in.DhcpOptionsId
	if id == "default" {
		id = c.defaultDHCP()
	} else if _, err := find(c.dhcp, dhcpID, id); err != nil {
		return nil, err
	}
	c.vpcs.update(v.ID, func(v *vpc) { v.DHCP = id })
	return nil, nil
}

func (c *call) deleteDhcpOptions(in *ec2.DeleteDhcpOptionsRequest) (any, error) {
	d, err := find(c.dhcp, dhcpID, in.DhcpOptionsId)
	if err != nil {
		return nil, err
	}
	for v := range c.vpcs.all() {
		if v.DHCP == d.ID {
			return nil, fail("DependencyViolation", "The dhcpOptions '%s' has dependencies and cannot be deleted: %s", d.ID, v.ID)
		}
	}
	c.dhcp.delete(d.ID)
	c.tags.delete(d.ID)
	return nil, nil
}
