package api_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/internal/lab/api"
)

func TestEC2Errors(t *testing.T) {
	t.Parallel()
	l := newLab(t, api.Options{Faults: api.Faults{Boot: &api.Range{}}})
	n := makeNetwork(t, l)
	ctx := t.Context()
	inst := *must(l.ec2.RunInstances(ctx, n.run(1)))(t).Instances[0].InstanceId
	run := func(change func(*ec2.RunInstancesInput)) func(context.Context) error {
		return func(ctx context.Context) error {
			in := n.run(1)
			change(in)
			_, err := l.ec2.RunInstances(ctx, in)
			return err
		}
	}
	for _, c := range []struct {
		name   string
		call   func(context.Context) error
		code   string
		status int
	}{
		{"a malformed id is not an unknown one", func(ctx context.Context) error {
			_, err := l.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{"i-xyz"}})
			return err
		}, "InvalidInstanceID.Malformed", 400},
		{"an unknown id", func(ctx context.Context) error {
			_, err := l.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{inst, "i-00000000000000000"}})
			return err
		}, "InvalidInstanceID.NotFound", 400},
		{"user data of one byte too many", run(func(in *ec2.RunInstancesInput) {
			in.UserData = new(base64.StdEncoding.EncodeToString(make([]byte, 16385)))
		}), "InvalidParameterValue", 400},
		{"user data that is not base64", run(func(in *ec2.RunInstancesInput) { in.UserData = new("#!/bin/sh") }), "InvalidUserData.Malformed", 400},
		{"an image that does not exist", run(func(in *ec2.RunInstancesInput) { in.ImageId = new("ami-00000000000000000") }), "InvalidAMIID.NotFound", 400},
		{"a type that does not exist", run(func(in *ec2.RunInstancesInput) { in.InstanceType = "x9.mega" }), "InvalidParameterValue", 400},
		{"an image of another architecture", run(func(in *ec2.RunInstancesInput) { in.InstanceType = "t4g.small" }), "InvalidParameterValue", 400},
		{"an instance profile that does not exist", run(func(in *ec2.RunInstancesInput) {
			in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: new("nobody")}
		}), "InvalidParameterValue", 400},
		{"a key pair that does not exist", run(func(in *ec2.RunInstancesInput) { in.KeyName = new("nobody") }), "InvalidKeyPair.NotFound", 400},
		{"a dry run", run(func(in *ec2.RunInstancesInput) { in.DryRun = new(true) }), "DryRunOperation", 412},
		{"a client token that is too long", run(func(in *ec2.RunInstancesInput) { in.ClientToken = new(strings.Repeat("x", 65)) }), "InvalidParameterValue", 400},
		{"an address outside of the subnet", run(func(in *ec2.RunInstancesInput) { in.PrivateIpAddress = new("10.89.0.5") }), "InvalidParameterValue", 400},
		{"an address that is taken", run(func(in *ec2.RunInstancesInput) { in.PrivateIpAddress = new("10.88.0.4") }), "InvalidIPAddress.InUse", 400},
		{"an address EC2 keeps for itself", run(func(in *ec2.RunInstancesInput) { in.PrivateIpAddress = new("10.88.0.1") }), "InvalidParameterValue", 400},
		{"a tag that AWS reserves", run(func(in *ec2.RunInstancesInput) {
			in.TagSpecifications = []types.TagSpecification{{ResourceType: "instance", Tags: []types.Tag{{Key: new("aws:x"), Value: new("y")}}}}
		}), "InvalidParameterValue", 400},
		{"a range that is too large for a VPC", func(ctx context.Context) error {
			_, err := l.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/8")})
			return err
		}, "InvalidVpc.Range", 400},
		{"a subnet outside of its VPC", func(ctx context.Context) error {
			_, err := l.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: &n.vpc, CidrBlock: new("10.99.0.0/24")})
			return err
		}, "InvalidSubnet.Range", 400},
		{"a subnet over another", func(ctx context.Context) error {
			_, err := l.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: &n.vpc, CidrBlock: new("10.88.1.0/24")})
			return err
		}, "InvalidSubnet.Conflict", 400},
		{"a second internet gateway", func(ctx context.Context) error {
			g := must(l.ec2.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{}))(t)
			_, err := l.ec2.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: g.InternetGateway.InternetGatewayId, VpcId: &n.vpc})
			return err
		}, "Resource.AlreadyAssociated", 400},
		{"a security group of the same name", func(ctx context.Context) error {
			_, err := l.ec2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: new("nodes"), Description: new("x"), VpcId: &n.vpc})
			return err
		}, "InvalidGroup.Duplicate", 400},
		{"a security group in use", func(ctx context.Context) error {
			_, err := l.ec2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &n.group})
			return err
		}, "DependencyViolation", 400},
		{"a permission twice", func(ctx context.Context) error {
			_, err := l.ec2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &n.group, IpProtocol: new("tcp"), FromPort: new(int32(22)), ToPort: new(int32(22)), CidrIp: new("0.0.0.0/0")})
			return err
		}, "InvalidPermission.Duplicate", 400},
		{"a permission that is not there", func(ctx context.Context) error {
			_, err := l.ec2.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: &n.group, IpProtocol: new("udp"), FromPort: new(int32(22)), ToPort: new(int32(22)), CidrIp: new("0.0.0.0/0")})
			return err
		}, "InvalidPermission.NotFound", 400},
		{"a subnet in use", func(ctx context.Context) error {
			_, err := l.ec2.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &n.subnet})
			return err
		}, "DependencyViolation", 400},
		{"an unknown filter", func(ctx context.Context) error {
			_, err := l.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: []types.Filter{{Name: new("colour"), Values: []string{"red"}}}})
			return err
		}, "InvalidParameterValue", 400},
		{"too many filter values", func(ctx context.Context) error {
			_, err := l.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{Filters: []types.Filter{{Name: new("instance-id"), Values: make200(201)}}})
			return err
		}, "FilterLimitExceeded", 400},
		{"a page that is too small", func(ctx context.Context) error {
			_, err := l.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{MaxResults: new(int32(4))})
			return err
		}, "InvalidParameterValue", 400},
		{"pages of named instances", func(ctx context.Context) error {
			_, err := l.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{MaxResults: new(int32(5)), InstanceIds: []string{inst}})
			return err
		}, "InvalidParameterCombination", 400},
		{"a token that nobody gave", func(ctx context.Context) error {
			_, err := l.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{MaxResults: new(int32(5)), NextToken: new("hello")})
			return err
		}, "InvalidNextToken", 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.call(t.Context())
			wantCode(t, err, c.code)
			if got := status(err); got != c.status {
				t.Errorf("HTTP status %d, want %d", got, c.status)
			}
		})
	}
}

