package api

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

const maxRules = 60 // of one group and direction

// rulesOf takes permissions apart into rules with one peer each.
func (c *call) rulesOf(perms []ec2.IpPermission, egress bool) ([]groupRule, error) {
	var out []groupRule
	for _, p := range perms {
		base, err := ruleBase(p.IpProtocol, p.FromPort, p.ToPort)
		if err != nil {
			return nil, err
		}
		base.Egress = egress
		n := len(out)
		for _, r := range p.IpRanges {
			x := base
			if x.CIDR, err = ruleRange(r.CidrIp, true); err != nil {
				return nil, err
			}
			x.Description = r.Description
			out = append(out, x)
		}
		for _, r := range p.Ipv6Ranges {
			x := base
			if x.CIDR6, err = ruleRange(r.CidrIpv6, false); err != nil {
				return nil, err
			}
			x.Description = r.Description
			out = append(out, x)
		}
		for _, r := range p.PrefixListIds {
			x := base
			x.PrefixList, x.Description = r.PrefixListId, r.Description
			out = append(out, x)
		}
		for _, r := range p.UserIdGroupPairs {
			g, err := c.findGroup(r.GroupId, r.GroupName)
			if err != nil {
				return nil, err
			}
			x := base
			x.Group, x.Description = g.ID, r.Description
			out = append(out, x)
		}
		if len(out) == n {
			return nil, fail("MissingParameter", "Either 'ipRanges', 'ipv6Ranges', 'prefixListIds' or 'groups' must be specified in a permission")
		}
	}
	if len(out) == 0 {
		return nil, fail("MissingParameter", "The request must contain the parameter ipPermissions")
	}
	return out, nil
}

