package api

import (
	"net/netip"
	"slices"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

// route sends a destination somewhere; exactly one of the targets is set.
type route struct {
	Destination string
	Gateway     string
	NAT         string
	Interface   string
	Instance    string
	Origin      string
}

func (s *Server) renderRoute(r route) ec2.Route {
	out := ec2.Route{DestinationCidrBlock: r.Destination, GatewayId: r.Gateway, NatGatewayId: r.NAT, NetworkInterfaceId: r.Interface, InstanceId: r.Instance, Origin: r.Origin, State: "active"}
	if r.Instance != "" {
		out.InstanceOwnerId = s.opt.AccountID
	}
	if !s.routeWorks(r) {
		out.State = "blackhole"
	}
	return out
}

// routeWorks reports whether the target of a route still exists and is attached.
func (s *Server) routeWorks(r route) bool {
	switch {
	case r.Gateway != "":
		g := s.gateways.get(r.Gateway)
		return g != nil && g.VPC != ""
	case r.NAT != "":
		n := s.nats.get(r.NAT)
		return n != nil && n.State == "available"
	case r.Interface != "":
		n := s.interfaces.get(r.Interface)
		return n != nil && n.Instance != ""
	}
	return false
}

// routeTarget checks the target parameters that CreateRoute and ReplaceRoute share.
func (c *call) routeTarget(t *routeTable, gatewayArg, natArg, interfaceArg, instanceArg string) (route, error) {
	n := 0
	for _, arg := range []string{gatewayArg, natArg, interfaceArg, instanceArg} {
		if arg != "" {
			n++
		}
	}
	if n != 1 {
		return route{}, fail("InvalidParameterCombination", "Exactly one of gatewayId, natGatewayId, networkInterfaceId and instanceId must be specified")
	}
	r := route{Origin: "CreateRoute"}
	switch {
	case gatewayArg != "":
		g, err := find(c.gateways, gatewayID, gatewayArg)
		if err != nil {
			return r, err
		}
		if g.VPC != t.VPC {
			return r, fail("InvalidParameterValue", "route table %s and network gateway %s belong to different networks", t.ID, g.ID)
		}
		r.Gateway = g.ID
	case natArg != "":
		x, err := find(c.nats, natID, natArg)
		if err != nil {
			return r, fail("InvalidNatGatewayID.NotFound", "The natGateway ID '%s' does not exist", natArg)
		}
		if x.VPC != t.VPC {
			return r, fail("InvalidParameterValue", "route table %s and nat gateway %s belong to different networks", t.ID, x.ID)
		}
		r.NAT = x.ID
	case interfaceArg != "":
		x, err := find(c.interfaces, interfaceID, interfaceArg)
		if err != nil {
			return r, err
		}
		r.Interface, r.Instance = x.ID, x.Instance
	default:
		i, err := find(c.instances, instanceID, instanceArg)
		if err != nil {
			return r, err
		}
		if len(i.Interfaces) != 1 {
			return r, fail("InvalidInstanceID", "There are %d interfaces attached to instance '%s'. Please specify an interface ID for the operation instead.", len(i.Interfaces), i.ID)
		}
		r.Interface, r.Instance = i.Interfaces[0], i.ID
	}
	return r, nil
}

func parseDestination(text string) (string, error) {
	if text == "" {
		return "", fail("MissingParameter", "The request must contain the parameter destinationCidrBlock")
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || !p.Addr().Is4() {
		return "", fail("InvalidParameterValue", "Value (%s) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.", text)
	}
	return p.Masked().String(), nil
}

func (c *call) createRoute(in *ec2.CreateRouteRequest) (any, error) {
	t, err := find(c.routeTables, routeTableID, in.RouteTableId)
	if err != nil {
		return nil, err
	}
	dest, err := parseDestination(in.DestinationCidrBlock)
	if err != nil {
		return nil, err
	}
	r, err := c.routeTarget(t, in.GatewayId, in.NatGatewayId, in.NetworkInterfaceId, in.InstanceId)
	if err != nil {
		return nil, err
	}
	if v := c.vpcs.get(t.VPC); v != nil && slices.ContainsFunc(v.Blocks, func(b vpcBlock) bool { return b.CIDR.String() == dest }) {
		return nil, fail("RouteAlreadyExists", "The route identified by %s already exists.", dest)
	}
	r.Destination = dest
	now := c.routeTables.get(t.ID)
	if i := slices.IndexFunc(now.Routes, func(x route) bool { return x.Destination == dest }); i >= 0 {
		if now.Routes[i] == r {
			return &ec2.CreateRouteResult{Return: new(true)}, nil
		}
		return nil, fail("RouteAlreadyExists", "The route identified by %s already exists.", dest)
	}
	c.routeTables.update(t.ID, func(t *routeTable) { t.Routes = append(slices.Clone(t.Routes), r) })
	return &ec2.CreateRouteResult{Return: new(true)}, nil
}

func (c *call) replaceRoute(in *ec2.ReplaceRouteRequest) (any, error) {
	t, err := find(c.routeTables, routeTableID, in.RouteTableId)
	if err != nil {
		return nil, err
	}
	dest, err := parseDestination(in.DestinationCidrBlock)
	if err != nil {
		return nil, err
	}
	r, err := c.routeTarget(t, in.GatewayId, in.NatGatewayId, in.NetworkInterfaceId, in.InstanceId)
	if err != nil {
		return nil, err
	}
	r.Destination = dest
	i := slices.IndexFunc(c.routeTables.get(t.ID).Routes, func(x route) bool { return x.Destination == dest })
	if i < 0 {
		return nil, fail("InvalidParameterValue", "There is no route defined for '%s' in the route table. Use CreateRoute instead.", dest)
	}
	c.routeTables.update(t.ID, func(t *routeTable) {
		t.Routes = slices.Clone(t.Routes)
		t.Routes[i] = r
	})
	return nil, nil
}

func (c *call) deleteRoute(in *ec2.DeleteRouteRequest) (any, error) {
	t, err := find(c.routeTables, routeTableID, in.RouteTableId)
	if err != nil {
		return nil, err
	}
	dest, err := parseDestination(in.DestinationCidrBlock)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(c.routeTables.get(t.ID).Routes, func(x route) bool { return x.Destination == dest })
	if i < 0 {
		return nil, fail("InvalidRoute.NotFound", "no route with destination-cidr-block %s in route table %s", dest, t.ID)
	}
	c.routeTables.update(t.ID, func(t *routeTable) { t.Routes = slices.Delete(slices.Clone(t.Routes), i, i+1) })
	return nil, nil
}
