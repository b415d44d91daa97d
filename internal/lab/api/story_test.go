package api_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/internal/lab/api"
)

// network is what a cluster tool makes before its first instance.
type network struct {
	vpc, subnet, gateway, table, group, image string
}

func makeNetwork(t testing.TB, l *lab) network {
	t.Helper()
	ctx := t.Context()
	var n network
	n.vpc = *must(l.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new("10.88.0.0/16")}))(t).Vpc.VpcId
	n.subnet = *must(l.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: &n.vpc, CidrBlock: new("10.88.0.0/20"), AvailabilityZone: new(testRegion + "a")}))(t).Subnet.SubnetId
	n.gateway = *must(l.ec2.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{}))(t).InternetGateway.InternetGatewayId
	must(l.ec2.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: &n.gateway, VpcId: &n.vpc}))(t)
	n.table = *must(l.ec2.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: &n.vpc}))(t).RouteTable.RouteTableId
	must(l.ec2.CreateRoute(ctx, &ec2.CreateRouteInput{RouteTableId: &n.table, DestinationCidrBlock: new("0.0.0.0/0"), GatewayId: &n.gateway}))(t)
	must(l.ec2.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: &n.table, SubnetId: &n.subnet}))(t)
	must(l.ec2.ModifySubnetAttribute(ctx, &ec2.ModifySubnetAttributeInput{SubnetId: &n.subnet, MapPublicIpOnLaunch: &types.AttributeBooleanValue{Value: new(true)}}))(t)
	n.group = *must(l.ec2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: new("nodes"), Description: new("nodes"), VpcId: &n.vpc}))(t).GroupId
	must(l.ec2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &n.group, IpPermissions: []types.IpPermission{{
		IpProtocol: new("tcp"), FromPort: new(int32(22)), ToPort: new(int32(22)), IpRanges: []types.IpRange{{CidrIp: new("0.0.0.0/0")}},
	}}}))(t)
	images := must(l.ec2.DescribeImages(ctx, &ec2.DescribeImagesInput{Filters: []types.Filter{{Name: new("name"), Values: []string{"lab-debian-12-*"}}}}))(t)
	if len(images.Images) != 1 {
		t.Fatalf("%d images named lab-debian-12-*, want 1", len(images.Images))
	}
	n.image = *images.Images[0].ImageId
	return n
}

func (n network) run(count int32) *ec2.RunInstancesInput {
	return &ec2.RunInstancesInput{
		MinCount: &count, MaxCount: &count, ImageId: &n.image, InstanceType: types.InstanceTypeT3Medium, SubnetId: &n.subnet, SecurityGroupIds: []string{n.group},
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{{Key: new("cluster"), Value: new("lab")}}}},
	}
}

func TestInstanceFromLaunchToGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, api.Options{})
		n := makeNetwork(t, l)
		ctx := t.Context()
		rs := must(l.ec2.RunInstances(ctx, n.run(3)))(t)
		if len(rs.Instances) != 3 {
			t.Fatalf("%d instances, want 3", len(rs.Instances))
		}
		first := rs.Instances[0]
		if got := first.State.Name; got != types.InstanceStateNamePending {
			t.Errorf("state %s, want pending", got)
		}
		if got := *first.PrivateIpAddress; got != "10.88.0.4" {
			t.Errorf("first address %s, want 10.88.0.4", got)
		}
		if first.PublicIpAddress == nil {
			t.Error("no public address in a subnet that maps them")
		}
		ids := []string{*rs.Instances[0].InstanceId, *rs.Instances[1].InstanceId, *rs.Instances[2].InstanceId}

		w := ec2.NewInstanceRunningWaiter(l.ec2)
		if err := w.Wait(ctx, &ec2.DescribeInstancesInput{InstanceIds: ids}, 5*time.Minute); err != nil {
			t.Fatal(err)
		}
		must(l.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: ids}))(t)
		if err := ec2.NewInstanceTerminatedWaiter(l.ec2).Wait(ctx, &ec2.DescribeInstancesInput{InstanceIds: ids}, 5*time.Minute); err != nil {
			t.Fatal(err)
		}
		eni := must(l.ec2.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{}))(t)
		if len(eni.NetworkInterfaces) != 0 {
			t.Errorf("%d interfaces left, want none", len(eni.NetworkInterfaces))
		}
		time.Sleep(30 * time.Minute)
		must(l.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: ids}))(t) // still visible
		time.Sleep(31 * time.Minute)
		_, err := l.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: ids})
		wantCode(t, err, "InvalidInstanceID.NotFound")

		must(l.ec2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &n.group}))(t)
		must(l.ec2.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &n.subnet}))(t)
		must(l.ec2.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: &n.table}))(t)
		_, err = l.ec2.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &n.vpc})
		wantCode(t, err, "DependencyViolation")
		must(l.ec2.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: &n.gateway, VpcId: &n.vpc}))(t)
		must(l.ec2.DeleteInternetGateway(ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: &n.gateway}))(t)
		must(l.ec2.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &n.vpc}))(t)
	})
}
