package api

import (
	"time"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

// nat is a NAT gateway.
type nat struct {
	ID, VPC, Subnet string
	Interface, EIP  string
	Private         bool
	State           string
	Created         time.Time
	Deleted         time.Time
	NextAt          time.Time
}

const (
	natPending  = 30 * time.Second
	natDeleting = 30 * time.Second
	natGone     = time.Hour // how long a deleted one stays visible
)

func (c *call) createNatGateway(in *ec2.CreateNatGatewayRequest) (any, error) {
	sn, err := find(c.subnets, subnetID, in.SubnetId)
	if err != nil {
		return nil, err
	}
	tags, err := specified(in.TagSpecifications, "natgateway")
	if err != nil {
		return nil, err
	}
	n := &nat{ID: c.newID("nat"), VPC: sn.VPC, Subnet: sn.ID, Private: in.ConnectivityType == "private", State: "pending", Created: c.db.now, NextAt: c.db.now.Add(natPending)}
	if !n.Private {
		if in.AllocationId == "" {
			return nil, fail("MissingParameter", "The request must contain the parameter AllocationId")
		}
		a, err := find(c.eips, allocationID, in.AllocationId)
		if err != nil {
			return nil, err
		}
		if a.Interface != "" {
			return nil, fail("Resource.AlreadyAssociated", "Elastic IP address [%s] is already associated", a.ID)
		}
		if !c.vpcHasGateway(sn.VPC) {
			return nil, fail("Gateway.NotAttached", "Network %s has no Internet gateway attached", sn.VPC)
		}
		n.EIP = a.ID
	}
	eni, err := c.makeInterface(sn, netInterface{Description: "Interface for NAT Gateway " + n.ID, Type: "nat_gateway", Requester: "amazon-nat"}, "")
	if err != nil {
		return nil, err
	}
	n.Interface = eni.ID
	if n.EIP != "" {
		assoc := c.newID("eipassoc")
		a := c.eips.update(n.EIP, func(a *address) { a.Interface, a.Assoc, a.Owner = eni.ID, assoc, "nat" })
		c.interfaces.update(eni.ID, func(x *netInterface) { x.PublicIP, x.EIP = a.IP, a.ID })
	}
	c.nats.put(n.ID, n)
	c.setTags(n.ID, tags["natgateway"])
	c.schedule(n.NextAt, "nat", n.ID)
	out := c.renderNAT(n)
	out.Tags = c.tagsOf(n.ID).ec2()
	return &ec2.CreateNatGatewayResult{NatGateway: &out, ClientToken: in.ClientToken}, nil
}

func (s *Server) renderNAT(n *nat) ec2.NatGateway {
	out := ec2.NatGateway{
		NatGatewayId: n.ID, VpcId: n.VPC, SubnetId: n.Subnet, State: n.State, CreateTime: new(n.Created), ConnectivityType: "public", Tags: s.tagsSeen(n.ID).ec2(),
	}
	if n.Private {
		out.ConnectivityType = "private"
	}
	if !n.Deleted.IsZero() {
		out.DeleteTime = new(n.Deleted)
	}
	addr := ec2.NatGatewayAddress{NetworkInterfaceId: n.Interface, AllocationId: n.EIP, IsPrimary: new(true), Status: "succeeded"}
	if x := s.interfaces.get(n.Interface); x != nil {
		addr.PrivateIp = x.PrivateIP.String()
		if x.PublicIP.IsValid() {
			addr.PublicIp = x.PublicIP.String()
		}
	}
	if a := s.eips.get(n.EIP); a != nil {
		addr.AssociationId = a.Assoc
	}
	out.NatGatewayAddresses = []ec2.NatGatewayAddress{addr}
	return out
}

func (c *call) describeNatGateways(in *ec2.DescribeNatGatewaysRequest) (any, error) {
	rows, next, err := list(c.s, listing[nat]{
		table: c.nats, kind: natID, ids: in.NatGatewayIds, filters: in.Filter, max: in.MaxResults, token: in.NextToken,
		id: func(n *nat) string { return n.ID },
		set: filterSet[nat]{
			"nat-gateway-id": func(n *nat, is func(string) bool) bool { return is(n.ID) },
			"vpc-id":         func(n *nat, is func(string) bool) bool { return is(n.VPC) },
			"subnet-id":      func(n *nat, is func(string) bool) bool { return is(n.Subnet) },
			"state":          func(n *nat, is func(string) bool) bool { return is(n.State) },
		},
	})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeNatGatewaysResult{NatGateways: make([]ec2.NatGateway, 0, len(rows)), NextToken: next}
	for _, n := range rows {
		out.NatGateways = append(out.NatGateways, c.renderNAT(n))
	}
	return out, nil
}

func (c *call) deleteNatGateway(in *ec2.DeleteNatGatewayRequest) (any, error) {
	n, err := find(c.nats, natID, in.NatGatewayId)
	if err != nil {
		return nil, err
	}
	if n.State != "deleting" && n.State != "deleted" {
		c.nats.update(n.ID, func(n *nat) { n.State, n.NextAt = "deleting", c.db.now.Add(natDeleting) })
		c.schedule(c.db.now.Add(natDeleting), "nat", n.ID)
	}
	return &ec2.DeleteNatGatewayResult{NatGatewayId: n.ID}, nil
}

func (s *Server) natDue(id string) {
	n := s.nats.get(id)
	if n == nil || n.NextAt.IsZero() || s.db.now.Before(n.NextAt) {
		return
	}
	switch n.State {
	case "pending":
		s.nats.update(id, func(n *nat) { n.State, n.NextAt = "available", time.Time{} })
	case "deleting":
		s.detachAddress(n.EIP)
		s.dropInterface(n.Interface)
		next := s.db.now.Add(natGone)
		s.nats.update(id, func(n *nat) { n.State, n.Deleted, n.NextAt = "deleted", s.db.now, next })
		s.schedule(next, "nat", id)
	case "deleted":
		s.nats.delete(id)
		s.tags.delete(id)
	}
}
