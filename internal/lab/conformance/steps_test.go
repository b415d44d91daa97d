package conformance

import (
	"context"
	"encoding/base64"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// tagsOn is a TagSpecification list with one tag.
func tagsOn(kind types.ResourceType) []types.TagSpecification {
	return []types.TagSpecification{{ResourceType: kind, Tags: []types.Tag{{Key: new("cluster"), Value: new("lab")}}}}
}

// keep notes an id when the call succeeded.
func keep[T any](w *world, name string, out *T, err error, id func(*T) *string) (any, error) {
	if err == nil {
		w.ids[name] = *id(out)
	}
	return out, err
}

func steps() []step {
	var out []step
	out = append(out, networkSteps()...)
	out = append(out, groupSteps()...)
	out = append(out, instanceSteps()...)
	out = append(out, otherSteps()...)
	out = append(out, iamSteps()...)
	out = append(out, ssmSteps()...)
	out = append(out, elbSteps()...)
	return append(out, endSteps()...)
}

func networkSteps() []step {
	return []step{
		{"GetCallerIdentity", func(ctx context.Context, w *world) (any, error) {
			return w.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		}},
		{"DescribeAvailabilityZones", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{})
		}},
		{"DescribeRegions", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeRegions(ctx, &ec2.DescribeRegionsInput{})
		}},
		{"DescribeVpcs default", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: []types.Filter{{Name: new("isDefault"), Values: []string{"true"}}}})
		}},
		{"DescribeSubnets default", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{})
		}},
		{"CreateVpc too large", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/8")})
		}},
		{"CreateVpc", func(ctx context.Context, w *world) (any, error) {
			out, err := w.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new("10.88.0.0/16"), TagSpecifications: tagsOn("vpc")})
			return keep(w, "vpc", out, err, func(o *ec2.CreateVpcOutput) *string { return o.Vpc.VpcId })
		}},
		{"CreateVpc dry run", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new("10.88.0.0/16"), DryRun: new(true)})
		}},
		{"DescribeVpcs", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{w.ids["vpc"]}})
		}},
		{"DescribeVpcs unknown", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{"vpc-00000000000000000"}})
		}},
		{"ModifyVpcAttribute", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.ModifyVpcAttribute(ctx, &ec2.ModifyVpcAttributeInput{VpcId: new(w.ids["vpc"]), EnableDnsHostnames: &types.AttributeBooleanValue{Value: new(true)}})
		}},
		{"DescribeVpcAttribute", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{VpcId: new(w.ids["vpc"]), Attribute: "enableDnsHostnames"})
		}},
		{"CreateSubnet", func(ctx context.Context, w *world) (any, error) {
			out, err := w.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: new(w.ids["vpc"]), CidrBlock: new("10.88.0.0/24"), AvailabilityZone: new(region + "a"), TagSpecifications: tagsOn("subnet")})
			return keep(w, "subnet", out, err, func(o *ec2.CreateSubnetOutput) *string { return o.Subnet.SubnetId })
		}},
		{"CreateSubnet overlapping", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: new(w.ids["vpc"]), CidrBlock: new("10.88.0.128/25")})
		}},
		{"CreateSubnet outside", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: new(w.ids["vpc"]), CidrBlock: new("10.99.0.0/24")})
		}},
		{"CreateSubnet in an unknown zone", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: new(w.ids["vpc"]), CidrBlock: new("10.88.9.0/24"), AvailabilityZone: new("mars-1a")})
		}},
		{"ModifySubnetAttribute", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.ModifySubnetAttribute(ctx, &ec2.ModifySubnetAttributeInput{SubnetId: new(w.ids["subnet"]), MapPublicIpOnLaunch: &types.AttributeBooleanValue{Value: new(true)}})
		}},
		{"DescribeSubnets", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: []types.Filter{{Name: new("tag:cluster"), Values: []string{"l*"}}}})
		}},
		{"DescribeSubnets unknown", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{"subnet-00000000000000000"}})
		}},
		{"CreateInternetGateway", func(ctx context.Context, w *world) (any, error) {
			out, err := w.ec2.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{TagSpecifications: tagsOn("internet-gateway")})
			return keep(w, "igw", out, err, func(o *ec2.CreateInternetGatewayOutput) *string { return o.InternetGateway.InternetGatewayId })
		}},
		{"AttachInternetGateway", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: new(w.ids["igw"]), VpcId: new(w.ids["vpc"])})
		}},
		{"AttachInternetGateway again", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: new(w.ids["igw"]), VpcId: new(w.ids["vpc"])})
		}},
		{"DescribeInternetGateways", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeInternetGateways(ctx, &ec2.DescribeInternetGatewaysInput{InternetGatewayIds: []string{w.ids["igw"]}})
		}},
		{"DeleteInternetGateway attached", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DeleteInternetGateway(ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: new(w.ids["igw"])})
		}},
		{"CreateRouteTable", func(ctx context.Context, w *world) (any, error) {
			out, err := w.ec2.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: new(w.ids["vpc"]), TagSpecifications: tagsOn("route-table")})
			return keep(w, "rtb", out, err, func(o *ec2.CreateRouteTableOutput) *string { return o.RouteTable.RouteTableId })
		}},
		{"CreateRoute", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.CreateRoute(ctx, &ec2.CreateRouteInput{RouteTableId: new(w.ids["rtb"]), DestinationCidrBlock: new("0.0.0.0/0"), GatewayId: new(w.ids["igw"])})
		}},
		{"CreateRoute bad destination", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.CreateRoute(ctx, &ec2.CreateRouteInput{RouteTableId: new(w.ids["rtb"]), DestinationCidrBlock: new("everywhere"), GatewayId: new(w.ids["igw"])})
		}},
		{"DeleteRoute unknown", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DeleteRoute(ctx, &ec2.DeleteRouteInput{RouteTableId: new(w.ids["rtb"]), DestinationCidrBlock: new("1.2.3.0/24")})
		}},
		{"AssociateRouteTable", func(ctx context.Context, w *world) (any, error) {
			out, err := w.ec2.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: new(w.ids["rtb"]), SubnetId: new(w.ids["subnet"])})
			return keep(w, "rtbassoc", out, err, func(o *ec2.AssociateRouteTableOutput) *string { return o.AssociationId })
		}},
		{"DescribeRouteTables", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{RouteTableIds: []string{w.ids["rtb"]}})
		}},
		{"DescribeRouteTables main", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: []types.Filter{{Name: new("vpc-id"), Values: []string{w.ids["vpc"]}}, {Name: new("association.main"), Values: []string{"true"}}}})
		}},
		{"DeleteRouteTable in use", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: new(w.ids["rtb"])})
		}},
		{"DescribeNetworkAcls", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeNetworkAcls(ctx, &ec2.DescribeNetworkAclsInput{Filters: []types.Filter{{Name: new("vpc-id"), Values: []string{w.ids["vpc"]}}}})
		}},
	}
}

