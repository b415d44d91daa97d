package api

import (
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

const (
	maxUserData   = 16384 // bytes before base64
	maxPerLaunch  = 5000
	defaultVolume = "gp3"
)

// order is a checked RunInstances request.
type order struct {
	least, want int
	launch      launch
	image       image
	subnet      *subnet
	groups      []string
	nics        []ec2.InstanceNetworkInterfaceSpecification
	existing    *netInterface // an interface of the caller's own as the primary
	public      bool
	privateIP   string
	profile     string
	disks       []ec2.BlockDeviceMapping
	tags        map[string]tagSet
	spot        *ec2.SpotMarketOptions
}

func (c *call) runInstances(in *ec2.RunInstancesRequest) (any, error) {
	if in.LaunchTemplate != nil {
		var err error
		if in, err = c.fromTemplate(in); err != nil {
			return nil, err
		}
	}
	o, err := c.checkRun(in)
	if err != nil {
		return nil, err
	}
	made, err := c.launchAll(o)
	if err != nil {
		return nil, err
	}
	rs := c.reservation(made)
	return &rs, nil
}

// checkRun checks a request as EC2 does before it makes anything.
func (c *call) checkRun(in *ec2.RunInstancesRequest) (*order, error) {
	least, want := value(in.MinCount, 1), value(in.MaxCount, 1)
	switch {
	case least < 1 || want < 1:
		return nil, fail("InvalidParameterValue", "Invalid value '%d' for minCount. Must be greater than or equal to 1.", least)
	case least > want:
		return nil, fail("InvalidParameterCombination", "minCount of %d is greater than maxCount of %d", least, want)
	case want > maxPerLaunch:
		return nil, fail("InstanceLimitExceeded", "You have requested more instances (%d) than your current instance limit of %d allows for one call.", want, maxPerLaunch)
	}
	o := &order{least: int(least), want: int(want)}
	l := &o.launch
	l.Type = in.InstanceType
	if l.Type == "" {
		l.Type = "m5.large"
	}
	typ, ok := c.types[l.Type]
	if !ok {
		return nil, fail("InvalidParameterValue", "Invalid value '%s' for InstanceType.", l.Type)
	}
	if in.ImageId == "" {
		return nil, fail("MissingParameter", "The request must contain the parameter ImageId")
	}
	var err error
	if o.image, err = c.image(in.ImageId); err != nil {
		return nil, err
	}
	if o.image.Arch != typ.Arch {
		return nil, fail("InvalidParameterValue", "The architecture '%s' of the specified instance type does not match the architecture '%s' of the specified AMI. Specify an instance type and an AMI that have matching architectures, and try again. You can use 'describe-instance-types' or 'describe-images' to discover the architecture of the instance type or AMI.", typ.Arch, o.image.Arch)
	}
	l.Image, l.Arch, l.Root = o.image.ID, o.image.Arch, o.image.Root
	if l.UserData, err = checkUserData(in.UserData); err != nil {
		return nil, err
	}
	if in.KeyName != "" {
		if c.keyPairs.seen(in.KeyName) == nil {
			return nil, fail("InvalidKeyPair.NotFound", "The key pair '%s' does not exist", in.KeyName)
		}
		l.Key = in.KeyName
	}
	if o.profile, err = c.profileFor(in.IamInstanceProfile); err != nil {
		return nil, err
	}
	if err := c.placeRun(o, in); err != nil {
		return nil, err
	}
	if o.disks, err = checkDisks(in.BlockDeviceMappings, o.image); err != nil {
		return nil, err
	}
	if o.tags, err = specified(in.TagSpecifications, "instance", "volume", "network-interface", "spot-instances-request", "elastic-gpu"); err != nil {
		return nil, err
	}
	if l.Meta, err = checkMetadata(metadataOptions{Hops: 1}, in.MetadataOptions); err != nil {
		return nil, err
	}
	if m := in.InstanceMarketOptions; m != nil {
		if m.MarketType != "spot" {
			return nil, fail("InvalidParameterValue", "Value (%s) for parameter MarketType is invalid: the lab has spot", m.MarketType)
		}
		l.Lifecycle = "spot"
		o.spot = m.SpotOptions
		if o.spot == nil {
			o.spot = new(ec2.SpotMarketOptions)
		}
	}
	l.Token = in.ClientToken
	l.Monitoring = in.Monitoring != nil && value(in.Monitoring.Enabled, false)
	l.EbsOptimized = value(in.EbsOptimized, false)
	l.Protected, l.StopProtected = value(in.DisableApiTermination, false), value(in.DisableApiStop, false)
	l.Shutdown = "stop"
	if in.InstanceInitiatedShutdownBehavior != "" {
		l.Shutdown = in.InstanceInitiatedShutdownBehavior
	}
	if !slices.Contains([]string{"stop", "terminate"}, l.Shutdown) {
		return nil, fail("InvalidParameterValue", "Invalid value '%s' for instanceInitiatedShutdownBehavior.", l.Shutdown)
	}
	l.Tenancy, l.AutoRecovery, l.HostnameType = "default", "default", o.subnet.HostnameType
	if p := in.Placement; p != nil {
		if p.Tenancy != "" {
			l.Tenancy = p.Tenancy
		}
		l.PlacementGroup = p.GroupName
	}
	if p := in.PrivateDnsNameOptions; p != nil {
		if p.HostnameType != "" {
			l.HostnameType = p.HostnameType
		}
		l.DNSA = value(p.EnableResourceNameDnsARecord, false)
	}
	if p := in.MaintenanceOptions; p != nil && p.AutoRecovery != "" {
		l.AutoRecovery = p.AutoRecovery
	}
	if typ.Burstable {
		l.Credits = "unlimited"
		if strings.HasPrefix(typ.Name, "t2.") {
			l.Credits = "standard"
		}
		if in.CreditSpecification != nil {
			l.Credits = in.CreditSpecification.CpuCredits
		}
	}
	return o, nil
}

func checkUserData(data string) (string, error) {
	if data == "" {
		return "", nil
	}
	raw, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return "", fail("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.")
	}
	if len(raw) > maxUserData {
		return "", fail("InvalidParameterValue", "User data is limited to %d bytes", maxUserData)
	}
	return data, nil
}

