package api

import "github.com/clusterform/clusterform/internal/lab/api/wire/ec2"

// gateway is an internet gateway.
type gateway struct {
	ID  string
	VPC string // "": detached
}

func (s *Server) renderGateway(g *gateway) ec2.InternetGateway {
	out := ec2.InternetGateway{InternetGatewayId: g.ID, OwnerId: s.opt.AccountID, Tags: s.tagsSeen(g.ID).ec2(), Attachments: []ec2.InternetGatewayAttachment{}}
	if g.VPC != "" {
		out.Attachments = append(out.Attachments, ec2.InternetGatewayAttachment{VpcId: g.VPC, State: "available"})
	}
	return out
}

func (c *call) createInternetGateway(in *ec2.CreateInternetGatewayRequest) (any, error) {
	tags, err := specified(in.TagSpecifications, "internet-gateway")
	if err != nil {
		return nil, err
	}
	g := &gateway{ID: c.newID("igw")}
	c.gateways.put(g.ID, g)
	c.setTags(g.ID, tags["internet-gateway"])
	return &ec2.CreateInternetGatewayResult{InternetGateway: &ec2.InternetGateway{
		InternetGatewayId: g.ID, OwnerId: c.opt.AccountID, Tags: c.tagsOf(g.ID).ec2(), Attachments: []ec2.InternetGatewayAttachment{},
	}}, nil
}

func (c *call) attachInternetGateway(in *ec2.AttachInternetGatewayRequest) (any, error) {
	g, err := find(c.gateways, gatewayID, in.InternetGatewayId)
	if err != nil {
		return nil, err
	}
	v, err := find(c.vpcs, vpcID, in.VpcId)
	if err != nil {
		return nil, err
	}
	if g.VPC != "" {
		return nil, fail("Resource.AlreadyAssociated", "resource %s is already attached to network %s", g.ID, g.VPC)
	}
	for other := range c.gateways.all() {
		if other.VPC == v.ID {
			return nil, fail("Resource.AlreadyAssociated", "Network %s already has an internet gateway attached: %s", v.ID, other.ID)
		}
	}
	c.gateways.update(g.ID, func(g *gateway) { g.VPC = v.ID })
	return nil, nil
}

func (c *call) detachInternetGateway(in *ec2.DetachInternetGatewayRequest) (any, error) {
	g, err := find(c.gateways, gatewayID, in.InternetGatewayId)
	if err != nil {
		return nil, err
	}
	v, err := find(c.vpcs, vpcID, in.VpcId)
	if err != nil {
		return nil, err
	}
	if g.VPC != v.ID {
		return nil, fail("Gateway.NotAttached", "resource %s is not attached to network %s", g.ID, v.ID)
	}
	for n := range c.interfaces.all() {
		if n.VPC == v.ID && n.PublicIP.IsValid() {
			return nil, fail("DependencyViolation", "Network %s has some mapped public address(es). Please unmap those public address(es) before detaching the gateway: %s", v.ID, n.ID)
		}
	}
	c.gateways.update(g.ID, func(g *gateway) { g.VPC = "" })
	return nil, nil
}

func (c *call) deleteInternetGateway(in *ec2.DeleteInternetGatewayRequest) (any, error) {
	g, err := find(c.gateways, gatewayID, in.InternetGatewayId)
	if err != nil {
		return nil, err
	}
	if g.VPC != "" {
		return nil, fail("DependencyViolation", "The internetGateway '%s' has dependencies and cannot be deleted: it is attached to %s", g.ID, g.VPC)
	}
	c.gateways.delete(g.ID)
	c.tags.delete(g.ID)
	return nil, nil
}

func (c *call) describeInternetGateways(in *ec2.DescribeInternetGatewaysRequest) (any, error) {
	rows, next, err := list(c.s, listing[gateway]{
		table: c.gateways, kind: gatewayID, ids: in.InternetGatewayIds, filters: in.Filters, max: in.MaxResults, token: in.NextToken,
		id: func(g *gateway) string { return g.ID },
		set: filterSet[gateway]{
			"internet-gateway-id": func(g *gateway, is func(string) bool) bool { return is(g.ID) },
			"attachment.vpc-id":   func(g *gateway, is func(string) bool) bool { return g.VPC != "" && is(g.VPC) },
			"attachment.state":    func(g *gateway, is func(string) bool) bool { return g.VPC != "" && is("available") },
			"owner-id":            func(_ *gateway, is func(string) bool) bool { return is(c.opt.AccountID) },
		},
	})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeInternetGatewaysResult{InternetGateways: make([]ec2.InternetGateway, 0, len(rows)), NextToken: next}
	for _, g := range rows {
		out.InternetGateways = append(out.InternetGateways, c.renderGateway(g))
	}
	return out, nil
}
