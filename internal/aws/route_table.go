package aws

import (
	"cmp"
	"context"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/planner/resource"
)

// routeTables handles route tables with their routes and the subnets associated with them.
type routeTables struct{ taggedInEC2 }

func (*routeTables) kind() resource.Kind { return resource.KindRouteTable }

func (h *routeTables) list(ctx context.Context, rt resource.Runtime, q query) ([]*found, error) {
	var out []*found
	for _, filters := range q.filters("route-table-id") {
		all, err := h.search(ctx, filters...)
		if err != nil {
			return nil, err
		}
		for _, t := range all {
			out = append(out, foundRouteTable(rt, t))
		}
	}
	return out, nil
}

func (h *routeTables) search(ctx context.Context, filters ...types.Filter) ([]types.RouteTable, error) {
	var out []types.RouteTable
	pages := ec2.NewDescribeRouteTablesPaginator(h.ec2, &ec2.DescribeRouteTablesInput{Filters: filters, MaxResults: new(int32(100))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, page.RouteTables...)
	}
	return out, nil
}

func foundRouteTable(rt resource.Runtime, t types.RouteTable) *found {
	tags := ec2Tags(t.Tags)
	spec := &resource.RouteTable{VPC: rt.Ref(resource.KindVPC, sdk.ToString(t.VpcId)), Tags: tags.user()}
	for _, r := range t.Routes {
		target := routeTarget(r)
		if target == "" || target == "local" || r.Origin == types.RouteOriginEnableVgwRoutePropagation {
			continue
		}
		spec.Routes = append(spec.Routes, resource.Route{
			Destination: cmp.Or(sdk.ToString(r.DestinationCidrBlock), sdk.ToString(r.DestinationIpv6CidrBlock), sdk.ToString(r.DestinationPrefixListId)),
			Gateway:     rt.Ref(resource.KindInternetGateway, target),
		})
	}
	for _, a := range associations(t) {
		spec.Subnets = append(spec.Subnets, rt.Ref(resource.KindSubnet, sdk.ToString(a.SubnetId)))
	}
	spec.Routes, spec.Subnets = resource.SortRoutes(spec.Routes), resource.SortRefs(spec.Subnets)
	return &found{id: sdk.ToString(t.RouteTableId), tags: tags, spec: spec}
}

// associations are those with subnets that hold.
func associations(t types.RouteTable) []types.RouteTableAssociation {
	return slices.DeleteFunc(slices.Clone(t.Associations), func(a types.RouteTableAssociation) bool {
		return a.SubnetId == nil || a.AssociationState != nil && a.AssociationState.State != "" &&
			a.AssociationState.State != types.RouteTableAssociationStateCodeAssociated &&
			a.AssociationState.State != types.RouteTableAssociationStateCodeAssociating
	})
}

func routeTarget(r types.Route) string {
	return cmp.Or(
		sdk.ToString(r.GatewayId), sdk.ToString(r.NatGatewayId), sdk.ToString(r.TransitGatewayId), sdk.ToString(r.VpcPeeringConnectionId),
		sdk.ToString(r.EgressOnlyInternetGatewayId), sdk.ToString(r.CarrierGatewayId), sdk.ToString(r.LocalGatewayId),
		sdk.ToString(r.NetworkInterfaceId), sdk.ToString(r.InstanceId),
	)
}

func (h *routeTables) create(ctx context.Context, rt resource.Runtime, o *resource.Object, tags tagSet) (string, error) {
	vpc, err := id(rt, o.Spec.(*resource.RouteTable).VPC)
	if err != nil {
		return "", err
	}
	var out *ec2.CreateRouteTableOutput
	err = h.settled(ctx, func() (err error) {
		out, err = h.ec2.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{
			VpcId: &vpc, ClientToken: new(tags[resource.TagToken]), TagSpecifications: tags.specification(types.ResourceTypeRouteTable),
		})
		return err
	})
	if err != nil {
		return "", err
	}
	return sdk.ToString(out.RouteTable.RouteTableId), nil
}

func (*routeTables) namesake(context.Context, resource.Runtime, *resource.Object) (*found, error) {
	return nil, nil
}

func (h *routeTables) converge(ctx context.Context, rt resource.Runtime, o *resource.Object, seen *found) error {
	want, have := o.Spec.(*resource.RouteTable), seen.spec.(*resource.RouteTable)
	if err := h.routes(ctx, rt, seen.id, want.Routes, have.Routes); err != nil {
		return err
	}
	return h.associate(ctx, rt, seen.id, want.Subnets)
}

