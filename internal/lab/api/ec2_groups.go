package api

import (
	"slices"
	"strconv"
	"strings"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

// group is a security group.
type group struct {
	ID, VPC, Name, Description string
	Rules                      []groupRule
}

// groupRule is one permission with one peer. Ports are -1 where the protocol has none.
type groupRule struct {
	ID               string
	Egress           bool
	Protocol         string // tcp, udp, icmp, icmpv6, a number, or -1
	FromPort, ToPort int
	CIDR, CIDR6      string
	PrefixList       string
	Group            string
	Description      string
}

// same compares what makes two rules duplicates: everything but id and description.
func (r groupRule) same(o groupRule) bool {
	r.ID, r.Description, o.ID, o.Description = "", "", "", ""
	return r == o
}

// makeGroup makes a group with the egress rule every new group has.
func (s *Server) makeGroup(vpc, name, description string) *group {
	return &group{ID: s.newID("sg"), VPC: vpc, Name: name, Description: description, Rules: []groupRule{
		{ID: s.newID("sgr"), Egress: true, Protocol: "-1", FromPort: -1, ToPort: -1, CIDR: "0.0.0.0/0"},
	}}
}

func (s *Server) defaultVPC() *vpc {
	for v := range s.vpcs.all() {
		if v.Default {
			return v
		}
	}
	return nil
}

func (c *call) createSecurityGroup(in *ec2.CreateSecurityGroupRequest) (any, error) {
	if strings.HasPrefix(in.GroupName, "sg-") {
		return nil, fail("InvalidParameterValue", "Value (%s) for parameter GroupName is invalid. Group names may not be in the format sg-*.", in.GroupName)
	}
	if in.GroupName == "" || len(in.GroupName) > 255 {
		return nil, fail("InvalidParameterValue", "Invalid security group name: it must have 1 to 255 characters")
	}
	if in.Description == "" || len(in.Description) > 255 {
		return nil, fail("InvalidParameterValue", "Invalid security group description: it must have 1 to 255 characters")
	}
	id := in.VpcId
	if id == "" {
		v := c.defaultVPC()
		if v == nil {
			return nil, fail("VPCIdNotSpecified", "No default VPC for this user")
		}
		id = v.ID
	} else if _, err := find(c.vpcs, vpcID, id); err != nil {
		return nil, err
	}
	if c.groups.any(func(g *group) bool { return g.VPC == id && g.Name == in.GroupName }) {
		return nil, fail("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", in.GroupName, id)
	}
	tags, err := specified(in.TagSpecifications, "security-group")
	if err != nil {
		return nil, err
	}
	g := c.makeGroup(id, in.GroupName, in.Description)
	c.groups.put(g.ID, g)
	c.setTags(g.ID, tags["security-group"])
	return &ec2.CreateSecurityGroupResult{GroupId: g.ID, Tags: c.tagsOf(g.ID).ec2(), SecurityGroupArn: c.arn("ec2", "security-group/"+g.ID)}, nil
}

// findGroup finds a group by id, or by name in the default VPC.
func (c *call) findGroup(id, name string) (*group, error) {
	if id != "" {
		return find(c.groups, groupID, id)
	}
	if name == "" {
		return nil, fail("MissingParameter", "The request must contain the parameter GroupName or GroupId")
	}
	if v := c.defaultVPC(); v != nil {
		for _, g := range c.groups.after(0) {
			if g.VPC == v.ID && g.Name == name {
				return g, nil
			}
		}
	}
	return nil, fail("InvalidGroup.NotFound", "The security group '%s' does not exist in the default VPC", name)
}

func (c *call) deleteSecurityGroup(in *ec2.DeleteSecurityGroupRequest) (any, error) {
	g, err := c.findGroup(in.GroupId, in.GroupName)
	if err != nil {
		return nil, err
	}
	if g.Name == "default" {
		return nil, fail("CannotDelete", "the specified group: \"%s\" name: \"default\" cannot be deleted by a user", g.ID)
	}
	for n := range c.interfaces.all() {
		if slices.Contains(n.Groups, g.ID) {
			return nil, fail("DependencyViolation", "resource %s has a dependent object: %s", g.ID, n.ID)
		}
	}
	for other := range c.groups.all() {
		if other.ID != g.ID && slices.ContainsFunc(other.Rules, func(r groupRule) bool { return r.Group == g.ID }) {
			return nil, fail("DependencyViolation", "resource %s has a dependent object: a rule of %s", g.ID, other.ID)
		}
	}
	c.groups.delete(g.ID)
	c.tags.delete(g.ID)
	for _, r := range g.Rules {
		c.tags.delete(r.ID)
	}
	return &ec2.DeleteSecurityGroupResult{Return: new(true), GroupId: g.ID}, nil
}

func (s *Server) renderGroup(g *group) ec2.SecurityGroup {
	return ec2.SecurityGroup{
		GroupId: g.ID, GroupName: g.Name, Description: g.Description, VpcId: g.VPC, OwnerId: s.opt.AccountID, Tags: s.tagsSeen(g.ID).ec2(),
		SecurityGroupArn: s.arn("ec2", "security-group/"+g.ID),
		IpPermissions:    s.permissions(g, false), IpPermissionsEgress: s.permissions(g, true),
	}
}

// permissions gives the rules of one direction in EC2's older form, where rules of the same ports are one permission.
func (s *Server) permissions(g *group, egress bool) []ec2.IpPermission {
	out := []ec2.IpPermission{}
	at := map[string]int{}
	for _, r := range g.Rules {
		if r.Egress != egress {
			continue
		}
		key := r.Protocol + " " + strconv.Itoa(r.FromPort) + " " + strconv.Itoa(r.ToPort)
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			p := ec2.IpPermission{IpProtocol: r.Protocol, IpRanges: []ec2.IpRange{}, Ipv6Ranges: []ec2.Ipv6Range{}, PrefixListIds: []ec2.PrefixListId{}, UserIdGroupPairs: []ec2.UserIdGroupPair{}}
			if r.Protocol != "-1" {
				p.FromPort, p.ToPort = new(int64(r.FromPort)), new(int64(r.ToPort))
			}
			out = append(out, p)
		}
		p := &out[i]
		switch {
		case r.CIDR != "":
			p.IpRanges = append(p.IpRanges, ec2.IpRange{CidrIp: r.CIDR, Description: r.Description})
		case r.CIDR6 != "":
			p.Ipv6Ranges = append(p.Ipv6Ranges, ec2.Ipv6Range{CidrIpv6: r.CIDR6, Description: r.Description})
		case r.PrefixList != "":
			p.PrefixListIds = append(p.PrefixListIds, ec2.PrefixListId{PrefixListId: r.PrefixList, Description: r.Description})
		default:
			p.UserIdGroupPairs = append(p.UserIdGroupPairs, ec2.UserIdGroupPair{GroupId: r.Group, UserId: s.opt.AccountID, Description: r.Description})
		}
	}
	return out
}