func checkMetadata(m metadataOptions, in *ec2.InstanceMetadataOptionsRequest) (metadataOptions, error) {
	if in == nil {
		return m, nil
	}
	return changeMetadata(m, in.HttpEndpoint, in.HttpTokens, in.InstanceMetadataTags, in.HttpPutResponseHopLimit)
}

func changeMetadata(m metadataOptions, endpoint, tokens, tags string, hops *int64) (metadataOptions, error) {
	set := func(to *bool, name, v, yes, no string) error {
		switch v {
		case "":
		case yes, no:
			*to = v == yes
		default:
			return fail("InvalidParameterValue", "Value (%s) for parameter %s is invalid. Valid values: %s, %s", v, name, yes, no)
		}
		return nil
	}
	if err := set(&m.Disabled, "HttpEndpoint", endpoint, "disabled", "enabled"); err != nil {
		return m, err
	}
	if err := set(&m.Required, "HttpTokens", tokens, "required", "optional"); err != nil {
		return m, err
	}
	if err := set(&m.Tags, "InstanceMetadataTags", tags, "enabled", "disabled"); err != nil {
		return m, err
	}
	if hops != nil {
		if *hops < 1 || *hops > 64 {
			return m, fail("InvalidParameterValue", "Value (%d) for parameter HttpPutResponseHopLimit is invalid. Expecting 1 to 64.", *hops)
		}
		m.Hops = *hops
	}
	return m, nil
}

