package api

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

// netInterface is an elastic network interface.
type netInterface struct {
	ID, VPC, Subnet, Zone string
	PrivateIP             netip.Addr
	MAC                   string
	PublicIP              netip.Addr
	EIP                   string // allocation, when PublicIP is elastic
	AutoPublic            bool   // gets a public address at each start, as was decided at the launch
	Groups                []string
	Description           string
	Type                  string // interface, nat_gateway, network_load_balancer
	Requester             string // the service that made it; "": the account
	NoSourceDestCheck     bool
	Instance              string
	Attachment            string
	DeviceIndex           int
	AttachedAt            time.Time
	DeleteOnTermination   bool
}

// makeInterface makes an interface in a subnet, with the wanted address or a free one.
func (s *Server) makeInterface(sn *subnet, n netInterface, want string) (*netInterface, error) {
	pool := s.pool(sn.ID)
	if want == "" {
		if pool.free() <= 0 {
			return nil, noAddresses(sn, pool)
		}
		n.PrivateIP = pool.pick()
	} else {
		ip, err := netip.ParseAddr(want)
		if err != nil || !pool.usable(ip) {
			return nil, fail("InvalidParameterValue", "Address %s does not fall within the subnet's address range", want)
		}
		if _, taken := pool.used[ip]; taken {
			return nil, fail("InvalidIPAddress.InUse", "Address %s is in use.", want)
		}
		pool.take(ip)
		n.PrivateIP = ip
	}
	n.ID, n.VPC, n.Subnet, n.Zone = s.newID("eni"), sn.VPC, sn.ID, sn.Zone
	ip := n.PrivateIP.As4()
	salt := s.ids.Uint32()
	n.MAC = fmt.Sprintf("02:%02x:%02x:%02x:%02x:%02x", byte(salt), byte(salt>>8), ip[1], ip[2], ip[3])
	if n.Type == "" {
		n.Type = "interface"
	}
	if len(n.Groups) == 0 && n.Requester == "" {
		if v := s.vpcs.get(sn.VPC); v != nil {
			n.Groups = []string{v.Group}
		}
	}
	s.interfaces.put(n.ID, &n)
	return &n, nil
}

func noAddresses(sn *subnet, p *addressPool) error {
	return fail("InsufficientFreeAddressesInSubnet", "The specified subnet does not have enough free addresses to satisfy the request: %s has %d left.", sn.ID, max(p.free(), 0))
}

// dropInterface removes an interface and gives back what it held.
func (s *Server) dropInterface(id string) {
	n := s.interfaces.get(id)
	if n == nil {
		return
	}
	if n.EIP != "" {
		s.detachAddress(n.EIP)
	} else {
		s.freePublicIP(n.PublicIP)
	}
	s.pool(n.Subnet).drop(n.PrivateIP)
	s.interfaces.delete(id)
	s.tags.delete(id)
}

