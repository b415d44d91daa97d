package conformance

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func otherSteps() []step {
	return []step{
		{"AllocateAddress", func(ctx context.Context, w *world) (any, error) {
			out, err := w.ec2.AllocateAddress(ctx, &ec2.AllocateAddressInput{Domain: types.DomainTypeVpc})
			return keep(w, "eip", out, err, func(o *ec2.AllocateAddressOutput) *string { return o.AllocationId })
		}},
		{"AssociateAddress", func(ctx context.Context, w *world) (any, error) {
			out, err := w.ec2.AssociateAddress(ctx, &ec2.AssociateAddressInput{AllocationId: new(w.ids["eip"]), InstanceId: new(w.ids["instance"])})
			return keep(w, "eipassoc", out, err, func(o *ec2.AssociateAddressOutput) *string { return o.AssociationId })
		}},
		{"DescribeAddresses", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{AllocationIds: []string{w.ids["eip"]}})
		}},
		{"DescribeAddresses unknown", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{AllocationIds: []string{"eipalloc-00000000000000000"}})
		}},
		{"DisassociateAddress", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DisassociateAddress(ctx, &ec2.DisassociateAddressInput{AssociationId: new(w.ids["eipassoc"])})
		}},
		{"CreateNatGateway", func(ctx context.Context, w *world) (any, error) {
			out, err := w.ec2.CreateNatGateway(ctx, &ec2.CreateNatGatewayInput{SubnetId: new(w.ids["subnet"]), AllocationId: new(w.ids["eip"])})
			return keep(w, "nat", out, err, func(o *ec2.CreateNatGatewayOutput) *string { return o.NatGateway.NatGatewayId })
		}},
		{"DescribeNatGateways", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeNatGateways(ctx, &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{w.ids["nat"]}})
		}},
		{"CreateVolume", func(ctx context.Context, w *world) (any, error) {
			out, err := w.ec2.CreateVolume(ctx, &ec2.CreateVolumeInput{AvailabilityZone: new(region + "a"), Size: new(int32(10)), VolumeType: types.VolumeTypeGp3})
			return keep(w, "volume", out, err, func(o *ec2.CreateVolumeOutput) *string { return o.VolumeId })
		}},
		{"DeleteVolume unknown", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DeleteVolume(ctx, &ec2.DeleteVolumeInput{VolumeId: new("vol-00000000000000000")})
		}},
		{"DeleteVolume", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DeleteVolume(ctx, &ec2.DeleteVolumeInput{VolumeId: new(w.ids["volume"])})
		}},
		{"CreateNetworkInterface", func(ctx context.Context, w *world) (any, error) {
			out, err := w.ec2.CreateNetworkInterface(ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: new(w.ids["subnet"]), Groups: []string{w.ids["sg"]}, Description: new("spare")})
			return keep(w, "eni", out, err, func(o *ec2.CreateNetworkInterfaceOutput) *string { return o.NetworkInterface.NetworkInterfaceId })
		}},
		{"DeleteNetworkInterface", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: new(w.ids["eni"])})
		}},
		{"DeleteNetworkInterface unknown", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: new("eni-00000000000000000")})
		}},
		{"CreateLaunchTemplate", func(ctx context.Context, w *world) (any, error) {
			out, err := w.ec2.CreateLaunchTemplate(ctx, &ec2.CreateLaunchTemplateInput{LaunchTemplateName: new("nodes"), LaunchTemplateData: &types.RequestLaunchTemplateData{InstanceType: "t3.small", ImageId: new(w.ids["image"])}})
			return keep(w, "lt", out, err, func(o *ec2.CreateLaunchTemplateOutput) *string { return o.LaunchTemplate.LaunchTemplateId })
		}},
		{"CreateLaunchTemplate duplicate", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.CreateLaunchTemplate(ctx, &ec2.CreateLaunchTemplateInput{LaunchTemplateName: new("nodes"), LaunchTemplateData: &types.RequestLaunchTemplateData{InstanceType: "t3.small"}})
		}},
		{"CreateLaunchTemplateVersion", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.CreateLaunchTemplateVersion(ctx, &ec2.CreateLaunchTemplateVersionInput{LaunchTemplateId: new(w.ids["lt"]), LaunchTemplateData: &types.RequestLaunchTemplateData{InstanceType: "t3.medium", ImageId: new(w.ids["image"])}})
		}},
		{"DescribeLaunchTemplates", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeLaunchTemplates(ctx, &ec2.DescribeLaunchTemplatesInput{LaunchTemplateNames: []string{"nodes"}})
		}},
		{"DescribeLaunchTemplateVersions", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeLaunchTemplateVersions(ctx, &ec2.DescribeLaunchTemplateVersionsInput{LaunchTemplateId: new(w.ids["lt"])})
		}},
		{"DescribeLaunchTemplates unknown", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DescribeLaunchTemplates(ctx, &ec2.DescribeLaunchTemplatesInput{LaunchTemplateNames: []string{"nobody"}})
		}},
		{"DeleteLaunchTemplate", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DeleteLaunchTemplate(ctx, &ec2.DeleteLaunchTemplateInput{LaunchTemplateId: new(w.ids["lt"])})
		}},
	}
}

