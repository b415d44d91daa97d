package api

import (
	"strconv"
	"strings"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

// taggable finds out what kind of resource an id names and whether callers can see it.
func (s *Server) taggable(id string) (kind string, err error) {
	prefix := id
	if i := strings.LastIndexByte(id, '-'); i > 0 {
		prefix = id[:i]
	}
	see := func(kind string, ok bool, k idKind) (string, error) {
		if !ok {
			if err := k.check(id); err != nil {
				return "", err
			}
			return "", k.notFound(id)
		}
		return kind, nil
	}
	switch prefix {
	case "i":
		return see("instance", s.instances.seen(id) != nil, instanceID)
	case "vpc":
		return see("vpc", s.vpcs.seen(id) != nil, vpcID)
	case "subnet":
		return see("subnet", s.subnets.seen(id) != nil, subnetID)
	case "igw":
		return see("internet-gateway", s.gateways.seen(id) != nil, gatewayID)
	case "rtb":
		return see("route-table", s.routeTables.seen(id) != nil, routeTableID)
	case "sg":
		return see("security-group", s.groups.seen(id) != nil, groupID)
	case "sgr":
		ok := false
		for _, g := range s.groups.after(0) {
			for _, r := range g.Rules {
				ok = ok || r.ID == id
			}
		}
		return see("security-group-rule", ok, ruleID)
	case "eni":
		return see("network-interface", s.interfaces.seen(id) != nil, interfaceID)
	case "vol":
		return see("volume", s.volumes.seen(id) != nil, volumeID)
	case "eipalloc":
		return see("elastic-ip", s.eips.seen(id) != nil, allocationID)
	case "nat":
		return see("natgateway", s.nats.seen(id) != nil, natID)
	case "dopt":
		return see("dhcp-options", s.dhcp.seen(id) != nil, dhcpID)
	case "acl":
		return see("network-acl", s.acls.seen(id) != nil, aclID)
	case "lt":
		return see("launch-template", s.templates.seen(id) != nil, templateID)
	case "key":
		return see("key-pair", s.keyPairByID(id) != nil, idKind{"key", "InvalidKeyPair", "key pair"})
	case "sir":
		return see("spot-instances-request", s.spots.seen(id) != nil, spotID)
	}
	return "", fail("InvalidID", "The ID '%s' is not valid", id)
}

func (c *call) createTags(in *ec2.CreateTagsRequest) (any, error) {
	if len(in.Resources) > maxIDs {
		return nil, fail("InvalidParameterValue", "The maximum number of identifiers in one call is %d", maxIDs)
	}
	if len(in.Tags) == 0 {
		return nil, fail("MissingParameter", "The request must contain the parameter Tag")
	}
	tags, err := checkTags(in.Tags)
	if err != nil {
		return nil, err
	}
	sets := make([]tagSet, len(in.Resources))
	for i, id := range in.Resources {
		if _, err := c.taggable(id); err != nil {
			return nil, err
		}
		if sets[i] = c.tagsOf(id).with(tags); len(sets[i]) > maxTags {
			return nil, fail("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
		}
	}
	for i, id := range in.Resources {
		c.setTags(id, sets[i])
	}
	return nil, nil
}

func (c *call) deleteTags(in *ec2.DeleteTagsRequest) (any, error) {
	var keys []string
	var values []*string
	for i, t := range in.Tags {
		keys = append(keys, t.Key)
		var v *string
		if c.query.Has("Tag." + strconv.Itoa(i+1) + ".Value") {
			v = new(t.Value)
		}
		values = append(values, v)
	}
	for _, id := range in.Resources {
		if _, err := c.taggable(id); err != nil {
			return nil, err
		}
	}
	for _, id := range in.Resources {
		old := c.tagsOf(id)
		if len(in.Tags) == 0 {
			c.setTags(id, nil)
		} else if next := old.without(keys, values); len(next) != len(old) {
			c.setTags(id, next)
		}
	}
	return nil, nil
}

func (c *call) describeTags(in *ec2.DescribeTagsRequest) (any, error) {
	type oneTag struct{ id, kind, key, value string }
	m, err := compile(c.s, in.Filters, filterSet[oneTag]{
		"key":           func(t *oneTag, is func(string) bool) bool { return is(t.key) },
		"value":         func(t *oneTag, is func(string) bool) bool { return is(t.value) },
		"resource-id":   func(t *oneTag, is func(string) bool) bool { return is(t.id) },
		"resource-type": func(t *oneTag, is func(string) bool) bool { return is(t.kind) },
	}, nil)
	if err != nil {
		return nil, err
	}
	for _, f := range in.Filters {
		if strings.HasPrefix(f.Name, "tag:") {
			return nil, fail("InvalidParameterValue", "The filter '%s' is invalid", f.Name)
		}
	}
	l := listing[oneTag]{kind: idKind{prefix: "tag"}, filters: in.Filters, max: in.MaxResults, token: in.NextToken}
	limit, after, bound, err := l.page()
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeTagsResult{Tags: []ec2.TagDescription{}}
	n := uint64(0)
	for _, row := range c.tags.rows {
		set := row.view(c.db.now)
		if set == nil {
			continue
		}
		kind, err := c.taggable(row.id)
		if err != nil { // tags of IAM, SSM and ELBv2 live in the same table
			continue
		}
		for _, t := range *set {
			one := oneTag{row.id, kind, t.Key, t.Value}
			if !m.match(&one) {
				continue
			}
			if n++; n <= after {
				continue
			}
			if len(out.Tags) == limit {
				out.NextToken = pageToken(n-1, bound)
				return out, nil
			}
			out.Tags = append(out.Tags, ec2.TagDescription{ResourceId: row.id, ResourceType: kind, Key: t.Key, Value: t.Value})
		}
	}
	return out, nil
}
