package aws

import (
	"context"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/planner/resource"
)

// vpcs handles virtual private clouds. Their two DNS attributes take a call each, to read as well as to set.
type vpcs struct{ taggedInEC2 }

func (*vpcs) kind() resource.Kind { return resource.KindVPC }

func (h *vpcs) list(ctx context.Context, _ resource.Runtime, q query) ([]*found, error) {
	var out []*found
	for _, filters := range q.filters("vpc-id") {
		pages := ec2.NewDescribeVpcsPaginator(h.ec2, &ec2.DescribeVpcsInput{Filters: filters, MaxResults: new(int32(1000))})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, v := range page.Vpcs {
				f, err := h.found(ctx, v)
				if isNotFound(err) {
					continue // it went between the two calls, or does not show everywhere yet
				}
				if err != nil {
					return nil, err
				}
				out = append(out, f)
			}
		}
	}
	return out, nil
}

func (h *vpcs) found(ctx context.Context, v types.Vpc) (*found, error) {
	id, tags := sdk.ToString(v.VpcId), ec2Tags(v.Tags)
	spec := &resource.VPC{CIDR: sdk.ToString(v.CidrBlock), Tags: tags.user()}
	support, err := h.ec2.DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{VpcId: &id, Attribute: types.VpcAttributeNameEnableDnsSupport})
	if err != nil {
		return nil, err
	}
	names, err := h.ec2.DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{VpcId: &id, Attribute: types.VpcAttributeNameEnableDnsHostnames})
	if err != nil {
		return nil, err
	}
	spec.DNSSupport = support.EnableDnsSupport != nil && sdk.ToBool(support.EnableDnsSupport.Value)
	spec.DNSHostnames = names.EnableDnsHostnames != nil && sdk.ToBool(names.EnableDnsHostnames.Value)
	return &found{id: id, tags: tags, spec: spec}, nil
}

func (h *vpcs) create(ctx context.Context, _ resource.Runtime, o *resource.Object, tags tagSet) (string, error) {
	out, err := h.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{
		CidrBlock: &o.Spec.(*resource.VPC).CIDR, TagSpecifications: tags.specification(types.ResourceTypeVpc),
	})
	if err != nil {
		return "", err
	}
	return sdk.ToString(out.Vpc.VpcId), nil
}

func (*vpcs) namesake(context.Context, resource.Runtime, *resource.Object) (*found, error) {
	return nil, nil
}

func (h *vpcs) converge(ctx context.Context, _ resource.Runtime, o *resource.Object, seen *found) error {
	want, have := o.Spec.(*resource.VPC), seen.spec.(*resource.VPC)
	// Names need the resolver: it is switched on before them, and off after them.
	support := func() error {
		if want.DNSSupport == have.DNSSupport {
			return nil
		}
		return h.modify(ctx, &ec2.ModifyVpcAttributeInput{
			VpcId: &seen.id, EnableDnsSupport: &types.AttributeBooleanValue{Value: &want.DNSSupport},
		})
	}
	names := func() error {
		if want.DNSHostnames == have.DNSHostnames {
			return nil
		}
		return h.modify(ctx, &ec2.ModifyVpcAttributeInput{
			VpcId: &seen.id, EnableDnsHostnames: &types.AttributeBooleanValue{Value: &want.DNSHostnames},
		})
	}
	steps := []func() error{support, names}
	if !want.DNSSupport {
		steps = []func() error{names, support}
	}
	return inTurn(steps...)
}

func (h *vpcs) modify(ctx context.Context, in *ec2.ModifyVpcAttributeInput) error {
	return h.settled(ctx, func() error { _, err := h.ec2.ModifyVpcAttribute(ctx, in); return err })
}

func (h *vpcs) remove(ctx context.Context, rt resource.Runtime, rec *resource.Record) error {
	return h.whenFree(ctx, rt, rec, func() error {
		_, err := h.ec2.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &rec.ID})
		return err
	})
}

// inTurn calls the steps up to the first error.
func inTurn(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