func iamSteps() []step {
	trust := new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)
	name := new("node")
	const core = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
	policy := new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ssm:GetParameter","Resource":"*"}]}`)
	return []step{
		{"CreateRole", func(ctx context.Context, w *world) (any, error) {
			out, err := w.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: trust, Description: new("nodes")})
			return keep(w, "role", out, err, func(o *iam.CreateRoleOutput) *string { return o.Role.Arn })
		}},
		{"CreateRole duplicate", func(ctx context.Context, w *world) (any, error) {
			return w.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: trust})
		}},
		{"CreateRole bad document", func(ctx context.Context, w *world) (any, error) {
			return w.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: new("bad"), AssumeRolePolicyDocument: new("{")})
		}},
		{"GetRole", func(ctx context.Context, w *world) (any, error) {
			return w.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: name})
		}},
		{"GetRole unknown", func(ctx context.Context, w *world) (any, error) {
			return w.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: new("nobody")})
		}},
		{"PutRolePolicy", func(ctx context.Context, w *world) (any, error) {
			return w.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: name, PolicyName: new("p"), PolicyDocument: policy})
		}},
		{"GetRolePolicy", func(ctx context.Context, w *world) (any, error) {
			return w.iam.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: name, PolicyName: new("p")})
		}},
		{"GetRolePolicy unknown", func(ctx context.Context, w *world) (any, error) {
			return w.iam.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: name, PolicyName: new("q")})
		}},
		{"ListRolePolicies", func(ctx context.Context, w *world) (any, error) {
			return w.iam.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: name})
		}},
		{"CreatePolicy", func(ctx context.Context, w *world) (any, error) {
			out, err := w.iam.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: new("mine"), PolicyDocument: policy})
			return keep(w, "policy", out, err, func(o *iam.CreatePolicyOutput) *string { return o.Policy.Arn })
		}},
		{"AttachRolePolicy", func(ctx context.Context, w *world) (any, error) {
			return w.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: new(w.ids["policy"])})
		}},
		{"AttachRolePolicy unknown", func(ctx context.Context, w *world) (any, error) {
			return w.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: new("arn:aws:iam::aws:policy/Nothing")})
		}},
		{"ListAttachedRolePolicies", func(ctx context.Context, w *world) (any, error) {
			return w.iam.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: name})
		}},
		{"DeletePolicy attached", func(ctx context.Context, w *world) (any, error) {
			return w.iam.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: new(w.ids["policy"])})
		}},
		{"CreateInstanceProfile", func(ctx context.Context, w *world) (any, error) {
			return w.iam.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: name})
		}},
		{"AddRoleToInstanceProfile", func(ctx context.Context, w *world) (any, error) {
			return w.iam.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: name, RoleName: name})
		}},
		{"GetInstanceProfile", func(ctx context.Context, w *world) (any, error) {
			return w.iam.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: name})
		}},
		{"GetInstanceProfile unknown", func(ctx context.Context, w *world) (any, error) {
			return w.iam.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: new("nobody")})
		}},
		{"DeleteRole in use", func(ctx context.Context, w *world) (any, error) {
			return w.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name})
		}},
		{"AssociateIamInstanceProfile", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.AssociateIamInstanceProfile(ctx, &ec2.AssociateIamInstanceProfileInput{InstanceId: new(w.ids["instance"]), IamInstanceProfile: &types.IamInstanceProfileSpecification{Name: name}})
		}},
		{"RemoveRoleFromInstanceProfile", func(ctx context.Context, w *world) (any, error) {
			return w.iam.RemoveRoleFromInstanceProfile(ctx, &iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: name, RoleName: name})
		}},
		{"DetachRolePolicy", func(ctx context.Context, w *world) (any, error) {
			return w.iam.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: name, PolicyArn: new(w.ids["policy"])})
		}},
		{"DetachRolePolicy unknown", func(ctx context.Context, w *world) (any, error) {
			return w.iam.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: name, PolicyArn: new(core)})
		}},
		{"DeleteRolePolicy", func(ctx context.Context, w *world) (any, error) {
			return w.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: new("p")})
		}},
		{"DeleteInstanceProfile", func(ctx context.Context, w *world) (any, error) {
			return w.iam.DeleteInstanceProfile(ctx, &iam.DeleteInstanceProfileInput{InstanceProfileName: name})
		}},
		{"AssumeRole", func(ctx context.Context, w *world) (any, error) {
			_, err := w.iam.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}]}`)})
			if err != nil {
				return nil, err
			}
			return w.sts.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: new(w.ids["role"]), RoleSessionName: new("me")})
		}},
		{"DeleteRole", func(ctx context.Context, w *world) (any, error) {
			return w.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name})
		}},
	}
}

func ssmSteps() []step {
	put := func(name, value string, kind ssmtypes.ParameterType, over bool) func(context.Context, *world) (any, error) {
		return func(ctx context.Context, w *world) (any, error) {
			return w.ssm.PutParameter(ctx, &ssm.PutParameterInput{Name: &name, Value: &value, Type: kind, Overwrite: &over})
		}
	}
	return []step{
		{"PutParameter", put("/c/a", "one", ssmtypes.ParameterTypeString, false)},
		{"PutParameter again", put("/c/a", "two", ssmtypes.ParameterTypeString, false)},
		{"PutParameter overwrite", put("/c/a", "two", ssmtypes.ParameterTypeString, true)},
		{"PutParameter secure", put("/c/s", "secret", ssmtypes.ParameterTypeSecureString, false)},
		{"PutParameter reserved name", put("/aws/x", "v", ssmtypes.ParameterTypeString, false)},
		{"PutParameter no type", put("/c/x", "v", "", false)},
		{"GetParameter", func(ctx context.Context, w *world) (any, error) {
			return w.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: new("/c/s"), WithDecryption: new(true)})
		}},
		{"GetParameter version", func(ctx context.Context, w *world) (any, error) {
			return w.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: new("/c/a:1")})
		}},
		{"GetParameter unknown", func(ctx context.Context, w *world) (any, error) {
			return w.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: new("/nobody")})
		}},
		{"GetParameter unknown version", func(ctx context.Context, w *world) (any, error) {
			return w.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: new("/c/a:9")})
		}},
		{"GetParameter public image", func(ctx context.Context, w *world) (any, error) {
			return w.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: new("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64")})
		}},
		{"GetParameters", func(ctx context.Context, w *world) (any, error) {
			return w.ssm.GetParameters(ctx, &ssm.GetParametersInput{Names: []string{"/c/a", "/nobody"}})
		}},
		{"GetParametersByPath", func(ctx context.Context, w *world) (any, error) {
			return w.ssm.GetParametersByPath(ctx, &ssm.GetParametersByPathInput{Path: new("/c"), Recursive: new(true)})
		}},
		{"GetParameterHistory", func(ctx context.Context, w *world) (any, error) {
			return w.ssm.GetParameterHistory(ctx, &ssm.GetParameterHistoryInput{Name: new("/c/a")})
		}},
		{"DescribeParameters", func(ctx context.Context, w *world) (any, error) {
			return w.ssm.DescribeParameters(ctx, &ssm.DescribeParametersInput{ParameterFilters: []ssmtypes.ParameterStringFilter{{Key: new("Name"), Option: new("BeginsWith"), Values: []string{"/c/"}}}})
		}},
		{"AddTagsToResource", func(ctx context.Context, w *world) (any, error) {
			return w.ssm.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{ResourceType: ssmtypes.ResourceTypeForTaggingParameter, ResourceId: new("/c/a"), Tags: []ssmtypes.Tag{{Key: new("k"), Value: new("v")}}})
		}},
		{"ListTagsForResource", func(ctx context.Context, w *world) (any, error) {
			return w.ssm.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{ResourceType: ssmtypes.ResourceTypeForTaggingParameter, ResourceId: new("/c/a")})
		}},
		{"DeleteParameters", func(ctx context.Context, w *world) (any, error) {
			return w.ssm.DeleteParameters(ctx, &ssm.DeleteParametersInput{Names: []string{"/c/s", "/nobody"}})
		}},
		{"DeleteParameter unknown", func(ctx context.Context, w *world) (any, error) {
			return w.ssm.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: new("/nobody")})
		}},
	}
}

func elbSteps() []step {
	return []step{
		{"CreateLoadBalancer", func(ctx context.Context, w *world) (any, error) {
			out, err := w.elb.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: new("api"), Type: elbtypes.LoadBalancerTypeEnumNetwork, Subnets: []string{w.ids["subnet"]}, Scheme: elbtypes.LoadBalancerSchemeEnumInternal})
			return keep(w, "lb", out, err, func(o *elb.CreateLoadBalancerOutput) *string { return o.LoadBalancers[0].LoadBalancerArn })
		}},
		{"CreateTargetGroup", func(ctx context.Context, w *world) (any, error) {
			out, err := w.elb.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: new("api"), Protocol: elbtypes.ProtocolEnumTcp, Port: new(int32(6443)), VpcId: new(w.ids["vpc"])})
			return keep(w, "tg", out, err, func(o *elb.CreateTargetGroupOutput) *string { return o.TargetGroups[0].TargetGroupArn })
		}},
		{"CreateListener", func(ctx context.Context, w *world) (any, error) {
			out, err := w.elb.CreateListener(ctx, &elb.CreateListenerInput{LoadBalancerArn: new(w.ids["lb"]), Port: new(int32(6443)), Protocol: elbtypes.ProtocolEnumTcp, DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: new(w.ids["tg"])}}})
			return keep(w, "listener", out, err, func(o *elb.CreateListenerOutput) *string { return o.Listeners[0].ListenerArn })
		}},
		{"RegisterTargets", func(ctx context.Context, w *world) (any, error) {
			return w.elb.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: new(w.ids["tg"]), Targets: []elbtypes.TargetDescription{{Id: new(w.ids["instance"])}}})
		}},
		{"DescribeTargetHealth", func(ctx context.Context, w *world) (any, error) {
			return w.elb.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: new(w.ids["tg"])})
		}},
		{"DescribeLoadBalancers", func(ctx context.Context, w *world) (any, error) {
			return w.elb.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{"api"}})
		}},
		{"DescribeLoadBalancers unknown", func(ctx context.Context, w *world) (any, error) {
			return w.elb.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{"nobody"}})
		}},
		{"DescribeTargetGroups", func(ctx context.Context, w *world) (any, error) {
			return w.elb.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{LoadBalancerArn: new(w.ids["lb"])})
		}},
		{"DescribeTargetGroups unknown", func(ctx context.Context, w *world) (any, error) {
			return w.elb.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{Names: []string{"nobody"}})
		}},
		{"DescribeListeners", func(ctx context.Context, w *world) (any, error) {
			return w.elb.DescribeListeners(ctx, &elb.DescribeListenersInput{LoadBalancerArn: new(w.ids["lb"])})
		}},
		{"DescribeLoadBalancerAttributes", func(ctx context.Context, w *world) (any, error) {
			return w.elb.DescribeLoadBalancerAttributes(ctx, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: new(w.ids["lb"])})
		}},
		{"elb AddTags", func(ctx context.Context, w *world) (any, error) {
			return w.elb.AddTags(ctx, &elb.AddTagsInput{ResourceArns: []string{w.ids["lb"]}, Tags: []elbtypes.Tag{{Key: new("k"), Value: new("v")}}})
		}},
		{"elb DescribeTags", func(ctx context.Context, w *world) (any, error) {
			return w.elb.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: []string{w.ids["lb"], w.ids["tg"]}})
		}},
		{"DeleteTargetGroup in use", func(ctx context.Context, w *world) (any, error) {
			return w.elb.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: new(w.ids["tg"])})
		}},
		{"DeleteListener", func(ctx context.Context, w *world) (any, error) {
			return w.elb.DeleteListener(ctx, &elb.DeleteListenerInput{ListenerArn: new(w.ids["listener"])})
		}},
		{"DeleteTargetGroup", func(ctx context.Context, w *world) (any, error) {
			return w.elb.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: new(w.ids["tg"])})
		}},
		{"DeleteLoadBalancer", func(ctx context.Context, w *world) (any, error) {
			return w.elb.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: new(w.ids["lb"])})
		}},
	}
}

func endSteps() []step {
	return []step{
		{"DeleteSubnet in use", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: new(w.ids["subnet"])})
		}},
		{"DeleteSecurityGroup in use", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: new(w.ids["sg"])})
		}},
		{"TerminateInstances", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{w.ids["instance"]}})
		}},
		{"TerminateInstances unknown", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{"i-00000000000000000"}})
		}},
		{"DescribeInstances terminated", func(ctx context.Context, w *world) (any, error) {
			time.Sleep(10 * time.Millisecond)
			return w.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{w.ids["instance"]}})
		}},
		{"StartInstances terminated", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: []string{w.ids["instance"]}})
		}},
		{"DeleteNatGateway", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DeleteNatGateway(ctx, &ec2.DeleteNatGatewayInput{NatGatewayId: new(w.ids["nat"])})
		}},
		{"DeleteVpc in use", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: new(w.ids["vpc"])})
		}},
		{"DisassociateRouteTable", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DisassociateRouteTable(ctx, &ec2.DisassociateRouteTableInput{AssociationId: new(w.ids["rtbassoc"])})
		}},
		{"DeleteRoute", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DeleteRoute(ctx, &ec2.DeleteRouteInput{RouteTableId: new(w.ids["rtb"]), DestinationCidrBlock: new("0.0.0.0/0")})
		}},
		{"DeleteRouteTable", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: new(w.ids["rtb"])})
		}},
		{"DeleteKeyPair", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DeleteKeyPair(ctx, &ec2.DeleteKeyPairInput{KeyName: new("me")})
		}},
		{"DeleteVpc unknown", func(ctx context.Context, w *world) (any, error) {
			return w.ec2.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: new("vpc-00000000000000000")})
		}},
	}
}
