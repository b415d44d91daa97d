package api

import (
	"slices"
	"strconv"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

// renderInstance gives an instance as EC2 describes it.
func (s *Server) renderInstance(i *instance) ec2.Instance {
	l := s.launchOf(i)
	typ := s.types[l.Type]
	out := ec2.Instance{
		InstanceId: i.ID, ImageId: l.Image, InstanceType: l.Type, State: renderState(i.State), AmiLaunchIndex: new(int64(i.Index)),
		Architecture: l.Arch, ClientToken: l.Token, EbsOptimized: new(l.EbsOptimized), EnaSupport: new(true), Hypervisor: "xen",
		KeyName: l.Key, LaunchTime: new(i.LaunchTime), InstanceLifecycle: l.Lifecycle, SpotInstanceRequestId: i.Spot,
		Monitoring: &ec2.Monitoring{State: "disabled"}, PlatformDetails: "Linux/UNIX", UsageOperation: "RunInstances",
		UsageOperationUpdateTime: new(i.LaunchTime), VirtualizationType: "hvm",
		Placement:      &ec2.Placement{AvailabilityZone: i.Zone, Tenancy: l.Tenancy, GroupName: l.PlacementGroup},
		RootDeviceName: l.Root, RootDeviceType: "ebs", MetadataOptions: l.Meta.ec2(), Tags: s.tagsSeen(i.ID).ec2(),
		CpuOptions:                       &ec2.CpuOptions{CoreCount: new(int64(max(typ.VCPUs/2, 1))), ThreadsPerCore: new(int64(min(typ.VCPUs, 2)))},
		CapacityReservationSpecification: &ec2.CapacityReservationSpecificationResponse{CapacityReservationPreference: "open"},
		HibernationOptions:               &ec2.HibernationOptions{Configured: new(false)},
		EnclaveOptions:                   &ec2.EnclaveOptions{Enabled: new(false)},
		MaintenanceOptions:               &ec2.InstanceMaintenanceOptions{AutoRecovery: l.AutoRecovery},
		CurrentInstanceBootMode:          "legacy-bios", StateTransitionReason: i.Reason,
		BlockDeviceMappings: make([]ec2.InstanceBlockDeviceMapping, 0, len(i.Disks)),
		NetworkInterfaces:   make([]ec2.InstanceNetworkInterface, 0, len(i.Interfaces)),
		SecurityGroups:      []ec2.GroupIdentifier{}, ProductCodes: []ec2.ProductCode{},
	}
	if l.Monitoring {
		out.Monitoring.State = "enabled"
	}
	if z, ok := s.zone(i.Zone); ok {
		out.Placement.AvailabilityZoneId = z.id
	}
	if code, msg := i.stateReason(); code != "" {
		out.StateReason = &ec2.StateReason{Code: code, Message: msg}
	}
	if !i.live() {
		return out
	}
	out.VpcId, out.SubnetId = i.VPC, i.Subnet
	out.PrivateIpAddress = i.PrivateIP.String()
	out.PrivateDnsName = privateName(i.PrivateIP) + "." + s.internalDomain()
	out.SourceDestCheck = new(!l.NoSourceCheck)
	out.PrivateDnsNameOptions = &ec2.PrivateDnsNameOptionsResponse{HostnameType: l.HostnameType, EnableResourceNameDnsARecord: new(l.DNSA), EnableResourceNameDnsAAAARecord: new(false)}
	if p := s.profiles.get(i.Profile.Profile); p != nil {
		out.IamInstanceProfile = &ec2.IamInstanceProfile{Arn: s.profileARN(p), Id: p.ID}
	}
	for _, d := range i.Disks {
		out.BlockDeviceMappings = append(out.BlockDeviceMappings, ec2.InstanceBlockDeviceMapping{DeviceName: d.Device, Ebs: &ec2.EbsInstanceBlockDevice{
			VolumeId: d.Volume, Status: "attached", AttachTime: new(d.AttachedAt), DeleteOnTermination: new(d.DeleteOnTermination),
		}})
	}
	for k, id := range i.Interfaces {
		n := s.interfaces.get(id)
		if n == nil {
			continue
		}
		x := s.renderAttached(n)
		if k == 0 {
			out.SecurityGroups = x.Groups
			if a := x.Association; a != nil {
				out.PublicIpAddress, out.PublicDnsName = a.PublicIp, a.PublicDnsName
			}
		}
		out.NetworkInterfaces = append(out.NetworkInterfaces, x)
	}
	return out
}

// renderAttached gives an interface as part of its instance.
func (s *Server) renderAttached(n *netInterface) ec2.InstanceNetworkInterface {
	private := privateName(n.PrivateIP) + "." + s.internalDomain()
	x := ec2.InstanceNetworkInterface{
		NetworkInterfaceId: n.ID, VpcId: n.VPC, SubnetId: n.Subnet, Description: n.Description, OwnerId: s.opt.AccountID, InterfaceType: n.Type,
		MacAddress: n.MAC, PrivateIpAddress: n.PrivateIP.String(), PrivateDnsName: private, SourceDestCheck: new(!n.NoSourceDestCheck),
		Status: "in-use", Groups: s.groupNames(n.Groups), Ipv6Addresses: []ec2.InstanceIpv6Address{},
		Attachment: &ec2.InstanceNetworkInterfaceAttachment{
			AttachmentId: n.Attachment, AttachTime: new(n.AttachedAt), DeleteOnTermination: new(n.DeleteOnTermination),
			DeviceIndex: new(int64(n.DeviceIndex)), NetworkCardIndex: new(int64(0)), Status: "attached",
		},
	}
	addr := ec2.InstancePrivateIpAddress{Primary: new(true), PrivateIpAddress: x.PrivateIpAddress, PrivateDnsName: private}
	if owner, ip, name, ok := s.interfaceAssociation(n); ok {
		x.Association = &ec2.InstanceNetworkInterfaceAssociation{IpOwnerId: owner, PublicIp: ip, PublicDnsName: name}
		addr.Association = x.Association
	}
	x.PrivateIpAddresses = []ec2.InstancePrivateIpAddress{addr}
	return x
}

// reservation gives instances of one launch as RunInstances answers.
func (s *Server) reservation(list []*instance) ec2.Reservation {
	rs := ec2.Reservation{OwnerId: s.opt.AccountID, Groups: []ec2.GroupIdentifier{}, Instances: make([]ec2.Instance, 0, len(list))}
	for _, i := range list {
		rs.ReservationId = s.launchOf(i).Reservation
		x := s.renderInstance(i)
		x.Tags = s.tagsOf(i.ID).ec2() // what the caller just asked for is in the answer, however late describes see it
		rs.Instances = append(rs.Instances, x)
	}
	return rs
}

func (c *call) describeInstances(in *ec2.DescribeInstancesRequest) (any, error) {
	rows, next, err := list(c.s, listing[instance]{
		table: c.instances, kind: instanceID, ids: in.InstanceIds, filters: in.Filters, max: in.MaxResults, token: in.NextToken, exclude: true,
		id: func(i *instance) string { return i.ID }, set: c.instanceFilters(),
	})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeInstancesResult{Reservations: []ec2.Reservation{}, NextToken: next}
	at := map[string]int{}
	for _, i := range rows {
		id := c.launchOf(i).Reservation
		k, ok := at[id]
		if !ok {
			k = len(out.Reservations)
			at[id] = k
			out.Reservations = append(out.Reservations, ec2.Reservation{ReservationId: id, OwnerId: c.opt.AccountID, Groups: []ec2.GroupIdentifier{}})
		}
		out.Reservations[k].Instances = append(out.Reservations[k].Instances, c.renderInstance(i))
	}
	return out, nil
}

func (c *call) instanceFilters() filterSet[instance] {
	of := func(f func(i *instance, l *launch) string) func(*instance, func(string) bool) bool {
		return func(i *instance, is func(string) bool) bool {
			v := f(i, c.launchOf(i))
			return v != "" && is(v)
		}
	}
	nic := func(f func(n *netInterface) string) func(*instance, func(string) bool) bool {
		return func(i *instance, is func(string) bool) bool {
			return slices.ContainsFunc(i.Interfaces, func(id string) bool {
				n := c.interfaces.get(id)
				if n == nil {
					return false
				}
				v := f(n)
				return v != "" && is(v)
			})
		}
	}
	groupID := func(i *instance, is func(string) bool) bool {
		n := c.primary(i)
		return n != nil && slices.ContainsFunc(n.Groups, is)
	}
	groupName := func(i *instance, is func(string) bool) bool {
		n := c.primary(i)
		return n != nil && slices.ContainsFunc(c.groupNames(n.Groups), func(g ec2.GroupIdentifier) bool { return is(g.GroupName) })
	}
	public := nic(func(n *netInterface) string {
		if !n.PublicIP.IsValid() {
			return ""
		}
		return n.PublicIP.String()
	})
	ifLive := func(f func(i *instance) string) func(*instance, func(string) bool) bool {
		return of(func(i *instance, _ *launch) string {
			if !i.live() {
				return ""
			}
			return f(i)
		})
	}
	vpc := ifLive(func(i *instance) string { return i.VPC })
	subnet := ifLive(func(i *instance) string { return i.Subnet })
	return filterSet[instance]{
		"instance-id":          of(func(i *instance, _ *launch) string { return i.ID }),
		"instance-state-name":  of(func(i *instance, _ *launch) string { return i.State }),
		"instance-state-code":  of(func(i *instance, _ *launch) string { return strconv.FormatInt(stateCode(i.State), 10) }),
		"instance-type":        of(func(_ *instance, l *launch) string { return l.Type }),
		"image-id":             of(func(_ *instance, l *launch) string { return l.Image }),
		"client-token":         of(func(_ *instance, l *launch) string { return l.Token }),
		"reservation-id":       of(func(_ *instance, l *launch) string { return l.Reservation }),
		"key-name":             of(func(_ *instance, l *launch) string { return l.Key }),
		"architecture":         of(func(_ *instance, l *launch) string { return l.Arch }),
		"instance-lifecycle":   of(func(_ *instance, l *launch) string { return l.Lifecycle }),
		"root-device-name":     of(func(_ *instance, l *launch) string { return l.Root }),
		"tenancy":              of(func(_ *instance, l *launch) string { return l.Tenancy }),
		"placement-group-name": of(func(_ *instance, l *launch) string { return l.PlacementGroup }),
		"root-device-type":     of(func(*instance, *launch) string { return "ebs" }),
		"virtualization-type":  of(func(*instance, *launch) string { return "hvm" }),
		"hypervisor":           of(func(*instance, *launch) string { return "xen" }),
		"owner-id":             of(func(*instance, *launch) string { return c.opt.AccountID }),
		"availability-zone":    of(func(i *instance, _ *launch) string { return i.Zone }),
		"vpc-id":               vpc, "network-interface.vpc-id": vpc,
		"subnet-id": subnet, "network-interface.subnet-id": subnet,
		"private-ip-address": ifLive(func(i *instance) string { return i.PrivateIP.String() }),
		"private-dns-name":   ifLive(func(i *instance) string { return privateName(i.PrivateIP) + "." + c.internalDomain() }),
		"dns-name": func(i *instance, is func(string) bool) bool {
			n := c.primary(i)
			return n != nil && n.PublicIP.IsValid() && is(c.publicName(n.PublicIP))
		},
		"ip-address": public, "network-interface.association.public-ip": public,
		"instance.group-id": groupID, "group-id": groupID, "network-interface.group-id": groupID,
		"instance.group-name": groupName, "group-name": groupName,
		"network-interface.network-interface-id":         nic(func(n *netInterface) string { return n.ID }),
		"network-interface.mac-address":                  nic(func(n *netInterface) string { return n.MAC }),
		"network-interface.addresses.private-ip-address": nic(func(n *netInterface) string { return n.PrivateIP.String() }),
		"spot-instance-request-id":                       of(func(i *instance, _ *launch) string { return i.Spot }),
		"state-reason-code":                              of(func(i *instance, _ *launch) string { return i.Code }),
		"launch-time":                                    of(func(i *instance, _ *launch) string { return i.LaunchTime.UTC().Format("2006-01-02T15:04:05.000Z") }),
		"launch-index":                                   of(func(i *instance, _ *launch) string { return strconv.Itoa(i.Index) }),
		"monitoring-state": of(func(_ *instance, l *launch) string {
			return map[bool]string{true: "enabled", false: "disabled"}[l.Monitoring]
		}),
		"metadata-options.http-tokens": of(func(_ *instance, l *launch) string { return l.Meta.ec2().HttpTokens }),
		"iam-instance-profile.arn": of(func(i *instance, _ *launch) string {
			if p := c.profiles.get(i.Profile.Profile); p != nil {
				return c.profileARN(p)
			}
			return ""
		}),
		"iam-instance-profile.name": of(func(i *instance, _ *launch) string { return i.Profile.Profile }),
		"block-device-mapping.volume-id": func(i *instance, is func(string) bool) bool {
			return slices.ContainsFunc(i.Disks, func(d disk) bool { return is(d.Volume) })
		},
		"block-device-mapping.device-name": func(i *instance, is func(string) bool) bool {
			return slices.ContainsFunc(i.Disks, func(d disk) bool { return is(d.Device) })
		},
		"source-dest-check": of(func(_ *instance, l *launch) string { return strconv.FormatBool(!l.NoSourceCheck) }),
		"platform-details":  of(func(*instance, *launch) string { return "Linux/UNIX" }),
	}
}

func (c *call) describeInstanceStatus(in *ec2.DescribeInstanceStatusRequest) (any, error) {
	if len(in.InstanceIds) > 100 {
		return nil, fail("InvalidParameterValue", "The maximum number of instance IDs is 100")
	}
	all := value(in.IncludeAllInstances, false)
	base := c.instanceFilters()
	status := func(i *instance, is func(string) bool) bool { return is(i.health().Status) }
	set := filterSet[instance]{
		"instance-state-name": base["instance-state-name"], "instance-state-code": base["instance-state-code"],
		"availability-zone": base["availability-zone"], "instance-id": base["instance-id"],
		"instance-status.status": status, "system-status.status": status,
		"instance-status.reachability": func(i *instance, is func(string) bool) bool { return is(i.reachability()) },
		"system-status.reachability":   func(i *instance, is func(string) bool) bool { return is(i.reachability()) },
	}
	filters := slices.Clone(in.Filters)
	if !all {
		filters = append(filters, ec2.Filter{Name: "instance-state-name", Values: []string{stateRunning}})
	}
	rows, next, err := list(c.s, listing[instance]{
		table: c.instances, kind: instanceID, ids: in.InstanceIds, filters: filters, max: in.MaxResults, token: in.NextToken, exclude: true, set: set,
	})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeInstanceStatusResult{InstanceStatuses: []ec2.InstanceStatus{}, NextToken: next}
	for _, i := range rows {
		x := ec2.InstanceStatus{InstanceId: i.ID, AvailabilityZone: i.Zone, InstanceState: renderState(i.State), InstanceStatus: i.health(), SystemStatus: i.health(), Events: []ec2.InstanceStatusEvent{}}
		out.InstanceStatuses = append(out.InstanceStatuses, x)
	}
	return out, nil
}

func (i *instance) reachability() string {
	if h := i.health(); len(h.Details) > 0 {
		return h.Details[0].Status
	}
	return ""
}

// health is the outcome of EC2's status checks.
func (i *instance) health() *ec2.InstanceStatusSummary {
	switch {
	case i.State == statePending:
		return &ec2.InstanceStatusSummary{Status: "initializing", Details: []ec2.InstanceStatusDetails{{Name: "reachability", Status: "initializing"}}}
	case i.State != stateRunning:
		return &ec2.InstanceStatusSummary{Status: "not-applicable"}
	case !i.Impaired.IsZero():
		return &ec2.InstanceStatusSummary{Status: "impaired", Details: []ec2.InstanceStatusDetails{{Name: "reachability", Status: "failed", ImpairedSince: new(i.Impaired)}}}
	case i.Cut:
		return &ec2.InstanceStatusSummary{Status: "impaired", Details: []ec2.InstanceStatusDetails{{Name: "reachability", Status: "failed"}}}
	}
	return &ec2.InstanceStatusSummary{Status: "ok", Details: []ec2.InstanceStatusDetails{{Name: "reachability", Status: "passed"}}}
}

func isInt(is func(string) bool, n int64) bool { return is(strconv.FormatInt(n, 10)) }