func groupSteps() []step {
	web := []types.IpPermission{{IpProtocol: new("tcp"), FromPort: new(int32(80)), ToPort: new(int32(80)), IpRanges: []types.IpRange{{CidrIp: new("0.0.0.0/0"), Description: new("web")}}}}
	return []step{
		{"CreateSecurityGroup", func(ctx context.Context, w *world) (any, error) {
			out, err := w.ec2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: new("nodes"), Description: new("nodes"), VpcId: new(w.ids["vpc"]), TagSpecifications: tagsOn("security-group")})
			return keep(w, "sg", out, err, func(o *ec2.CreateSecurityGroupOutput) *string { return o.GroupId })
		}},
		{"CreateSecurityGroup duplicate", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: new("nodes"), Description: new("nodes"), VpcId: new(w.ids["vpc"])})
		}},
		{"AuthorizeSecurityGroupIngress", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: new(w.ids["sg"]), IpPermissions: web})
		}},
		{"AuthorizeSecurityGroupIngress duplicate", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: new(w.ids["sg"]), IpPermissions: web})
		}},
		{"AuthorizeSecurityGroupIngress from a group", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: new(w.ids["sg"]), IpPermissions: []types.IpPermission{{IpProtocol: new("-1"), UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: new(w.ids["sg"])}}}}})
		}},
		{"AuthorizeSecurityGroupEgress", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.AuthorizeSecurityGroupEgress(ctx, &ec2.AuthorizeSecurityGroupEgressInput{GroupId: new(w.ids["sg"]), IpPermissions: web})
		}},
		{"DescribeSecurityGroups", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{w.ids["sg"]}})
		}},
		{"DescribeSecurityGroupRules", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeSecurityGroupRules(ctx, &ec2.DescribeSecurityGroupRulesInput{Filters: []types.Filter{{Name: new("group-id"), Values: []string{w.ids["sg"]}}}})
		}},
		{"RevokeSecurityGroupIngress", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: new(w.ids["sg"]), IpPermissions: web})
		}},
		{"RevokeSecurityGroupIngress unknown", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: new(w.ids["sg"]), IpPermissions: web})
		}},
		{"DescribeSecurityGroups unknown", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{"sg-00000000000000000"}})
		}},
		{"CreateKeyPair", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.CreateKeyPair(ctx, &ec2.CreateKeyPairInput{KeyName: new("me"), KeyType: types.KeyTypeEd25519})
		}},
		{"CreateKeyPair duplicate", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.CreateKeyPair(ctx, &ec2.CreateKeyPairInput{KeyName: new("me")})
		}},
		{"DescribeKeyPairs", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeKeyPairs(ctx, &ec2.DescribeKeyPairsInput{KeyNames: []string{"me"}})
		}},
		{"DescribeKeyPairs unknown", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeKeyPairs(ctx, &ec2.DescribeKeyPairsInput{KeyNames: []string{"nobody"}})
		}},
	}
}