// placeRun decides on subnet, security groups and addresses.
func (c *call) placeRun(o *order, in *ec2.RunInstancesRequest) error {
	subnetArg, groupArgs := in.SubnetId, in.SecurityGroupIds
	o.privateIP = in.PrivateIpAddress
	if len(in.NetworkInterfaces) > 0 {
		if in.SubnetId != "" || len(in.SecurityGroupIds)+len(in.SecurityGroups) > 0 {
			return fail("InvalidParameterCombination", "Network interfaces and an instance-level subnet ID or security groups may not be specified on the same request")
		}
		o.nics = slices.Clone(in.NetworkInterfaces)
		slices.SortStableFunc(o.nics, func(a, b ec2.InstanceNetworkInterfaceSpecification) int {
			return int(value(a.DeviceIndex, 0) - value(b.DeviceIndex, 0))
		})
		first := &o.nics[0]
		if value(first.DeviceIndex, 0) != 0 {
			return fail("InvalidParameterValue", "One of the network interfaces must have the device index 0")
		}
		subnetArg, groupArgs = first.SubnetId, first.Groups
		if first.PrivateIpAddress != "" {
			o.privateIP = first.PrivateIpAddress
		}
		if first.NetworkInterfaceId != "" {
			n, err := find(c.interfaces, interfaceID, first.NetworkInterfaceId)
			if err != nil {
				return err
			}
			if n.Attachment != "" || n.Requester != "" {
				return fail("InvalidNetworkInterface.InUse", "Interface '%s' is currently in use.", n.ID)
			}
			if o.want > 1 {
				return fail("InvalidParameterCombination", "An existing network interface can only be used by one instance")
			}
			o.existing, subnetArg, groupArgs = n, n.Subnet, nil
		}
	}
	var err error
	if o.subnet, err = c.subnetFor(subnetArg, in.Placement); err != nil {
		return err
	}
	if o.groups, err = c.groupIDs(groupArgs, o.subnet.VPC); err != nil {
		return err
	}
	for _, name := range in.SecurityGroups {
		g, err := c.findGroup("", name)
		if err != nil {
			return err
		}
		o.groups = append(o.groups, g.ID)
	}
	if o.privateIP != "" && o.want > 1 {
		return fail("InvalidParameterCombination", "The parameter PrivateIpAddress cannot be used with more than one instance")
	}
	o.public = o.subnet.PublicIP
	if len(o.nics) > 0 && o.nics[0].AssociatePublicIpAddress != nil {
		o.public = *o.nics[0].AssociatePublicIpAddress
	}
	if o.existing == nil {
		pool := c.pool(o.subnet.ID)
		if pool.free() < o.least {
			return noAddresses(o.subnet, pool)
		}
		o.want = min(o.want, pool.free())
		if o.privateIP != "" {
			ip, err := netip.ParseAddr(o.privateIP)
			if err != nil || !pool.usable(ip) {
				return fail("InvalidParameterValue", "Address %s does not fall within the subnet's address range", o.privateIP)
			}
			if _, taken := pool.used[ip]; taken {
				return fail("InvalidIPAddress.InUse", "Address %s is in use.", o.privateIP)
			}
		}
	}
	for i := range o.nics {
		if i == 0 {
			continue
		}
		if o.nics[i].NetworkInterfaceId != "" {
			return fail("UnsupportedOperation", "The lab attaches existing interfaces at launch only as the primary one; use AttachNetworkInterface")
		}
		sn, err := find(c.subnets, subnetID, o.nics[i].SubnetId)
		if err != nil {
			return err
		}
		if sn.Zone != o.subnet.Zone {
			return fail("InvalidParameterCombination", "All network interfaces of an instance must be in the same availability zone")
		}
		if o.nics[i].Groups, err = c.groupIDs(o.nics[i].Groups, sn.VPC); err != nil {
			return err
		}
		need := o.want
		if sn.ID == o.subnet.ID {
			need *= 2
		}
		if pool := c.pool(sn.ID); pool.free() < need {
			return noAddresses(sn, pool)
		}
	}
	if o.want, err = c.capacity(o.launch.Type, o.subnet.Zone, o.least, o.want); err != nil {
		return err
	}
	return nil
}

// subnetFor finds the subnet of a launch: the named one, or the default VPC's in the zone.
func (c *call) subnetFor(id string, p *ec2.Placement) (*subnet, error) {
	zoneArg := ""
	if p != nil {
		zoneArg = p.AvailabilityZone
	}
	if zoneArg != "" {
		if _, ok := c.zone(zoneArg); !ok {
			return nil, fail("InvalidParameterValue", "Invalid availability zone: [%s]", zoneArg)
		}
	}
	if id != "" {
		sn, err := find(c.subnets, subnetID, id)
		if err != nil {
			return nil, err
		}
		if zoneArg != "" && sn.Zone != zoneArg {
			return nil, fail("InvalidParameterValue", "The availability zone %s does not match the subnet's, %s", zoneArg, sn.Zone)
		}
		return sn, nil
	}
	v := c.defaultVPC()
	if v == nil {
		return nil, fail("VPCIdNotSpecified", "No default VPC for this user. GroupName is only supported for EC2-Classic and default VPC.")
	}
	for sn := range c.subnets.all() {
		if sn.VPC == v.ID && sn.Default && (zoneArg == "" || sn.Zone == zoneArg) {
			return sn, nil
		}
	}
	return nil, fail("MissingInput", "No subnets found for the default VPC '%s'. Please specify a subnet.", v.ID)
}

