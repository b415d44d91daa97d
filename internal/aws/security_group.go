package aws

import (
	"context"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/planner/resource"
)

// securityGroups handles groups without their rules. The rule that AWS gives a new group, which lets everything out, is
// revoked by the group's rules, as any other that they do not list (rulesDriver); nodes are launched only after that.
type securityGroups struct{ taggedInEC2 }

func (*securityGroups) kind() resource.Kind { return resource.KindSecurityGroup }

func (h *securityGroups) list(ctx context.Context, rt resource.Runtime, q query) ([]*found, error) {
	var out []*found
	for _, filters := range q.filters("group-id") {
		groups, err := h.groups(ctx, filters...)
		if err != nil {
			return nil, err
		}
		for _, g := range groups {
			tags := ec2Tags(g.Tags)
			out = append(out, &found{id: sdk.ToString(g.GroupId), tags: tags, spec: &resource.SecurityGroup{
				VPC: rt.Ref(resource.KindVPC, sdk.ToString(g.VpcId)), Name: sdk.ToString(g.GroupName), Description: sdk.ToString(g.Description),
				Tags: tags.user(),
			}})
		}
	}
	return out, nil
}

// groups lists security groups with their rules.
func (r *region) groups(ctx context.Context, filters ...types.Filter) ([]types.SecurityGroup, error) {
	var out []types.SecurityGroup
	pages := ec2.NewDescribeSecurityGroupsPaginator(r.ec2, &ec2.DescribeSecurityGroupsInput{Filters: filters, MaxResults: new(int32(1000))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, page.SecurityGroups...)
	}
	return out, nil
}

func (h *securityGroups) create(ctx context.Context, rt resource.Runtime, o *resource.Object, tags tagSet) (string, error) {
	spec := o.Spec.(*resource.SecurityGroup)
	vpc, err := id(rt, spec.VPC)
	if err != nil {
		return "", err
	}
	var out *ec2.CreateSecurityGroupOutput
	err = h.settled(ctx, func() (err error) {
		out, err = h.ec2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
			VpcId: &vpc, GroupName: &spec.Name, Description: &spec.Description,
			TagSpecifications: tags.specification(types.ResourceTypeSecurityGroup),
		})
		return err
	})
	if err != nil {
		return "", err
	}
	return sdk.ToString(out.GroupId), nil
}

func (h *securityGroups) namesake(ctx context.Context, rt resource.Runtime, o *resource.Object) (*found, error) {
	spec := o.Spec.(*resource.SecurityGroup)
	vpc, err := id(rt, spec.VPC)
	if err != nil {
		return nil, err
	}
	groups, err := h.groups(ctx, filter("vpc-id", vpc), filter("group-name", spec.Name))
	if err != nil || len(groups) == 0 {
		return nil, err
	}
	all, err := h.list(ctx, rt, query{ids: []string{sdk.ToString(groups[0].GroupId)}})
	return first(all), err
}

func (*securityGroups) converge(context.Context, resource.Runtime, *resource.Object, *found) error {
	return nil
}

func (h *securityGroups) remove(ctx context.Context, rt resource.Runtime, rec *resource.Record) error {
	return h.whenFree(ctx, rt, rec, func() error {
		_, err := h.ec2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &rec.ID})
		return err
	})
}