func instanceSteps() []step {
	run := func(w *world) *ec2.RunInstancesInput {
		return &ec2.RunInstancesInput{
			MinCount: new(int32(1)), MaxCount: new(int32(1)), ImageId: new(w.ids["image"]), InstanceType: "t3.micro", SubnetId: new(w.ids["subnet"]), SecurityGroupIds: []string{w.ids["sg"]},
			KeyName: new("me"), UserData: new(base64.StdEncoding.EncodeToString([]byte("#!/bin/sh"))), TagSpecifications: tagsOn("instance"), ClientToken: new("token"),
		}
	}
	ids := func(w *world) []string { return []string{w.ids["instance"]} }
	return []step{
		{"DescribeImages", func(ctx context.Context, w *world) (any, error) {
			out, err := w.ec2.DescribeImages(ctx, &ec2.DescribeImagesInput{Owners: []string{"amazon", "099720109477"}, Filters: []types.Filter{{Name: new("architecture"), Values: []string{"x86_64"}}, {Name: new("name"), Values: []string{"al2023*", "ubuntu*22.04*", "ubuntu*jammy*"}}}})
			return keep(w, "image", out, err, func(o *ec2.DescribeImagesOutput) *string { return o.Images[0].ImageId })
		}},
		{"RunInstances", func(ctx context.Context, w *world) (any, error) {
			out, err := w.ec2.RunInstances(ctx, run(w))
			return keep(w, "instance", out, err, func(o *ec2.RunInstancesOutput) *string { return o.Instances[0].InstanceId })
		}},
		{"RunInstances unknown type", func(ctx context.Context, w *world) (any, error) {
			in := run(w)
			in.InstanceType, in.ClientToken = "x9.mega", nil
			return w.ec2.RunInstances(ctx, in)
		}},
		{"RunInstances unknown key", func(ctx context.Context, w *world) (any, error) {
			in := run(w)
			in.KeyName, in.ClientToken = new("nobody"), nil
			return w.ec2.RunInstances(ctx, in)
		}},
		{"RunInstances unknown subnet", func(ctx context.Context, w *world) (any, error) {
			in := run(w)
			in.SubnetId, in.ClientToken = new("subnet-00000000000000000"), nil
			return w.ec2.RunInstances(ctx, in)
		}},
		{"RunInstances dry run", func(ctx context.Context, w *world) (any, error) {
			in := run(w)
			in.DryRun, in.ClientToken = new(true), nil
			return w.ec2.RunInstances(ctx, in)
		}},
		{"DescribeInstances", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{Filters: []types.Filter{{Name: new("tag:cluster"), Values: []string{"lab"}}, {Name: new("vpc-id"), Values: []string{w.ids["vpc"]}}}})
		}},
		{"DescribeInstances unknown", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{"i-00000000000000000"}})
		}},
		{"DescribeInstanceStatus", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeInstanceStatus(ctx, &ec2.DescribeInstanceStatusInput{InstanceIds: ids(w)})
		}},
		{"DescribeInstanceAttribute", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeInstanceAttribute(ctx, &ec2.DescribeInstanceAttributeInput{InstanceId: new(w.ids["instance"]), Attribute: types.InstanceAttributeNameUserData})
		}},
		{"ModifyInstanceAttribute type while running", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.ModifyInstanceAttribute(ctx, &ec2.ModifyInstanceAttributeInput{InstanceId: new(w.ids["instance"]), InstanceType: &types.AttributeValue{Value: new("t3.small")}})
		}},
		{"ModifyInstanceMetadataOptions", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.ModifyInstanceMetadataOptions(ctx, &ec2.ModifyInstanceMetadataOptionsInput{InstanceId: new(w.ids["instance"]), HttpTokens: types.HttpTokensStateRequired})
		}},
		{"DescribeNetworkInterfaces", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{{Name: new("attachment.instance-id"), Values: ids(w)}}})
		}},
		{"DescribeVolumes", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{Filters: []types.Filter{{Name: new("attachment.instance-id"), Values: ids(w)}}})
		}},
		{"CreateTags", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: ids(w), Tags: []types.Tag{{Key: new("Name"), Value: new("n1")}}})
		}},
		{"CreateTags unknown", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{"i-00000000000000000"}, Tags: []types.Tag{{Key: new("Name"), Value: new("n1")}}})
		}},
		{"DescribeTags", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeTags(ctx, &ec2.DescribeTagsInput{Filters: []types.Filter{{Name: new("resource-id"), Values: ids(w)}}})
		}},
		{"DeleteTags", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DeleteTags(ctx, &ec2.DeleteTagsInput{Resources: ids(w), Tags: []types.Tag{{Key: new("Name")}}})
		}},
		{"GetConsoleOutput", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.GetConsoleOutput(ctx, &ec2.GetConsoleOutputInput{InstanceId: new(w.ids["instance"])})
		}},
		{"RebootInstances", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.RebootInstances(ctx, &ec2.RebootInstancesInput{InstanceIds: ids(w)})
		}},
		{"StopInstances", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: ids(w)})
		}},
		{"StartInstances", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: ids(w)})
		}},
		{"DescribeInstanceTypes", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeInstanceTypes(ctx, &ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{"t3.large", "m5.large"}})
		}},
		{"DescribeInstanceTypes unknown", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeInstanceTypes(ctx, &ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{"x9.mega"}})
		}},
		{"DescribeInstanceTypeOfferings", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeInstanceTypeOfferings(ctx, &ec2.DescribeInstanceTypeOfferingsInput{LocationType: types.LocationTypeAvailabilityZone, Filters: []types.Filter{{Name: new("instance-type"), Values: []string{"t3.large"}}}})
		}},
	}
}