// groupIDs checks security groups for use in a VPC.
func (c *call) groupIDs(ids []string, vpc string) ([]string, error) {
	if len(ids) > 16 {
		return nil, fail("SecurityGroupsPerInterfaceLimitExceeded", "The maximum number of security groups per interface has been reached.")
	}
	var out []string
	for _, id := range ids {
		g, err := find(c.groups, groupID, id)
		if err != nil {
			return nil, err
		}
		if g.VPC != vpc {
			return nil, fail("InvalidParameter", "Security group %s and subnet belong to different networks.", g.ID)
		}
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out, nil
}

func (s *Server) groupNames(ids []string) []ec2.GroupIdentifier {
	out := make([]ec2.GroupIdentifier, 0, len(ids))
	for _, id := range ids {
		x := ec2.GroupIdentifier{GroupId: id}
		if g := s.groups.get(id); g != nil {
			x.GroupName = g.Name
		}
		out = append(out, x)
	}
	return out
}

// privateName is the host name of an address without the domain: ip-10-88-0-12.
func privateName(ip netip.Addr) string {
	return "ip-" + strings.ReplaceAll(ip.String(), ".", "-")
}

func (s *Server) publicName(ip netip.Addr) string {
	domain := s.opt.Region + ".compute.amazonaws.com"
	if s.opt.Region == "us-east-1" {
		domain = "compute-1.amazonaws.com"
	}
	return "ec2-" + strings.ReplaceAll(ip.String(), ".", "-") + "." + domain
}

func (n *netInterface) status() string {
	if n.Attachment != "" || n.Requester != "" {
		return "in-use"
	}
	return "available"
}

func (s *Server) interfaceAssociation(n *netInterface) (owner, ip, name string, ok bool) {
	if !n.PublicIP.IsValid() {
		return "", "", "", false
	}
	owner = "amazon"
	if n.EIP != "" {
		owner = s.opt.AccountID
	}
	if v := s.vpcs.get(n.VPC); v != nil && v.DNSHostnames {
		name = s.publicName(n.PublicIP)
	}
	return owner, n.PublicIP.String(), name, true
}

func (s *Server) renderInterface(n *netInterface) ec2.NetworkInterface {
	private := privateName(n.PrivateIP) + "." + s.internalDomain()
	out := ec2.NetworkInterface{
		NetworkInterfaceId: n.ID, VpcId: n.VPC, SubnetId: n.Subnet, AvailabilityZone: n.Zone, Description: n.Description, OwnerId: s.opt.AccountID,
		InterfaceType: n.Type, MacAddress: n.MAC, PrivateIpAddress: n.PrivateIP.String(), PrivateDnsName: private,
		SourceDestCheck: new(!n.NoSourceDestCheck), Status: n.status(), Groups: s.groupNames(n.Groups), RequesterManaged: new(n.Requester != ""),
		RequesterId: n.Requester, TagSet: s.tagsSeen(n.ID).ec2(), Ipv6Addresses: []ec2.NetworkInterfaceIpv6Address{},
	}
	if z, ok := s.zone(n.Zone); ok {
		out.AvailabilityZoneId = z.id
	}
	addr := ec2.NetworkInterfacePrivateIpAddress{Primary: new(true), PrivateIpAddress: n.PrivateIP.String(), PrivateDnsName: private}
	if owner, ip, name, ok := s.interfaceAssociation(n); ok {
		a := ec2.NetworkInterfaceAssociation{IpOwnerId: owner, PublicIp: ip, PublicDnsName: name, AllocationId: n.EIP}
		if e := s.eips.get(n.EIP); e != nil {
			a.AssociationId = e.Assoc
		}
		out.Association, addr.Association = &a, &a
	}
	out.PrivateIpAddresses = []ec2.NetworkInterfacePrivateIpAddress{addr}
	if n.Attachment != "" {
		out.Attachment = &ec2.NetworkInterfaceAttachment{
			AttachmentId: n.Attachment, InstanceId: n.Instance, InstanceOwnerId: s.opt.AccountID, DeviceIndex: new(int64(n.DeviceIndex)), Status: "attached",
			AttachTime: new(n.AttachedAt), DeleteOnTermination: new(n.DeleteOnTermination), NetworkCardIndex: new(int64(0)),
		}
	} else if n.Requester != "" {
		out.Attachment = &ec2.NetworkInterfaceAttachment{
			AttachmentId: "ela-attach" + strings.TrimPrefix(n.ID, "eni"), InstanceOwnerId: n.Requester, DeviceIndex: new(int64(1)), Status: "attached", DeleteOnTermination: new(false),
		}
	}
	return out
}

func (c *call) createNetworkInterface(in *ec2.CreateNetworkInterfaceRequest) (any, error) {
	sn, err := find(c.subnets, subnetID, in.SubnetId)
	if err != nil {
		return nil, err
	}
	groups, err := c.groupIDs(in.Groups, sn.VPC)
	if err != nil {
		return nil, err
	}
	tags, err := specified(in.TagSpecifications, "network-interface")
	if err != nil {
		return nil, err
	}
	n, err := c.makeInterface(sn, netInterface{Groups: groups, Description: in.Description}, in.PrivateIpAddress)
	if err != nil {
		return nil, err
	}
	c.setTags(n.ID, tags["network-interface"])
	out := c.renderInterface(n)
	out.Status, out.TagSet = "pending", c.tagsOf(n.ID).ec2()
	return &ec2.CreateNetworkInterfaceResult{NetworkInterface: &out, ClientToken: in.ClientToken}, nil
}

func (c *call) deleteNetworkInterface(in *ec2.DeleteNetworkInterfaceRequest) (any, error) {
	n, err := find(c.interfaces, interfaceID, in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	if n.Requester != "" {
		return nil, fail("OperationNotPermitted", "You are not allowed to manage '%s' of %s.", n.ID, n.Requester)
	}
	if n.Attachment != "" {
		return nil, fail("InvalidParameterValue", "Network interface '%s' is currently in use by %s.", n.ID, n.Instance)
	}
	c.dropInterface(n.ID)
	return nil, nil
}

func (c *call) describeNetworkInterfaces(in *ec2.DescribeNetworkInterfacesRequest) (any, error) {
	group := func(n *netInterface, is func(string) bool) bool { return slices.ContainsFunc(n.Groups, is) }
	ip := func(n *netInterface, is func(string) bool) bool { return is(n.PrivateIP.String()) }
	public := func(n *netInterface, is func(string) bool) bool {
		return n.PublicIP.IsValid() && is(n.PublicIP.String())
	}
	rows, next, err := list(c.s, listing[netInterface]{
		table: c.interfaces, kind: interfaceID, ids: in.NetworkInterfaceIds, filters: in.Filters, max: in.MaxResults, token: in.NextToken, exclude: true,
		id: func(n *netInterface) string { return n.ID },
		set: filterSet[netInterface]{
			"network-interface-id": func(n *netInterface, is func(string) bool) bool { return is(n.ID) },
			"vpc-id":               func(n *netInterface, is func(string) bool) bool { return is(n.VPC) },
			"subnet-id":            func(n *netInterface, is func(string) bool) bool { return is(n.Subnet) },
			"availability-zone":    func(n *netInterface, is func(string) bool) bool { return is(n.Zone) },
			"description":          func(n *netInterface, is func(string) bool) bool { return is(n.Description) },
			"group-id":             group, "private-ip-address": ip, "addresses.private-ip-address": ip,
			"association.public-ip": public, "addresses.association.public-ip": public,
			"association.allocation-id": func(n *netInterface, is func(string) bool) bool { return n.EIP != "" && is(n.EIP) },
			"mac-address":               func(n *netInterface, is func(string) bool) bool { return is(n.MAC) },
			"interface-type":            func(n *netInterface, is func(string) bool) bool { return is(n.Type) },
			"status":                    func(n *netInterface, is func(string) bool) bool { return is(n.status()) },
			"owner-id":                  func(_ *netInterface, is func(string) bool) bool { return is(c.opt.AccountID) },
			"requester-id":              func(n *netInterface, is func(string) bool) bool { return n.Requester != "" && is(n.Requester) },
			"requester-managed":         func(n *netInterface, is func(string) bool) bool { return isBool(is, n.Requester != "") },
			"source-dest-check":         func(n *netInterface, is func(string) bool) bool { return isBool(is, !n.NoSourceDestCheck) },
			"attachment.instance-id":    func(n *netInterface, is func(string) bool) bool { return n.Instance != "" && is(n.Instance) },
			"attachment.attachment-id":  func(n *netInterface, is func(string) bool) bool { return n.Attachment != "" && is(n.Attachment) },
			"attachment.status":         func(n *netInterface, is func(string) bool) bool { return n.Attachment != "" && is("attached") },
			"attachment.device-index": func(n *netInterface, is func(string) bool) bool {
				return n.Attachment != "" && is(strconv.Itoa(n.DeviceIndex))
			},
			"group-name": func(n *netInterface, is func(string) bool) bool {
				return slices.ContainsFunc(c.groupNames(n.Groups), func(g ec2.GroupIdentifier) bool { return is(g.GroupName) })
			},
		},
	})
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeNetworkInterfacesResult{NetworkInterfaces: make([]ec2.NetworkInterface, 0, len(rows)), NextToken: next}
	for _, n := range rows {
		out.NetworkInterfaces = append(out.NetworkInterfaces, c.renderInterface(n))
	}
	return out, nil
}

func (c *call) describeNetworkInterfaceAttribute(in *ec2.DescribeNetworkInterfaceAttributeRequest) (any, error) {
	n, err := find(c.interfaces, interfaceID, in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeNetworkInterfaceAttributeResult{NetworkInterfaceId: n.ID}
	switch in.Attribute {
	case "description":
		out.Description = &ec2.AttributeValue{Value: n.Description}
	case "groupSet":
		out.Groups = c.groupNames(n.Groups)
	case "sourceDestCheck":
		out.SourceDestCheck = &ec2.AttributeBooleanValue{Value: new(!n.NoSourceDestCheck)}
	case "attachment":
		out.Attachment = c.renderInterface(n).Attachment
	default:
		return nil, fail("InvalidParameterValue", "Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
	}
	return out, nil
}

func (c *call) modifyNetworkInterfaceAttribute(in *ec2.ModifyNetworkInterfaceAttributeRequest) (any, error) {
	n, err := find(c.interfaces, interfaceID, in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	groups, err := c.groupIDs(in.Groups, n.VPC)
	if err != nil {
		return nil, err
	}
	if in.Attachment != nil && in.Attachment.AttachmentId != n.Attachment {
		return nil, fail("InvalidAttachmentID.NotFound", "The attachment ID '%s' does not exist", in.Attachment.AttachmentId)
	}
	c.interfaces.update(n.ID, func(n *netInterface) {
		if len(groups) > 0 {
			n.Groups = groups
		}
		if in.Description != nil {
			n.Description = in.Description.Value
		}
		if in.SourceDestCheck != nil {
			n.NoSourceDestCheck = !value(in.SourceDestCheck.Value, true)
		}
		if in.Attachment != nil && in.Attachment.DeleteOnTermination != nil {
			n.DeleteOnTermination = *in.Attachment.DeleteOnTermination
		}
	})
	return nil, nil
}

func (c *call) attachNetworkInterface(in *ec2.AttachNetworkInterfaceRequest) (any, error) {
	n, err := find(c.interfaces, interfaceID, in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	i, err := find(c.instances, instanceID, in.InstanceId)
	if err != nil {
		return nil, err
	}
	if n.Attachment != "" || n.Requester != "" {
		return nil, fail("InvalidParameterValue", "Network interface '%s' is currently in use.", n.ID)
	}
	if n.Zone != i.Zone {
		return nil, fail("InvalidParameterCombination", "You may not attach a network interface to an instance if they are not in the same availability zone")
	}
	if i.State != stateRunning && i.State != stateStopped {
		return nil, fail("IncorrectState", "The instance '%s' is not in the 'running' or 'stopped' state.", i.ID)
	}
	if t := c.types[c.launches.get(i.Launch).Type]; len(i.Interfaces) >= t.Interfaces {
		return nil, fail("AttachmentLimitExceeded", "Interface count %d exceeds the limit for %s", len(i.Interfaces)+1, t.Name)
	}
	id := c.newID("eni-attach")
	c.interfaces.update(n.ID, func(n *netInterface) {
		n.Attachment, n.Instance, n.DeviceIndex, n.AttachedAt = id, i.ID, int(value(in.DeviceIndex, 1)), c.db.now
	})
	c.instances.update(i.ID, func(i *instance) { i.Interfaces = append(slices.Clone(i.Interfaces), n.ID) })
	return &ec2.AttachNetworkInterfaceResult{AttachmentId: id, NetworkCardIndex: new(int64(0))}, nil
}

func (c *call) detachNetworkInterface(in *ec2.DetachNetworkInterfaceRequest) (any, error) {
	for n := range c.interfaces.all() {
		if n.Attachment == "" || n.Attachment != in.AttachmentId {
			continue
		}
		if n.DeviceIndex == 0 {
			return nil, fail("OperationNotPermitted", "The network interface at device index 0 cannot be detached.")
		}
		c.instances.update(n.Instance, func(i *instance) {
			i.Interfaces = slices.DeleteFunc(slices.Clone(i.Interfaces), func(id string) bool { return id == n.ID })
		})
		c.interfaces.update(n.ID, func(n *netInterface) { n.Attachment, n.Instance, n.DeviceIndex = "", "", 0 })
		return nil, nil
	}
	return nil, fail("InvalidAttachmentID.NotFound", "The attachment ID '%s' does not exist", in.AttachmentId)
}
