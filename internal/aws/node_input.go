package aws

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/planner/resource"
)

// maxUserData is EC2's limit, before base64.
const maxUserData = 16 << 10

type runInput = ec2.RunInstancesInput

// runInput are the parameters of a launch, the same for the same nodes, so that its token can be used again.
//
// What an instance does when it is shut down from inside is left at EC2's default, which is to stop: its disk stays, the
// next plan sees it and starts it again. Were it terminated, a stray `shutdown` on a control-plane node would destroy its
// part of the data.
func (d *nodeDriver) runInput(ctx context.Context, rt resource.Runtime, b *batch, c candidate, members []*member, attempt int) (*runInput, error) {
	subnet, err := id(rt, c.subnet)
	if err != nil {
		return nil, err
	}
	return d.inputFor(ctx, rt, b, c.instanceType, subnet, members, launchToken(b, c, subnet, members, attempt))
}

func (d *nodeDriver) inputFor(
	ctx context.Context, rt resource.Runtime, b *batch, instanceType, subnet string, members []*member, token string,
) (*runInput, error) {
	m := members[0]
	n := m.change.After.Spec.(*resource.Node)
	groups, err := ids(rt, n.SecurityGroups)
	if err != nil {
		return nil, err
	}
	tags := ownTags(m.change.After, n.Tags, token)
	tags[resource.TagGeneration] = strconv.Itoa(m.change.Generation)
	tags[resource.TagSpec] = b.digest
	count := int32(len(members))
	in := &ec2.RunInstancesInput{
		ClientToken: &token, MinCount: &count, MaxCount: &count, ImageId: &n.Image, InstanceType: types.InstanceType(instanceType),
		NetworkInterfaces: []types.InstanceNetworkInterfaceSpecification{{
			DeviceIndex: new(int32(0)), SubnetId: &subnet, Groups: groups, AssociatePublicIpAddress: &n.PublicIP, DeleteOnTermination: new(true),
		}},
		MetadataOptions: &types.InstanceMetadataOptionsRequest{
			HttpTokens: types.HttpTokensStateRequired, HttpPutResponseHopLimit: new(int32(1)), HttpEndpoint: types.InstanceMetadataEndpointStateEnabled,
		},
		TagSpecifications: tags.specification(types.ResourceTypeInstance, types.ResourceTypeVolume, types.ResourceTypeNetworkInterface),
	}
	if n.KeyName != "" {
		in.KeyName = &n.KeyName
	}
	if n.Profile != "" {
		profile, err := id(rt, n.Profile)
		if err != nil {
			return nil, err
		}
		in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: &profile}
	}
	if n.DiskGiB > 0 {
		device, err := d.rootDevice(ctx, n.Image)
		if err != nil {
			return nil, err
		}
		in.BlockDeviceMappings = []types.BlockDeviceMapping{{
			DeviceName: &device, Ebs: &types.EbsBlockDevice{
				VolumeSize: new(int32(n.DiskGiB)), VolumeType: types.VolumeTypeGp3, DeleteOnTermination: new(true), Encrypted: new(true),
			},
		}}
	}
	if n.Spot {
		in.InstanceMarketOptions = &types.InstanceMarketOptionsRequest{
			MarketType: types.MarketTypeSpot, SpotOptions: &types.SpotMarketOptions{SpotInstanceType: types.SpotInstanceTypeOneTime},
		}
	}
	in.UserData, err = userData(rt, n)
	return in, err
}

func userData(rt resource.Runtime, n *resource.Node) (*string, error) {
	if n.UserData == "" {
		return nil, nil
	}
	text, ok := rt.Blob(n.UserData)
	if !ok {
		return nil, &resource.Error{
			Message: "the plan does not hold its user-data (" + n.UserData[:min(12, len(n.UserData))] + "…)", Hint: "Plan again",
		}
	}
	if len(text) > maxUserData {
		return nil, &resource.Error{
			Message: fmt.Sprintf("its user-data has %d bytes, and EC2 takes %d", len(text), maxUserData),
			Hint:    "Shorten what is passed to the node, or have it fetched at boot",
		}
	}
	return new(base64.StdEncoding.EncodeToString(text)), nil
}

// runInstances launches, and waits for a new instance profile to be known everywhere.
func (d *nodeDriver) runInstances(ctx context.Context, in *runInput) ([]types.Instance, error) {
	var out *ec2.RunInstancesOutput
	err := d.settled(withItems(ctx, int(*in.MaxCount)), func() (err error) {
		out, err = d.ec2.RunInstances(withItems(ctx, int(*in.MaxCount)), in)
		return err
	}, isUnknownProfile)
	if err != nil {
		return nil, err
	}
	return out.Instances, nil
}

func terminateInput(ids []string) *ec2.TerminateInstancesInput {
	return &ec2.TerminateInstancesInput{InstanceIds: ids}
}