func (c *call) describeSecurityGroups(in *ec2.DescribeSecurityGroupsRequest) (any, error) {
	set := filterSet[group]{
		"group-id":    func(g *group, is func(string) bool) bool { return is(g.ID) },
		"group-name":  func(g *group, is func(string) bool) bool { return is(g.Name) },
		"vpc-id":      func(g *group, is func(string) bool) bool { return is(g.VPC) },
		"description": func(g *group, is func(string) bool) bool { return is(g.Description) },
		"owner-id":    func(_ *group, is func(string) bool) bool { return is(c.opt.AccountID) },
	}
	for name, value := range map[string]func(groupRule) string{
		"cidr":           func(r groupRule) string { return r.CIDR },
		"ipv6-cidr":      func(r groupRule) string { return r.CIDR6 },
		"group-id":       func(r groupRule) string { return r.Group },
		"prefix-list-id": func(r groupRule) string { return r.PrefixList },
		"protocol":       func(r groupRule) string { return r.Protocol },
		"from-port":      func(r groupRule) string { return strconv.Itoa(r.FromPort) },
		"to-port":        func(r groupRule) string { return strconv.Itoa(r.ToPort) },
	} {
		for prefix, egress := range map[string]bool{"ip-permission.": false, "egress.ip-permission.": true} {
			set[prefix+name] = func(g *group, is func(string) bool) bool {
				return slices.ContainsFunc(g.Rules, func(r groupRule) bool { v := value(r); return r.Egress == egress && v != "" && is(v) })
			}
		}
	}
	filters := in.Filters
	if len(in.GroupNames) > 0 {
		filters = append(slices.Clone(filters), ec2.Filter{Name: "group-name", Values: in.GroupNames})
	}
	rows, next, err := list(c.s, listing[group]{
		table: c.groups, kind: groupID, ids: in.GroupIds, filters: filters, max: in.MaxResults, token: in.NextToken, exclude: true,
		id: func(g *group) string { return g.ID }, set: set,
	})
	if err != nil {
		return nil, err
	}
	for _, name := range in.GroupNames {
		if !slices.ContainsFunc(rows, func(g *group) bool { return g.Name == name }) {
			return nil, fail("InvalidGroup.NotFound", "The security group '%s' does not exist", name)
		}
	}
	out := &ec2.DescribeSecurityGroupsResult{SecurityGroups: make([]ec2.SecurityGroup, 0, len(rows)), NextToken: next}
	for _, g := range rows {
		out.SecurityGroups = append(out.SecurityGroups, c.renderGroup(g))
	}
	return out, nil
}