func (h *routeTables) routes(ctx context.Context, rt resource.Runtime, table string, want, have []resource.Route) error {
	old := map[string]resource.Ref{}
	for _, r := range have {
		old[r.Destination] = r.Gateway
	}
	for _, r := range want {
		target, err := id(rt, r.Gateway)
		if err != nil {
			return err
		}
		was, exists := old[r.Destination]
		delete(old, r.Destination)
		if wasID, ok := rt.ID(was); exists && ok && wasID == target {
			continue
		}
		if err := h.route(ctx, table, r.Destination, target, exists); err != nil {
			return err
		}
	}
	for destination := range old {
		v4, v6 := families(destination)
		_, err := h.ec2.DeleteRoute(ctx, &ec2.DeleteRouteInput{RouteTableId: &table, DestinationCidrBlock: v4, DestinationIpv6CidrBlock: v6})
		if ignoreNotFound(err) != nil {
			return err
		}
	}
	return nil
}

func (h *routeTables) route(ctx context.Context, table, destination, target string, exists bool) error {
	v4, v6 := families(destination)
	var gateway, nat *string
	if strings.HasPrefix(target, "nat-") {
		nat = &target
	} else {
		gateway = &target
	}
	return h.settled(ctx, func() error {
		var err error
		if !exists {
			_, err = h.ec2.CreateRoute(ctx, &ec2.CreateRouteInput{
				RouteTableId: &table, DestinationCidrBlock: v4, DestinationIpv6CidrBlock: v6, GatewayId: gateway, NatGatewayId: nat,
			})
			if !isCode(err, "RouteAlreadyExists") {
				return err
			}
			exists = true // made by a call whose answer was lost; replacing it with itself does no harm
		}
		_, err = h.ec2.ReplaceRoute(ctx, &ec2.ReplaceRouteInput{
			RouteTableId: &table, DestinationCidrBlock: v4, DestinationIpv6CidrBlock: v6, GatewayId: gateway, NatGatewayId: nat,
		})
		return err
	}, func(err error) bool {
		// The gateway's attachment may not show yet.
		return isCode(err, "InvalidGatewayID.NotFound", "Gateway.NotAttached")
	})
}

func families(cidr string) (v4, v6 *string) {
	if strings.Contains(cidr, ":") {
		return nil, &cidr
	}
	return &cidr, nil
}

// associate makes the table that of exactly these subnets.
func (h *routeTables) associate(ctx context.Context, rt resource.Runtime, table string, subnets []resource.Ref) error {
	want, err := ids(rt, subnets)
	if err != nil {
		return err
	}
	have := map[string]string{} // subnet → association
	tables, err := h.search(ctx, filter("route-table-id", table))
	if err != nil {
		return err
	}
	for _, t := range tables {
		for _, a := range associations(t) {
			have[sdk.ToString(a.SubnetId)] = sdk.ToString(a.RouteTableAssociationId)
		}
	}
	for _, subnet := range want {
		if have[subnet] == "" {
			if err := h.associateOne(ctx, table, subnet); err != nil {
				return err
			}
		}
		delete(have, subnet)
	}
	for _, association := range have {
		_, err := h.ec2.DisassociateRouteTable(ctx, &ec2.DisassociateRouteTableInput{AssociationId: &association})
		if ignoreNotFound(err) != nil {
			return err
		}
	}
	return nil
}

// associateOne ties a subnet to the table, also when another table holds it.
func (h *routeTables) associateOne(ctx context.Context, table, subnet string) error {
	return h.settled(ctx, func() error {
		_, err := h.ec2.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: &table, SubnetId: &subnet})
		if !isCode(err, "Resource.AlreadyAssociated") {
			return err
		}
		holders, lookErr := h.search(ctx, filter("association.subnet-id", subnet))
		if lookErr != nil {
			return lookErr
		}
		for _, t := range holders {
			for _, a := range associations(t) {
				if sdk.ToString(a.SubnetId) != subnet {
					continue
				}
				if sdk.ToString(t.RouteTableId) == table {
					return nil
				}
				_, err = h.ec2.ReplaceRouteTableAssociation(ctx, &ec2.ReplaceRouteTableAssociationInput{
					AssociationId: a.RouteTableAssociationId, RouteTableId: &table,
				})
				return err
			}
		}
		return err
	}, func(err error) bool { return isCode(err, "Resource.AlreadyAssociated") })
}

func (h *routeTables) remove(ctx context.Context, rt resource.Runtime, rec *resource.Record) error {
	if err := h.associate(ctx, rt, rec.ID, nil); err != nil {
		return err
	}
	return h.whenFree(ctx, rt, rec, func() error {
		_, err := h.ec2.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: &rec.ID})
		return err
	})
}
