package api

import (
	"slices"
	"strconv"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

func (t instanceType) render() ec2.InstanceTypeInfo {
	hypervisor := "nitro"
	if !t.Nitro {
		hypervisor = "xen"
	}
	usage := []string{"on-demand", "spot"}
	return ec2.InstanceTypeInfo{
		InstanceType: t.Name, CurrentGeneration: new(t.Nitro), FreeTierEligible: new(t.Name == "t3.micro" || t.Name == "t2.micro"), SupportedUsageClasses: usage,
		SupportedRootDeviceTypes: []string{"ebs"}, SupportedVirtualizationTypes: []string{"hvm"}, BareMetal: new(false), Hypervisor: hypervisor,
		ProcessorInfo: &ec2.ProcessorInfo{SupportedArchitectures: []string{t.Arch}, SustainedClockSpeedInGhz: new(t.Clock)},
		VCpuInfo: &ec2.VCpuInfo{
			DefaultVCpus: new(int64(t.VCPUs)), DefaultCores: new(int64(max(t.VCPUs/2, 1))), DefaultThreadsPerCore: new(int64(min(t.VCPUs, 2))),
		},
		MemoryInfo: &ec2.MemoryInfo{SizeInMiB: new(int64(t.MemoryMiB))}, InstanceStorageSupported: new(false),
		EbsInfo: &ec2.EbsInfo{EbsOptimizedSupport: "default", EncryptionSupport: "supported", NvmeSupport: "required"},
		NetworkInfo: &ec2.NetworkInfo{
			NetworkPerformance: t.Network, MaximumNetworkInterfaces: new(int64(t.Interfaces)), Ipv4AddressesPerInterface: new(int64(t.IPs)),
			Ipv6AddressesPerInterface: new(int64(t.IPs)), Ipv6Supported: new(true), EnaSupport: "required", EfaSupported: new(false),
			MaximumNetworkCards: new(int64(1)), DefaultNetworkCardIndex: new(int64(0)), EncryptionInTransitSupported: new(false),
			NetworkCards: []ec2.NetworkCardInfo{{NetworkCardIndex: new(int64(0)), NetworkPerformance: t.Network, MaximumNetworkInterfaces: new(int64(t.Interfaces))}},
		},
		PlacementGroupInfo: &ec2.PlacementGroupInfo{SupportedStrategies: []string{"partition", "spread"}}, HibernationSupported: new(false),
		BurstablePerformanceSupported: new(t.Burstable), DedicatedHostsSupported: new(!t.Burstable), AutoRecoverySupported: new(true), SupportedBootModes: []string{"legacy-bios", "uefi"},
	}
}

// pageSlice gives one page of a list that is no table.
func pageSlice[T any](rows []T, l listing[T]) ([]T, string, error) {
	limit, after, bound, err := l.page()
	if err != nil {
		return nil, "", err
	}
	rows = rows[min(after, uint64(len(rows))):]
	if len(rows) <= limit {
		return rows, "", nil
	}
	return rows[:limit], pageToken(after+uint64(limit), bound), nil
}

func (c *call) describeInstanceTypes(in *ec2.DescribeInstanceTypesRequest) (any, error) {
	str := func(f func(t *instanceType) string) func(*instanceType, func(string) bool) bool {
		return func(t *instanceType, is func(string) bool) bool { return is(f(t)) }
	}
	m, err := compile(c.s, in.Filters, filterSet[instanceType]{
		"instance-type":                         str(func(t *instanceType) string { return t.Name }),
		"processor-info.supported-architecture": str(func(t *instanceType) string { return t.Arch }),
		"vcpu-info.default-vcpus":               str(func(t *instanceType) string { return strconv.Itoa(t.VCPUs) }),
		"memory-info.size-in-mib":               str(func(t *instanceType) string { return strconv.Itoa(t.MemoryMiB) }),
		"current-generation":                    str(func(t *instanceType) string { return strconv.FormatBool(t.Nitro) }),
		"bare-metal":                            str(func(*instanceType) string { return "false" }),
		"burstable-performance-supported":       str(func(t *instanceType) string { return strconv.FormatBool(t.Burstable) }),
		"supported-usage-class": func(_ *instanceType, is func(string) bool) bool {
			return is("on-demand") || is("spot")
		},
		"supported-virtualization-type": str(func(*instanceType) string { return "hvm" }),
		"supported-root-device-type":    str(func(*instanceType) string { return "ebs" }),
		"instance-storage-supported":    str(func(*instanceType) string { return "false" }),
		"free-tier-eligible":            str(func(t *instanceType) string { return strconv.FormatBool(t.Name == "t3.micro" || t.Name == "t2.micro") }),
		"hypervisor": str(func(t *instanceType) string {
			return map[bool]string{true: "nitro", false: "xen"}[t.Nitro]
		}),
	}, nil)
	if err != nil {
		return nil, err
	}
	if len(in.InstanceTypes) > 100 {
		return nil, fail("InvalidParameterValue", "The maximum number of instance types in one call is 100")
	}
	for _, n := range in.InstanceTypes {
		if _, ok := c.types[n]; !ok {
			return nil, unknownType(n)
		}
	}
	var rows []instanceType
	for _, n := range c.typeList {
		t := c.types[n]
		if m.match(&t) && (len(in.InstanceTypes) == 0 || slices.Contains(in.InstanceTypes, n)) {
			rows = append(rows, t)
		}
	}
	rows, next, err := pageSlice(rows, listing[instanceType]{kind: idKind{prefix: "type", what: "instanceType ID"}, ids: in.InstanceTypes, filters: in.Filters, max: in.MaxResults, maxMax: 100, token: in.NextToken, exclude: true})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeInstanceTypesResult{InstanceTypes: make([]ec2.InstanceTypeInfo, 0, len(rows)), NextToken: next}
	for _, t := range rows {
		out.InstanceTypes = append(out.InstanceTypes, t.render())
	}
	return out, nil
}

func (c *call) describeInstanceTypeOfferings(in *ec2.DescribeInstanceTypeOfferingsRequest) (any, error) {
	kind := in.LocationType
	if kind == "" {
		kind = "region"
	}
	var places []string
	switch kind {
	case "region":
		places = []string{c.opt.Region}
	case "availability-zone", "availability-zone-id":
		for _, z := range zones(c.opt.Region) {
			if kind == "availability-zone" {
				places = append(places, z.name)
			} else {
				places = append(places, z.id)
			}
		}
	default:
		return nil, fail("InvalidParameterValue", "Value (%s) for parameter locationType is invalid.", kind)
	}
	m, err := compile(c.s, in.Filters, filterSet[ec2.InstanceTypeOffering]{
		"instance-type": func(o *ec2.InstanceTypeOffering, is func(string) bool) bool { return is(o.InstanceType) },
		"location":      func(o *ec2.InstanceTypeOffering, is func(string) bool) bool { return is(o.Location) },
	}, nil)
	if err != nil {
		return nil, err
	}
	var rows []ec2.InstanceTypeOffering
	for _, n := range c.typeList {
		for _, p := range places {
			if o := (ec2.InstanceTypeOffering{InstanceType: n, Location: p, LocationType: kind}); m.match(&o) {
				rows = append(rows, o)
			}
		}
	}
	rows, next, err := pageSlice(rows, listing[ec2.InstanceTypeOffering]{kind: idKind{prefix: "offer"}, filters: in.Filters, max: in.MaxResults, token: in.NextToken})
	if err != nil {
		return nil, err
	}
	return &ec2.DescribeInstanceTypeOfferingsResult{InstanceTypeOfferings: append([]ec2.InstanceTypeOffering{}, rows...), NextToken: next}, nil
}