func (s *Server) renderRule(g *group, r groupRule) ec2.SecurityGroupRule {
	out := ec2.SecurityGroupRule{
		SecurityGroupRuleId: r.ID, GroupId: g.ID, GroupOwnerId: s.opt.AccountID, IsEgress: new(r.Egress), IpProtocol: r.Protocol,
		FromPort: new(int64(r.FromPort)), ToPort: new(int64(r.ToPort)), CidrIpv4: r.CIDR, CidrIpv6: r.CIDR6, PrefixListId: r.PrefixList,
		Description: r.Description, Tags: s.tagsSeen(r.ID).ec2(), SecurityGroupRuleArn: s.arn("ec2", "security-group-rule/"+r.ID),
	}
	if r.Group != "" {
		out.ReferencedGroupInfo = &ec2.ReferencedSecurityGroup{GroupId: r.Group, UserId: s.opt.AccountID}
	}
	return out
}

func (c *call) describeSecurityGroupRules(in *ec2.DescribeSecurityGroupRulesRequest) (any, error) {
	type ruleOf struct {
		g *group
		r groupRule
	}
	m, err := compile(c.s, in.Filters, filterSet[ruleOf]{
		"group-id":               func(v *ruleOf, is func(string) bool) bool { return is(v.g.ID) },
		"security-group-rule-id": func(v *ruleOf, is func(string) bool) bool { return is(v.r.ID) },
	}, func(v *ruleOf) string { return v.r.ID })
	if err != nil {
		return nil, err
	}
	l := listing[ruleOf]{kind: ruleID, ids: in.SecurityGroupRuleIds, filters: in.Filters, max: in.MaxResults, token: in.NextToken}
	limit, after, bound, err := l.page()
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeSecurityGroupRulesResult{SecurityGroupRules: []ec2.SecurityGroupRule{}}
	found := map[string]bool{}
	n := uint64(0)
	for _, g := range c.groups.after(0) {
		for _, r := range g.Rules {
			found[r.ID] = true
			if len(in.SecurityGroupRuleIds) > 0 && !slices.Contains(in.SecurityGroupRuleIds, r.ID) || !m.match(&ruleOf{g, r}) {
				continue
			}
			if n++; n <= after {
				continue
			}
			if len(out.SecurityGroupRules) == limit {
				out.NextToken = pageToken(n-1, bound)
				return out, nil
			}
			out.SecurityGroupRules = append(out.SecurityGroupRules, c.renderRule(g, r))
		}
	}
	for _, id := range in.SecurityGroupRuleIds {
		if !found[id] {
			if err := ruleID.check(id); err != nil {
				return nil, err
			}
			return nil, ruleID.notFound(id)
		}
	}
	return out, nil
}
