package api

import (
	"slices"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

// routeTable is a route table with its routes and the subnets that use it.
type routeTable struct {
	ID           string
	VPC          string
	Associations []association
	Routes       []route // without the local ones, which follow from the VPC
}

type association struct {
	ID     string
	Subnet string // "" for the main association
	Main   bool
}

func (s *Server) makeRouteTable(v *vpc) *routeTable {
	return &routeTable{ID: s.newID("rtb"), VPC: v.ID}
}

// tableOf gives the route table that a subnet uses.
func (s *Server) tableOf(subnetID, vpcID string) *routeTable {
	var main *routeTable
	for t := range s.routeTables.all() {
		if t.VPC != vpcID {
			continue
		}
		for _, a := range t.Associations {
			if a.Subnet == subnetID && subnetID != "" {
				return t
			}
			if a.Main {
				main = t
			}
		}
	}
	return main
}

func (s *Server) renderRouteTable(t *routeTable) ec2.RouteTable {
	out := ec2.RouteTable{
		RouteTableId: t.ID, VpcId: t.VPC, OwnerId: s.opt.AccountID, Tags: s.tagsSeen(t.ID).ec2(), PropagatingVgws: []ec2.PropagatingVgw{},
		Associations: []ec2.RouteTableAssociation{}, Routes: []ec2.Route{},
	}
	for _, a := range t.Associations {
		out.Associations = append(out.Associations, ec2.RouteTableAssociation{
			RouteTableAssociationId: a.ID, RouteTableId: t.ID, SubnetId: a.Subnet, Main: new(a.Main),
			AssociationState: &ec2.RouteTableAssociationState{State: "associated"},
		})
	}
	if v := s.vpcs.get(t.VPC); v != nil {
		for _, b := range v.Blocks {
			out.Routes = append(out.Routes, ec2.Route{DestinationCidrBlock: b.CIDR.String(), GatewayId: "local", State: "active", Origin: "CreateRouteTable"})
		}
	}
	for _, r := range t.Routes {
		out.Routes = append(out.Routes, s.renderRoute(r))
	}
	return out
}

func (c *call) createRouteTable(in *ec2.CreateRouteTableRequest) (any, error) {
	v, err := find(c.vpcs, vpcID, in.VpcId)
	if err != nil {
		return nil, err
	}
	tags, err := specified(in.TagSpecifications, "route-table")
	if err != nil {
		return nil, err
	}
	t := c.makeRouteTable(v)
	c.routeTables.put(t.ID, t)
	c.setTags(t.ID, tags["route-table"])
	out := c.renderRouteTable(t)
	out.Tags = c.tagsOf(t.ID).ec2()
	return &ec2.CreateRouteTableResult{RouteTable: &out, ClientToken: in.ClientToken}, nil
}

func (c *call) deleteRouteTable(in *ec2.DeleteRouteTableRequest) (any, error) {
	t, err := find(c.routeTables, routeTableID, in.RouteTableId)
	if err != nil {
		return nil, err
	}
	if len(t.Associations) > 0 {
		var by []string
		for _, a := range t.Associations {
			if a.Main {
				by = append(by, "it is the main route table of "+t.VPC)
			} else {
				by = append(by, a.Subnet)
			}
		}
		return nil, fail("DependencyViolation", "The routeTable '%s' has dependencies and cannot be deleted: %s", t.ID, summary(by))
	}
	c.routeTables.delete(t.ID)
	c.tags.delete(t.ID)
	return nil, nil
}

func (c *call) describeRouteTables(in *ec2.DescribeRouteTablesRequest) (any, error) {
	anyAssoc := func(f func(association) string) func(*routeTable, func(string) bool) bool {
		return func(t *routeTable, is func(string) bool) bool {
			return slices.ContainsFunc(t.Associations, func(a association) bool { return is(f(a)) })
		}
	}
	anyRoute := func(f func(ec2.Route) string) func(*routeTable, func(string) bool) bool {
		return func(t *routeTable, is func(string) bool) bool {
			return slices.ContainsFunc(c.renderRouteTable(t).Routes, func(r ec2.Route) bool { v := f(r); return v != "" && is(v) })
		}
	}
	rows, next, err := list(c.s, listing[routeTable]{
		table: c.routeTables, kind: routeTableID, ids: in.RouteTableIds, filters: in.Filters, max: in.MaxResults, maxMax: 100, token: in.NextToken,
		id: func(t *routeTable) string { return t.ID },
		set: filterSet[routeTable]{
			"route-table-id":                         func(t *routeTable, is func(string) bool) bool { return is(t.ID) },
			"vpc-id":                                 func(t *routeTable, is func(string) bool) bool { return is(t.VPC) },
			"owner-id":                               func(_ *routeTable, is func(string) bool) bool { return is(c.opt.AccountID) },
			"association.route-table-association-id": anyAssoc(func(a association) string { return a.ID }),
			"association.subnet-id":                  anyAssoc(func(a association) string { return a.Subnet }),
			"association.main": anyAssoc(func(a association) string {
				if a.Main {
					return "true"
				}
				return "false"
			}),
			"association.route-table-id":   func(t *routeTable, is func(string) bool) bool { return len(t.Associations) > 0 && is(t.ID) },
			"route.destination-cidr-block": anyRoute(func(r ec2.Route) string { return r.DestinationCidrBlock }),
			"route.gateway-id":             anyRoute(func(r ec2.Route) string { return r.GatewayId }),
			"route.nat-gateway-id":         anyRoute(func(r ec2.Route) string { return r.NatGatewayId }),
			"route.instance-id":            anyRoute(func(r ec2.Route) string { return r.InstanceId }),
			"route.state":                  anyRoute(func(r ec2.Route) string { return r.State }),
			"route.origin":                 anyRoute(func(r ec2.Route) string { return r.Origin }),
		},
	})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeRouteTablesResult{RouteTables: make([]ec2.RouteTable, 0, len(rows)), NextToken: next}
	for _, t := range rows {
		out.RouteTables = append(out.RouteTables, c.renderRouteTable(t))
	}
	return out, nil
}

func (c *call) associateRouteTable(in *ec2.AssociateRouteTableRequest) (any, error) {
	t, err := find(c.routeTables, routeTableID, in.RouteTableId)
	if err != nil {
		return nil, err
	}
	sn, err := find(c.subnets, subnetID, in.SubnetId)
	if err != nil {
		return nil, err
	}
	if sn.VPC != t.VPC {
		return nil, fail("InvalidParameterValue", "Route table %s and network %s belong to different networks", t.ID, sn.ID)
	}
	for other := range c.routeTables.all() {
		for _, a := range other.Associations {
			if a.Subnet != sn.ID {
				continue
			}
			if other.ID == t.ID {
				return &ec2.AssociateRouteTableResult{AssociationId: a.ID, AssociationState: &ec2.RouteTableAssociationState{State: "associated"}}, nil
			}
			return nil, fail("Resource.AlreadyAssociated", "the specified association for route table %s conflicts with an existing association of %s", t.ID, other.ID)
		}
	}
	a := association{ID: c.newID("rtbassoc"), Subnet: sn.ID}
	c.routeTables.update(t.ID, func(t *routeTable) { t.Associations = append(slices.Clone(t.Associations), a) })
	return &ec2.AssociateRouteTableResult{AssociationId: a.ID, AssociationState: &ec2.RouteTableAssociationState{State: "associated"}}, nil
}

func (s *Server) findAssociation(id string) (*routeTable, association, error) {
	for t := range s.routeTables.all() {
		for _, a := range t.Associations {
			if a.ID == id {
				return t, a, nil
			}
		}
	}
	return nil, association{}, fail("InvalidAssociationID.NotFound", "The association ID '%s' does not exist", id)
}

func (s *Server) dropAssociations(t *routeTable, match func(association) bool) {
	if slices.ContainsFunc(t.Associations, match) {
		s.routeTables.update(t.ID, func(t *routeTable) { t.Associations = slices.DeleteFunc(slices.Clone(t.Associations), match) })
	}
}

func (c *call) disassociateRouteTable(in *ec2.DisassociateRouteTableRequest) (any, error) {
	t, a, err := c.findAssociation(in.AssociationId)
	if err != nil {
		return nil, err
	}
	if a.Main {
		return nil, fail("InvalidParameterValue", "cannot disassociate the main route table association %s", a.ID)
	}
	c.dropAssociations(t, func(x association) bool { return x.ID == a.ID })
	return nil, nil
}

func (c *call) replaceRouteTableAssociation(in *ec2.ReplaceRouteTableAssociationRequest) (any, error) {
	t, err := find(c.routeTables, routeTableID, in.RouteTableId)
	if err != nil {
		return nil, err
	}
	old, a, err := c.findAssociation(in.AssociationId)
	if err != nil {
		return nil, err
	}
	if old.VPC != t.VPC {
		return nil, fail("InvalidParameterValue", "Route table %s and association %s belong to different networks", t.ID, a.ID)
	}
	c.dropAssociations(old, func(x association) bool { return x.ID == a.ID })
	a.ID = c.newID("rtbassoc")
	c.routeTables.update(t.ID, func(t *routeTable) { t.Associations = append(slices.Clone(t.Associations), a) })
	if a.Main {
		c.vpcs.update(t.VPC, func(v *vpc) { v.MainTable = t.ID })
	}
	return &ec2.ReplaceRouteTableAssociationResult{NewAssociationId: a.ID, AssociationState: &ec2.RouteTableAssociationState{State: "associated"}}, nil
}
