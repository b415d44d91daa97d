package api

import (
	"slices"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

// regionNames are the regions AWS enables by default; the lab serves one of them, or another.
func (s *Server) regionNames() []string {
	out := []string{
		"ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1", "eu-central-1",
		"eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
	}
	if !slices.Contains(out, s.opt.Region) {
		out = append(out, s.opt.Region)
	}
	return out
}

func (c *call) describeRegions(in *ec2.DescribeRegionsRequest) (any, error) {
	endpoint := func(r string) string { return "ec2." + r + ".amazonaws.com" }
	m, err := compile(c.s, in.Filters, filterSet[string]{
		"region-name":   func(r *string, is func(string) bool) bool { return is(*r) },
		"endpoint":      func(r *string, is func(string) bool) bool { return is(endpoint(*r)) },
		"opt-in-status": func(_ *string, is func(string) bool) bool { return is("opt-in-not-required") },
	}, nil)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeRegionsResult{Regions: []ec2.Region{}}
	all := c.regionNames()
	for _, r := range in.RegionNames {
		if !slices.Contains(all, r) {
			return nil, fail("InvalidParameterValue", "Invalid region name: [%s]", r)
		}
	}
	for _, r := range all {
		if m.match(&r) && (len(in.RegionNames) == 0 || slices.Contains(in.RegionNames, r)) {
			out.Regions = append(out.Regions, ec2.Region{RegionName: r, Endpoint: endpoint(r), OptInStatus: "opt-in-not-required"})
		}
	}
	return out, nil
}

func (c *call) describeAvailabilityZones(in *ec2.DescribeAvailabilityZonesRequest) (any, error) {
	m, err := compile(c.s, in.Filters, filterSet[zone]{
		"zone-name":            func(z *zone, is func(string) bool) bool { return is(z.name) },
		"zone-id":              func(z *zone, is func(string) bool) bool { return is(z.id) },
		"region-name":          func(_ *zone, is func(string) bool) bool { return is(c.opt.Region) },
		"group-name":           func(_ *zone, is func(string) bool) bool { return is(c.opt.Region) },
		"state":                func(_ *zone, is func(string) bool) bool { return is("available") },
		"zone-type":            func(_ *zone, is func(string) bool) bool { return is("availability-zone") },
		"opt-in-status":        func(_ *zone, is func(string) bool) bool { return is("opt-in-not-required") },
		"network-border-group": func(_ *zone, is func(string) bool) bool { return is(c.opt.Region) },
	}, nil)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Concat(in.ZoneNames, in.ZoneIds) {
		if _, ok := c.zone(name); !ok {
			return nil, fail("InvalidParameterValue", "Invalid availability zone: [%s]", name)
		}
	}
	out := &ec2.DescribeAvailabilityZonesResult{AvailabilityZones: []ec2.AvailabilityZone{}}
	for _, z := range zones(c.opt.Region) {
		named := len(in.ZoneNames)+len(in.ZoneIds) == 0 || slices.Contains(in.ZoneNames, z.name) || slices.Contains(in.ZoneIds, z.id)
		if !named || !m.match(&z) {
			continue
		}
		out.AvailabilityZones = append(out.AvailabilityZones, ec2.AvailabilityZone{
			ZoneName: z.name, ZoneId: z.id, RegionName: c.opt.Region, GroupName: c.opt.Region, State: "available", ZoneType: "availability-zone",
			OptInStatus: "opt-in-not-required", NetworkBorderGroup: c.opt.Region, Messages: []ec2.AvailabilityZoneMessage{},
		})
	}
	return out, nil
}

func (c *call) describeAccountAttributes(in *ec2.DescribeAccountAttributesRequest) (any, error) {
	none := "none"
	if v := c.defaultVPC(); v != nil {
		none = v.ID
	}
	all := []struct{ name, value string }{
		{"supported-platforms", "VPC"}, {"default-vpc", none}, {"max-instances", "10000"}, {"vpc-max-security-groups-per-interface", "16"},
		{"max-elastic-ips", "10000"}, {"vpc-max-elastic-ips", "10000"},
	}
	out := &ec2.DescribeAccountAttributesResult{AccountAttributes: []ec2.AccountAttribute{}}
	for _, a := range all {
		if len(in.AttributeNames) == 0 || slices.Contains(in.AttributeNames, a.name) {
			out.AccountAttributes = append(out.AccountAttributes, ec2.AccountAttribute{AttributeName: a.name, AttributeValues: []ec2.AccountAttributeValue{{AttributeValue: a.value}}})
		}
	}
	return out, nil
}
