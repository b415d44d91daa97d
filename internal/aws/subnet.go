package aws

import (
	"context"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/planner/resource"
)

// subnets handles subnets.
type subnets struct{ taggedInEC2 }

func (*subnets) kind() resource.Kind { return resource.KindSubnet }

func (h *subnets) list(ctx context.Context, rt resource.Runtime, q query) ([]*found, error) {
	var out []*found
	for _, filters := range q.filters("subnet-id") {
		all, err := h.search(ctx, rt, filters)
		if err != nil {
			return nil, err
		}
		out = append(out, all...)
	}
	return out, nil
}

func (h *subnets) search(ctx context.Context, rt resource.Runtime, filters []types.Filter) ([]*found, error) {
	var out []*found
	pages := ec2.NewDescribeSubnetsPaginator(h.ec2, &ec2.DescribeSubnetsInput{Filters: filters, MaxResults: new(int32(1000))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, s := range page.Subnets {
			tags := ec2Tags(s.Tags)
			out = append(out, &found{id: sdk.ToString(s.SubnetId), tags: tags, spec: &resource.Subnet{
				VPC: rt.Ref(resource.KindVPC, sdk.ToString(s.VpcId)), CIDR: sdk.ToString(s.CidrBlock), Zone: sdk.ToString(s.AvailabilityZone),
				PublicIPs: sdk.ToBool(s.MapPublicIpOnLaunch), Tags: tags.user(),
			}})
		}
	}
	return out, nil
}

func (h *subnets) create(ctx context.Context, rt resource.Runtime, o *resource.Object, tags tagSet) (string, error) {
	spec := o.Spec.(*resource.Subnet)
	vpc, err := id(rt, spec.VPC)
	if err != nil {
		return "", err
	}
	var out *ec2.CreateSubnetOutput
	err = h.settled(ctx, func() (err error) {
		out, err = h.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{
			VpcId: &vpc, CidrBlock: &spec.CIDR, AvailabilityZone: &spec.Zone, TagSpecifications: tags.specification(types.ResourceTypeSubnet),
		})
		return err
	})
	if err != nil {
		return "", err
	}
	return sdk.ToString(out.Subnet.SubnetId), nil
}

// namesake finds the subnet with the same range; one that merely overlaps is not it.
func (h *subnets) namesake(ctx context.Context, rt resource.Runtime, o *resource.Object) (*found, error) {
	spec := o.Spec.(*resource.Subnet)
	vpc, err := id(rt, spec.VPC)
	if err != nil {
		return nil, err
	}
	all, err := h.search(ctx, rt, []types.Filter{filter("vpc-id", vpc), filter("cidr-block", spec.CIDR)})
	return first(all), err
}

func (h *subnets) converge(ctx context.Context, _ resource.Runtime, o *resource.Object, seen *found) error {
	want, have := o.Spec.(*resource.Subnet), seen.spec.(*resource.Subnet)
	if want.PublicIPs == have.PublicIPs {
		return nil
	}
	return h.settled(ctx, func() error {
		_, err := h.ec2.ModifySubnetAttribute(ctx, &ec2.ModifySubnetAttributeInput{
			SubnetId: &seen.id, MapPublicIpOnLaunch: &types.AttributeBooleanValue{Value: &want.PublicIPs},
		})
		return err
	})
}

func (h *subnets) remove(ctx context.Context, rt resource.Runtime, rec *resource.Record) error {
	return h.whenFree(ctx, rt, rec, func() error {
		_, err := h.ec2.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &rec.ID})
		return err
	})
}

func first(all []*found) *found {
	if len(all) == 0 {
		return nil
	}
	return all[0]
}
