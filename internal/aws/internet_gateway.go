package aws

import (
	"context"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/planner/resource"
)

// gateways handles internet gateways and their attachment.
type gateways struct{ taggedInEC2 }

func (*gateways) kind() resource.Kind { return resource.KindInternetGateway }

func (h *gateways) list(ctx context.Context, rt resource.Runtime, q query) ([]*found, error) {
	var out []*found
	for _, filters := range q.filters("internet-gateway-id") {
		pages := ec2.NewDescribeInternetGatewaysPaginator(h.ec2, &ec2.DescribeInternetGatewaysInput{Filters: filters, MaxResults: new(int32(1000))})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, g := range page.InternetGateways {
				tags := ec2Tags(g.Tags)
				spec := &resource.InternetGateway{Tags: tags.user()}
				if vpc := attachedTo(g); vpc != "" {
					spec.VPC = rt.Ref(resource.KindVPC, vpc)
				}
				out = append(out, &found{id: sdk.ToString(g.InternetGatewayId), tags: tags, spec: spec})
			}
		}
	}
	return out, nil
}

func attachedTo(g types.InternetGateway) string {
	for _, a := range g.Attachments {
		if a.State != types.AttachmentStatusDetached && a.State != types.AttachmentStatusDetaching {
			return sdk.ToString(a.VpcId)
		}
	}
	return ""
}

func (h *gateways) create(ctx context.Context, _ resource.Runtime, _ *resource.Object, tags tagSet) (string, error) {
	out, err := h.ec2.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{
		TagSpecifications: tags.specification(types.ResourceTypeInternetGateway),
	})
	if err != nil {
		return "", err
	}
	return sdk.ToString(out.InternetGateway.InternetGatewayId), nil
}

func (*gateways) namesake(context.Context, resource.Runtime, *resource.Object) (*found, error) {
	return nil, nil
}

func (h *gateways) converge(ctx context.Context, rt resource.Runtime, o *resource.Object, seen *found) error {
	want, have := o.Spec.(*resource.InternetGateway), seen.spec.(*resource.InternetGateway)
	vpc, err := id(rt, want.VPC)
	if err != nil {
		return err
	}
	if have.VPC != "" {
		if old, ok := rt.ID(have.VPC); ok && old == vpc {
			return nil
		}
		if err := h.detach(ctx, rt, &resource.Record{Object: *o}, seen.id, have.VPC); err != nil {
			return err
		}
	}
	return h.settled(ctx, func() error {
		_, err := h.ec2.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: &seen.id, VpcId: &vpc})
		if isCode(err, "Resource.AlreadyAssociated") && h.isAttached(ctx, seen.id, vpc) {
			return nil // an answer was lost on the way
		}
		return err
	}, func(err error) bool { return isCode(err, "Resource.AlreadyAssociated") }) // to this one, and it does not show yet
}

func (h *gateways) isAttached(ctx context.Context, gateway, vpc string) bool {
	out, err := h.ec2.DescribeInternetGateways(ctx, &ec2.DescribeInternetGatewaysInput{
		Filters: []types.Filter{filter("internet-gateway-id", gateway), filter("attachment.vpc-id", vpc)},
	})
	return err == nil && len(out.InternetGateways) == 1
}

// detach waits until no public address of the VPC is in use any more.
func (h *gateways) detach(ctx context.Context, rt resource.Runtime, rec *resource.Record, gateway string, vpc resource.Ref) error {
	vpcID, ok := rt.ID(vpc)
	if !ok {
		return nil
	}
	err := h.whenFree(ctx, rt, rec, func() error {
		_, err := h.ec2.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: &gateway, VpcId: &vpcID})
		return err
	})
	if isCode(err, "Gateway.NotAttached") {
		return nil
	}
	return err
}

func (h *gateways) remove(ctx context.Context, rt resource.Runtime, rec *resource.Record) error {
	all, err := h.list(ctx, rt, query{ids: []string{rec.ID}})
	if err != nil {
		return err
	}
	if f := first(all); f != nil {
		if vpc := f.spec.(*resource.InternetGateway).VPC; vpc != "" {
			if err := h.detach(ctx, rt, rec, rec.ID, vpc); err != nil {
				return err
			}
		}
	}
	return h.whenFree(ctx, rt, rec, func() error {
		_, err := h.ec2.DeleteInternetGateway(ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: &rec.ID})
		return err
	})
}