// checkDisks completes the block devices of a launch by the image's root device.
func checkDisks(in []ec2.BlockDeviceMapping, im image) ([]ec2.BlockDeviceMapping, error) {
	root := ec2.BlockDeviceMapping{DeviceName: im.Root, Ebs: &ec2.EbsBlockDevice{}}
	out := []ec2.BlockDeviceMapping{root}
	for _, d := range in {
		if d.DeviceName == "" {
			return nil, fail("MissingParameter", "The request must contain the parameter blockDeviceMapping.deviceName")
		}
		if d.Ebs == nil || d.NoDevice != "" {
			continue // instance store and suppressed devices: nothing to make
		}
		if d.DeviceName == im.Root {
			out[0].Ebs = d.Ebs
			continue
		}
		if slices.ContainsFunc(out, func(o ec2.BlockDeviceMapping) bool { return o.DeviceName == d.DeviceName }) {
			return nil, fail("InvalidBlockDeviceMapping", "The device '%s' is used in more than one block-device mapping", d.DeviceName)
		}
		if d.Ebs.VolumeSize == nil && d.Ebs.SnapshotId == "" {
			return nil, fail("MissingParameter", "The request must contain the parameter size or snapshotId")
		}
		out = append(out, d)
	}
	for i := range out {
		e := new(*out[i].Ebs)
		if e.VolumeType == "" {
			e.VolumeType = defaultVolume
		}
		if e.VolumeSize == nil {
			e.VolumeSize = new(im.SizeGiB)
		}
		if i == 0 {
			e.SnapshotId = im.Snapshot
			if *e.VolumeSize < im.SizeGiB {
				return nil, fail("InvalidBlockDeviceMapping", "Volume of size %dGB is smaller than snapshot '%s', expect size >= %dGB", *e.VolumeSize, im.Snapshot, im.SizeGiB)
			}
		}
		if err := checkVolume(e.VolumeType, *e.VolumeSize, e.Iops, e.Throughput); err != nil {
			return nil, err
		}
		out[i].Ebs = e
	}
	return out, nil
}

// fromTemplate fills what a request leaves out from its launch template.
func (c *call) fromTemplate(in *ec2.RunInstancesRequest) (*ec2.RunInstancesRequest, error) {
	v, err := c.templateVersion(in.LaunchTemplate.LaunchTemplateId, in.LaunchTemplate.LaunchTemplateName, in.LaunchTemplate.Version)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(v.Data)
	if err != nil {
		return nil, err
	}
	out := new(ec2.RunInstancesRequest)
	if err := json.Unmarshal(raw, out); err != nil {
		return nil, err
	}
	mine, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(mine, &given); err != nil {
		return nil, err
	}
	for name, v := range given {
		if s := string(v); s == "null" || s == `""` || s == "[]" {
			delete(given, name)
		}
	}
	if len(in.NetworkInterfaces) == 0 && (in.SubnetId != "" || len(in.SecurityGroupIds) > 0) && len(out.NetworkInterfaces) > 0 {
		// the caller's subnet takes the place of the template's
		n := &out.NetworkInterfaces[0]
		if in.SubnetId != "" {
			n.SubnetId = in.SubnetId
		}
		if len(in.SecurityGroupIds) > 0 {
			n.Groups = in.SecurityGroupIds
		}
		delete(given, "SubnetId")
		delete(given, "SecurityGroupIds")
	}
	templateTags := out.TagSpecifications
	if mine, err = json.Marshal(given); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(mine, out); err != nil {
		return nil, err
	}
	out.TagSpecifications = mergeSpecs(templateTags, in.TagSpecifications)
	return out, nil
}

// mergeSpecs gives both lists of tags; the second wins key by key.
func mergeSpecs(base, over []ec2.TagSpecification) []ec2.TagSpecification {
	out := slices.Clone(base)
	for _, o := range over {
		i := slices.IndexFunc(out, func(b ec2.TagSpecification) bool { return b.ResourceType == o.ResourceType })
		if i < 0 {
			out = append(out, o)
			continue
		}
		tags := slices.DeleteFunc(slices.Clone(out[i].Tags), func(t ec2.Tag) bool {
			return slices.ContainsFunc(o.Tags, func(n ec2.Tag) bool { return n.Key == t.Key })
		})
		out[i] = ec2.TagSpecification{ResourceType: o.ResourceType, Tags: append(tags, o.Tags...)}
	}
	return out
}
