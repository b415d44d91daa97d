package api

import (
	"encoding/base64"
	"slices"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

func (c *call) describeInstanceAttribute(in *ec2.DescribeInstanceAttributeRequest) (any, error) {
	i, err := find(c.instances, instanceID, in.InstanceId)
	if err != nil {
		return nil, err
	}
	l := c.launchOf(i)
	out := &ec2.InstanceAttribute{InstanceId: i.ID}
	flag := func(b bool) *ec2.AttributeBooleanValue { return &ec2.AttributeBooleanValue{Value: new(b)} }
	switch in.Attribute {
	case "instanceType":
		out.InstanceType = &ec2.AttributeValue{Value: l.Type}
	case "userData":
		out.UserData = &ec2.AttributeValue{Value: l.UserData}
	case "disableApiTermination":
		out.DisableApiTermination = flag(l.Protected)
	case "disableApiStop":
		out.DisableApiStop = flag(l.StopProtected)
	case "instanceInitiatedShutdownBehavior":
		out.InstanceInitiatedShutdownBehavior = &ec2.AttributeValue{Value: l.Shutdown}
	case "rootDeviceName":
		out.RootDeviceName = &ec2.AttributeValue{Value: l.Root}
	case "sourceDestCheck":
		out.SourceDestCheck = flag(!l.NoSourceCheck)
	case "ebsOptimized":
		out.EbsOptimized = flag(l.EbsOptimized)
	case "enaSupport":
		out.EnaSupport = flag(true)
	case "groupSet":
		out.Groups = []ec2.GroupIdentifier{}
		if n := c.primary(i); n != nil {
			out.Groups = c.groupNames(n.Groups)
		}
	case "blockDeviceMapping":
		out.BlockDeviceMappings = c.renderInstance(i).BlockDeviceMappings
	case "productCodes":
		out.ProductCodes = []ec2.ProductCode{}
	case "kernel", "ramdisk", "sriovNetSupport", "enclaveOptions":
	default:
		return nil, fail("InvalidParameterValue", "Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
	}
	return out, nil
}

func (c *call) modifyInstanceAttribute(in *ec2.ModifyInstanceAttributeRequest) (any, error) {
	if _, err := find(c.instances, instanceID, in.InstanceId); err != nil {
		return nil, err
	}
	i := c.instances.get(in.InstanceId)
	if !i.live() {
		return nil, fail("IncorrectInstanceState", "The instance '%s' is terminated.", i.ID)
	}
	change, stopped, err := c.attributeChange(in)
	if err != nil {
		return nil, err
	}
	if stopped != "" && i.State != stateStopped {
		return nil, fail("IncorrectInstanceState", "The instance '%s' is not in the 'stopped' state; its %s can only be modified then.", i.ID, stopped)
	}
	if change != nil {
		c.relaunch(i, change)
	}
	if len(in.Groups) > 0 {
		groups, err := c.groupIDs(in.Groups, i.VPC)
		if err != nil {
			return nil, err
		}
		if n := c.primary(i); n != nil {
			c.interfaces.update(n.ID, func(n *netInterface) { n.Groups = groups })
		}
	}
	if in.SourceDestCheck != nil {
		if n := c.primary(i); n != nil {
			c.interfaces.update(n.ID, func(n *netInterface) { n.NoSourceDestCheck = !value(in.SourceDestCheck.Value, true) })
		}
	}
	if len(in.BlockDeviceMappings) > 0 {
		c.changeDisks(i, in.BlockDeviceMappings)
	}
	return nil, nil
}

// attributeChange reads the one attribute a request changes; stopped names it when the instance must be stopped.
func (c *call) attributeChange(in *ec2.ModifyInstanceAttributeRequest) (change func(*launch), stopped string, err error) {
	name, val := in.Attribute, in.Value
	if v := in.InstanceType; v != nil {
		name, val = "instanceType", v.Value
	}
	if v := in.InstanceInitiatedShutdownBehavior; v != nil {
		name, val = "instanceInitiatedShutdownBehavior", v.Value
	}
	flag := func(v *ec2.AttributeBooleanValue) bool { return value(v.Value, false) }
	switch {
	case in.DisableApiTermination != nil:
		return func(l *launch) { l.Protected = flag(in.DisableApiTermination) }, "", nil
	case in.DisableApiStop != nil:
		return func(l *launch) { l.StopProtected = flag(in.DisableApiStop) }, "", nil
	case in.EbsOptimized != nil:
		return func(l *launch) { l.EbsOptimized = flag(in.EbsOptimized) }, "ebsOptimized", nil
	case in.SourceDestCheck != nil:
		return func(l *launch) { l.NoSourceCheck = !value(in.SourceDestCheck.Value, true) }, "", nil
	case in.UserData != nil:
		data, err := checkUserData(base64.StdEncoding.EncodeToString(in.UserData.Value))
		if err != nil {
			return nil, "", err
		}
		return func(l *launch) { l.UserData = data }, "userData", nil
	}
	switch name {
	case "":
		if len(in.Groups)+len(in.BlockDeviceMappings) == 0 {
			return nil, "", fail("InvalidParameterCombination", "No attributes specified.")
		}
		return nil, "", nil
	case "instanceType":
		if c.types[val].Name == "" {
			return nil, "", fail("InvalidInstanceAttributeValue", "Invalid value '%s' for InstanceType.", val)
		}
		return func(l *launch) { l.Type = val }, "instanceType", nil
	case "instanceInitiatedShutdownBehavior":
		if !slices.Contains([]string{"stop", "terminate"}, val) {
			return nil, "", fail("InvalidParameterValue", "Invalid value '%s' for instanceInitiatedShutdownBehavior.", val)
		}
		return func(l *launch) { l.Shutdown = val }, "", nil
	case "disableApiTermination":
		return func(l *launch) { l.Protected = val == "true" }, "", nil
	case "disableApiStop":
		return func(l *launch) { l.StopProtected = val == "true" }, "", nil
	case "sourceDestCheck":
		in.SourceDestCheck = &ec2.AttributeBooleanValue{Value: new(val == "true")}
		return func(l *launch) { l.NoSourceCheck = val != "true" }, "", nil
	case "userData":
		data, err := checkUserData(val)
		if err != nil {
			return nil, "", err
		}
		return func(l *launch) { l.UserData = data }, "userData", nil
	}
	return nil, "", fail("InvalidParameterValue", "Value (%s) for parameter attribute is invalid. The lab does not modify it.", name)
}

func (c *call) changeDisks(i *instance, changes []ec2.InstanceBlockDeviceMappingSpecification) {
	c.instances.update(i.ID, func(i *instance) {
		i.Disks = slices.Clone(i.Disks)
		for _, ch := range changes {
			for k := range i.Disks {
				if i.Disks[k].Device == ch.DeviceName && ch.Ebs != nil && ch.Ebs.DeleteOnTermination != nil {
					i.Disks[k].DeleteOnTermination = *ch.Ebs.DeleteOnTermination
				}
			}
		}
	})
}

func (c *call) modifyInstanceMetadataOptions(in *ec2.ModifyInstanceMetadataOptionsRequest) (any, error) {
	if _, err := find(c.instances, instanceID, in.InstanceId); err != nil {
		return nil, err
	}
	i := c.instances.get(in.InstanceId)
	if !i.live() {
		return nil, fail("IncorrectInstanceState", "The instance '%s' is terminated.", i.ID)
	}
	m, err := changeMetadata(c.launchOf(i).Meta, in.HttpEndpoint, in.HttpTokens, in.InstanceMetadataTags, in.HttpPutResponseHopLimit)
	if err != nil {
		return nil, err
	}
	c.relaunch(i, func(l *launch) { l.Meta = m })
	out := m.ec2()
	out.State = "pending"
	return &ec2.ModifyInstanceMetadataOptionsResult{InstanceId: i.ID, InstanceMetadataOptions: out}, nil
}