func make200(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("i-%017x", i)
	}
	return out
}

func TestTerminationProtection(t *testing.T) {
	t.Parallel()
	l := newLab(t, api.Options{})
	n := makeNetwork(t, l)
	ctx := t.Context()
	in := n.run(2)
	in.DisableApiTermination = new(true)
	rs := must(l.ec2.RunInstances(ctx, in))(t)
	a, b := *rs.Instances[0].InstanceId, *rs.Instances[1].InstanceId
	_, err := l.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{a}})
	wantCode(t, err, "OperationNotPermitted")
	must(l.ec2.ModifyInstanceAttribute(ctx, &ec2.ModifyInstanceAttributeInput{InstanceId: &a, DisableApiTermination: &types.AttributeBooleanValue{Value: new(false)}}))(t)
	must(l.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{a}}))(t)
	_, err = l.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{b}})
	wantCode(t, err, "OperationNotPermitted") // the other one of the same launch is still protected
}

func TestAddressesRunOut(t *testing.T) {
	t.Parallel()
	l := newLab(t, api.Options{})
	n := makeNetwork(t, l)
	ctx := t.Context()
	n.subnet = *must(l.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: &n.vpc, CidrBlock: new("10.88.255.0/28")}))(t).Subnet.SubnetId
	in := n.run(20)
	_, err := l.ec2.RunInstances(ctx, in)
	wantCode(t, err, "InsufficientFreeAddressesInSubnet")
	in.MinCount = new(int32(5))
	rs := must(l.ec2.RunInstances(ctx, in))(t)
	if got := len(rs.Instances); got != 11 {
		t.Errorf("%d instances in a /28, want 11", got)
	}
	_, err = l.ec2.RunInstances(ctx, n.run(1))
	wantCode(t, err, "InsufficientFreeAddressesInSubnet")
}