func ruleBase(protocol string, from, to *int64) (groupRule, error) {
	names := map[string]string{"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}
	r := groupRule{Protocol: strings.ToLower(protocol), FromPort: int(value(from, -1)), ToPort: int(value(to, -1))}
	if n, ok := names[r.Protocol]; ok {
		r.Protocol = n
	}
	switch r.Protocol {
	case "tcp", "udp":
		if from == nil || to == nil {
			return r, fail("InvalidParameterValue", "Invalid value for portRange. Must specify both from and to ports with TCP/UDP.")
		}
		if r.FromPort < 0 || r.ToPort > 65535 || r.FromPort > r.ToPort {
			return r, fail("InvalidParameterValue", "Invalid TCP/UDP port range (%d:%d)", r.FromPort, r.ToPort)
		}
	case "icmp", "icmpv6":
		if r.FromPort < -1 || r.FromPort > 255 || r.ToPort < -1 || r.ToPort > 255 {
			return r, fail("InvalidParameterValue", "ICMP type (%d) or code (%d) out of range", r.FromPort, r.ToPort)
		}
	case "-1":
		r.FromPort, r.ToPort = -1, -1
	case "":
		return r, fail("MissingParameter", "The request must contain the parameter ipProtocol")
	default:
		if n, err := strconv.Atoi(r.Protocol); err != nil || n < 0 || n > 255 {
			return r, fail("InvalidPermission.Malformed", "Unsupported IP protocol \"%s\" - supported: [tcp, udp, icmp]", protocol)
		}
		r.FromPort, r.ToPort = -1, -1
	}
	return r, nil
}

func ruleRange(text string, v4 bool) (string, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4() != v4 {
		return "", fail("InvalidParameterValue", "CIDR block %s is malformed", text)
	}
	if p.Masked() != p {
		return "", fail("InvalidParameterValue", "CIDR block %s is not a network: did you mean %s?", text, p.Masked())
	}
	return p.String(), nil
}

func (c *call) authorizeRules(g *group, rules []groupRule, tags tagSet) ([]ec2.SecurityGroupRule, error) {
	now := c.groups.get(g.ID)
	if now == nil {
		return nil, groupID.notFound(g.ID)
	}
	counts := map[bool]int{}
	for _, r := range now.Rules {
		counts[r.Egress]++
	}
	for i, r := range rules {
		if slices.ContainsFunc(rules[:i], r.same) {
			return nil, fail("InvalidParameterValue", "The same permission must not appear multiple times")
		}
		if slices.ContainsFunc(now.Rules, r.same) {
			return nil, fail("InvalidPermission.Duplicate", "the specified rule \"peer: %s, %s\" already exists", r.peer(), r.ports())
		}
		if counts[r.Egress]++; counts[r.Egress] > maxRules {
			return nil, fail("RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached.")
		}
	}
	out := []ec2.SecurityGroupRule{}
	for i := range rules {
		rules[i].ID = c.newID("sgr")
		c.setTags(rules[i].ID, tags)
		out = append(out, c.renderRule(now, rules[i]))
	}
	c.groups.update(g.ID, func(g *group) { g.Rules = append(slices.Clone(g.Rules), rules...) })
	return out, nil
}

func (r groupRule) peer() string { return r.CIDR + r.CIDR6 + r.PrefixList + r.Group }

func (r groupRule) ports() string {
	if r.Protocol == "-1" {
		return "ALL, ALLOW"
	}
	return strings.ToUpper(r.Protocol) + ", from port: " + strconv.Itoa(r.FromPort) + ", to port: " + strconv.Itoa(r.ToPort) + ", ALLOW"
}

// legacy turns the parameters of before permissions into one.
func legacy(protocol, cidr, groupName string, from, to *int64) []ec2.IpPermission {
	p := ec2.IpPermission{IpProtocol: protocol, FromPort: from, ToPort: to}
	if cidr != "" {
		p.IpRanges = []ec2.IpRange{{CidrIp: cidr}}
	}
	if groupName != "" {
		p.UserIdGroupPairs = []ec2.UserIdGroupPair{{GroupName: groupName}}
	}
	return []ec2.IpPermission{p}
}

func (c *call) authorizeSecurityGroupIngress(in *ec2.AuthorizeSecurityGroupIngressRequest) (any, error) {
	perms := in.IpPermissions
	if len(perms) == 0 && in.IpProtocol+in.SourceSecurityGroupName != "" {
		perms = legacy(in.IpProtocol, in.CidrIp, in.SourceSecurityGroupName, in.FromPort, in.ToPort)
	}
	rules, err := c.addRules(in.GroupId, in.GroupName, perms, false, in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	return &ec2.AuthorizeSecurityGroupIngressResult{Return: new(true), SecurityGroupRules: rules}, nil
}

func (c *call) authorizeSecurityGroupEgress(in *ec2.AuthorizeSecurityGroupEgressRequest) (any, error) {
	rules, err := c.addRules(in.GroupId, "", in.IpPermissions, true, in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	return &ec2.AuthorizeSecurityGroupEgressResult{Return: new(true), SecurityGroupRules: rules}, nil
}

// addRules is what both directions of authorizing share.
func (c *call) addRules(id, name string, perms []ec2.IpPermission, egress bool, specs []ec2.TagSpecification) ([]ec2.SecurityGroupRule, error) {
	g, err := c.findGroup(id, name)
	if err != nil {
		return nil, err
	}
	rules, err := c.rulesOf(perms, egress)
	if err != nil {
		return nil, err
	}
	tags, err := specified(specs, "security-group-rule")
	if err != nil {
		return nil, err
	}
	return c.authorizeRules(g, rules, tags["security-group-rule"])
}

// revoke removes rules by id or by content; one that is not there fails the call.
func (c *call) revoke(g *group, ids []string, perms []ec2.IpPermission, egress bool) ([]ec2.RevokedSecurityGroupRule, error) {
	rules := slices.Clone(c.groups.get(g.ID).Rules)
	var gone []groupRule
	for _, id := range ids {
		i := slices.IndexFunc(rules, func(r groupRule) bool { return r.ID == id && r.Egress == egress })
		if i < 0 {
			return nil, ruleID.notFound(id)
		}
		gone = append(gone, rules[i])
		rules = slices.Delete(rules, i, i+1)
	}
	if len(ids) == 0 {
		want, err := c.rulesOf(perms, egress)
		if err != nil {
			return nil, err
		}
		for _, w := range want {
			i := slices.IndexFunc(rules, w.same)
			if i < 0 {
				return nil, fail("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
			}
			gone = append(gone, rules[i])
			rules = slices.Delete(rules, i, i+1)
		}
	}
	c.groups.update(g.ID, func(g *group) { g.Rules = rules })
	out := []ec2.RevokedSecurityGroupRule{}
	for _, r := range gone {
		c.tags.delete(r.ID)
		out = append(out, ec2.RevokedSecurityGroupRule{
			SecurityGroupRuleId: r.ID, GroupId: g.ID, IsEgress: new(r.Egress), IpProtocol: r.Protocol, FromPort: new(int64(r.FromPort)),
			ToPort: new(int64(r.ToPort)), CidrIpv4: r.CIDR, CidrIpv6: r.CIDR6, PrefixListId: r.PrefixList, ReferencedGroupId: r.Group, Description: r.Description,
		})
	}
	return out, nil
}

func (c *call) revokeSecurityGroupIngress(in *ec2.RevokeSecurityGroupIngressRequest) (any, error) {
	g, err := c.findGroup(in.GroupId, in.GroupName)
	if err != nil {
		return nil, err
	}
	perms := in.IpPermissions
	if len(perms) == 0 && in.IpProtocol+in.SourceSecurityGroupName != "" {
		perms = legacy(in.IpProtocol, in.CidrIp, in.SourceSecurityGroupName, in.FromPort, in.ToPort)
	}
	gone, err := c.revoke(g, in.SecurityGroupRuleIds, perms, false)
	if err != nil {
		return nil, err
	}
	return &ec2.RevokeSecurityGroupIngressResult{Return: new(true), RevokedSecurityGroupRules: gone}, nil
}

func (c *call) revokeSecurityGroupEgress(in *ec2.RevokeSecurityGroupEgressRequest) (any, error) {
	g, err := c.findGroup(in.GroupId, "")
	if err != nil {
		return nil, err
	}
	gone, err := c.revoke(g, in.SecurityGroupRuleIds, in.IpPermissions, true)
	if err != nil {
		return nil, err
	}
	return &ec2.RevokeSecurityGroupEgressResult{Return: new(true), RevokedSecurityGroupRules: gone}, nil
}

func (c *call) modifySecurityGroupRules(in *ec2.ModifySecurityGroupRulesRequest) (any, error) {
	g, err := find(c.groups, groupID, in.GroupId)
	if err != nil {
		return nil, err
	}
	rules := slices.Clone(c.groups.get(g.ID).Rules)
	for _, u := range in.SecurityGroupRules {
		i := slices.IndexFunc(rules, func(r groupRule) bool { return r.ID == u.SecurityGroupRuleId })
		if i < 0 {
			return nil, ruleID.notFound(u.SecurityGroupRuleId)
		}
		w := u.SecurityGroupRule
		if w == nil {
			return nil, fail("MissingParameter", "The request must contain the parameter SecurityGroupRule")
		}
		p := ec2.IpPermission{IpProtocol: w.IpProtocol, FromPort: w.FromPort, ToPort: w.ToPort}
		switch {
		case w.CidrIpv4 != "":
			p.IpRanges = []ec2.IpRange{{CidrIp: w.CidrIpv4, Description: w.Description}}
		case w.CidrIpv6 != "":
			p.Ipv6Ranges = []ec2.Ipv6Range{{CidrIpv6: w.CidrIpv6, Description: w.Description}}
		case w.PrefixListId != "":
			p.PrefixListIds = []ec2.PrefixListId{{PrefixListId: w.PrefixListId, Description: w.Description}}
		case w.ReferencedGroupId != "":
			p.UserIdGroupPairs = []ec2.UserIdGroupPair{{GroupId: w.ReferencedGroupId, Description: w.Description}}
		}
		n, err := c.rulesOf([]ec2.IpPermission{p}, rules[i].Egress)
		if err != nil {
			return nil, err
		}
		n[0].ID = rules[i].ID
		if slices.ContainsFunc(rules, func(r groupRule) bool { return r.ID != n[0].ID && r.same(n[0]) }) {
			return nil, fail("InvalidPermission.Duplicate", "the specified rule \"peer: %s, %s\" already exists", n[0].peer(), n[0].ports())
		}
		rules[i] = n[0]
	}
	c.groups.update(g.ID, func(g *group) { g.Rules = rules })
	return &ec2.ModifySecurityGroupRulesResult{Return: new(true)}, nil
}

func (c *call) describeRules(id, name string, perms []ec2.IpPermission, byID []ec2.SecurityGroupRuleDescription, egress bool) error {
	g, err := c.findGroup(id, name)
	if err != nil {
		return err
	}
	rules := slices.Clone(c.groups.get(g.ID).Rules)
	for _, d := range byID {
		i := slices.IndexFunc(rules, func(r groupRule) bool { return r.ID == d.SecurityGroupRuleId })
		if i < 0 {
			return ruleID.notFound(d.SecurityGroupRuleId)
		}
		rules[i].Description = d.Description
	}
	if len(byID) == 0 {
		want, err := c.rulesOf(perms, egress)
		if err != nil {
			return err
		}
		for _, w := range want {
			i := slices.IndexFunc(rules, w.same)
			if i < 0 {
				return fail("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
			}
			rules[i].Description = w.Description
		}
	}
	c.groups.update(g.ID, func(g *group) { g.Rules = rules })
	return nil
}

func (c *call) updateRuleDescriptionsIngress(in *ec2.UpdateSecurityGroupRuleDescriptionsIngressRequest) (any, error) {
	return nil, c.describeRules(in.GroupId, in.GroupName, in.IpPermissions, in.SecurityGroupRuleDescriptions, false)
}

func (c *call) updateRuleDescriptionsEgress(in *ec2.UpdateSecurityGroupRuleDescriptionsEgressRequest) (any, error) {
	return nil, c.describeRules(in.GroupId, in.GroupName, in.IpPermissions, in.SecurityGroupRuleDescriptions, true)
}
