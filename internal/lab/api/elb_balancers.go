package api

import (
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api/wire/elbv2"
)

// balancer is a network load balancer.
type balancer struct {
	ARN, Name, VPC string
	Scheme         string
	DNSName        string
	State          string // provisioning, active, gone (its interfaces linger)
	Zones          []balancerZone
	Groups         []string
	Created        time.Time
	NextAt         time.Time
	Attributes     map[string]string
	Tags           tagSet
}

type balancerZone struct {
	Zone, Subnet, Interface string
	Addr                    netip.Addr
	EIP                     string
}

func elbActions() map[string]handler {
	return map[string]handler{
		"CreateLoadBalancer": on((*call).createLoadBalancer), "DescribeLoadBalancers": on((*call).describeLoadBalancers),
		"DeleteLoadBalancer": on((*call).deleteLoadBalancer), "ModifyLoadBalancerAttributes": on((*call).modifyLoadBalancerAttributes),
		"DescribeLoadBalancerAttributes": on((*call).describeLoadBalancerAttributes), "SetSubnets": on((*call).setSubnets),
		"SetSecurityGroups": on((*call).setSecurityGroups),
		"CreateTargetGroup": on((*call).createTargetGroup), "DescribeTargetGroups": on((*call).describeTargetGroups),
		"ModifyTargetGroup": on((*call).modifyTargetGroup), "ModifyTargetGroupAttributes": on((*call).modifyTargetGroupAttributes),
		"DescribeTargetGroupAttributes": on((*call).describeTargetGroupAttributes), "DeleteTargetGroup": on((*call).deleteTargetGroup),
		"CreateListener": on((*call).createListener), "DescribeListeners": on((*call).describeListeners), "ModifyListener": on((*call).modifyListener),
		"DeleteListener": on((*call).deleteListener), "DescribeListenerAttributes": on((*call).describeListenerAttributes),
		"RegisterTargets": on((*call).registerTargets), "DeregisterTargets": on((*call).deregisterTargets),
		"DescribeTargetHealth": on((*call).describeTargetHealth),
		"AddTags":              on((*call).elbAddTags), "RemoveTags": on((*call).elbRemoveTags), "DescribeTags": on((*call).elbDescribeTags),
	}
}

var elbName = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]{0,30}[a-zA-Z0-9])?$`)

func checkELBName(what, name string) error {
	if !elbName.MatchString(name) || strings.HasPrefix(name, "internal-") {
		return fail("ValidationError", "The %s name '%s' is invalid: it may have at most 32 letters, digits and hyphens, no hyphen at its ends, and not begin with internal-", what, printable(name))
	}
	return nil
}

func elbTags(in []elbv2.Tag) (tagSet, error) {
	var out tagSet
	for _, t := range in {
		if _, twice := out.get(t.Key); twice {
			return nil, fail("DuplicateTagKeys", "Tag keys must be unique, '%s' is not", t.Key)
		}
		out = out.with([]tag{{t.Key, t.Value}})
	}
	if len(out) > maxTags {
		return nil, fail("TooManyTags", "The quota for the number of tags that can be assigned to a load balancer has been reached")
	}
	return out, nil
}

func (c *call) createLoadBalancer(in *elbv2.CreateLoadBalancerInput) (any, error) {
	if err := checkELBName("load balancer", in.Name); err != nil {
		return nil, err
	}
	if in.Type != "network" {
		return nil, fail("ValidationError", "The lab has load balancers of type network, not '%s'", printable(in.Type))
	}
	scheme := in.Scheme
	if scheme == "" {
		scheme = "internet-facing"
	}
	maps := in.SubnetMappings
	for _, id := range in.Subnets {
		maps = append(maps, elbv2.SubnetMapping{SubnetId: id})
	}
	subnets, vpc, err := c.balancerSubnets(maps)
	if err != nil {
		return nil, err
	}
	for b := range c.balancers.all() {
		if b.Name == in.Name && b.State != "gone" {
			if b.Scheme == scheme && b.in(subnets) {
				return &elbv2.CreateLoadBalancerOutput{LoadBalancers: []elbv2.LoadBalancer{c.renderBalancer(b)}}, nil
			}
			return nil, fail("DuplicateLoadBalancerName", "A load balancer with the same name '%s' exists, but with different settings", in.Name)
		}
	}
	groups, err := c.elbGroups(in.SecurityGroups, vpc)
	if err != nil {
		return nil, err
	}
	tags, err := elbTags(in.Tags)
	if err != nil {
		return nil, err
	}
	id := randomHex(c.ids)
	b := &balancer{
		Name: in.Name, VPC: vpc, Scheme: scheme, State: "provisioning", Groups: groups, Created: c.db.now, Tags: tags,
		ARN:        c.arn("elasticloadbalancing", "loadbalancer/net/"+in.Name+"/"+id),
		DNSName:    in.Name + "-" + id + ".elb." + c.opt.Region + ".amazonaws.com",
		NextAt:     c.db.now.Add(c.bootTime()),
		Attributes: map[string]string{"deletion_protection.enabled": "false", "load_balancing.cross_zone.enabled": "false", "access_logs.s3.enabled": "false", "access_logs.s3.bucket": "", "access_logs.s3.prefix": "", "ipv6.deny_all_igw_traffic": "false", "dns_record.client_routing_policy": "any_availability_zone"},
	}
	for i, sn := range subnets {
		z, err := c.balancerZone(b, sn, maps[i])
		if err != nil {
			for _, made := range b.Zones {
				c.dropInterface(made.Interface)
			}
			return nil, err
		}
		b.Zones = append(b.Zones, z)
	}
	c.balancers.put(b.ARN, b)
	c.schedule(b.NextAt, "balancer", b.ARN)
	return &elbv2.CreateLoadBalancerOutput{LoadBalancers: []elbv2.LoadBalancer{c.renderBalancer(b)}}, nil
}

func (b *balancer) in(subnets []*subnet) bool {
	return len(subnets) == len(b.Zones) && !slices.ContainsFunc(subnets, func(sn *subnet) bool {
		return !slices.ContainsFunc(b.Zones, func(z balancerZone) bool { return z.Subnet == sn.ID })
	})
}

// balancerSubnets checks the subnets of a load balancer: of one VPC, one in each zone.
func (c *call) balancerSubnets(in []elbv2.SubnetMapping) ([]*subnet, string, error) {
	if len(in) == 0 {
		return nil, "", fail("ValidationError", "At least one subnet must be specified")
	}
	var out []*subnet
	for _, m := range in {
		sn := c.subnets.seen(m.SubnetId)
		if sn == nil {
			return nil, "", fail("SubnetNotFound", "The subnet ID '%s' does not exist", printable(m.SubnetId))
		}
		for _, o := range out {
			if o.VPC != sn.VPC {
				return nil, "", fail("InvalidSubnet", "The subnets '%s' and '%s' belong to different VPCs", o.ID, sn.ID)
			}
			if o.Zone == sn.Zone {
				return nil, "", fail("InvalidConfigurationRequest", "A load balancer cannot be attached to multiple subnets in the same Availability Zone")
			}
		}
		out = append(out, sn)
	}
	return out, out[0].VPC, nil
}

func (c *call) elbGroups(ids []string, vpc string) ([]string, error) {
	groups, err := c.groupIDs(ids, vpc)
	if err != nil {
		return nil, fail("InvalidSecurityGroup", "One or more security groups are invalid: %s", strings.Join(ids, ", "))
	}
	return groups, nil
}

// balancerZone gives a load balancer an address in a subnet.
func (c *call) balancerZone(b *balancer, sn *subnet, m elbv2.SubnetMapping) (balancerZone, error) {
	z := balancerZone{Zone: sn.Zone, Subnet: sn.ID, EIP: m.AllocationId}
	n, err := c.makeInterface(sn, netInterface{
		Description: "ELB " + b.ARN[strings.Index(b.ARN, "net/"):], Type: "network_load_balancer", Requester: "amazon-elb", Groups: b.Groups,
	}, m.PrivateIPv4Address)
	if err != nil {
		if pool := c.pool(sn.ID); m.PrivateIPv4Address == "" && pool.free() <= 0 {
			return z, fail("InvalidSubnet", "Not enough IP space available in %s. ELB requires at least 1 free IP address in each subnet.", sn.ID)
		}
		return z, fail("InvalidConfigurationRequest", "The private IPv4 address %s cannot be used in %s", printable(m.PrivateIPv4Address), sn.ID)
	}
	z.Interface, z.Addr = n.ID, n.PrivateIP
	if m.AllocationId != "" {
		a := c.eips.seen(m.AllocationId)
		if a == nil || a.Interface != "" {
			c.dropInterface(n.ID)
			return z, fail("AllocationIdNotFound", "The allocation ID '%s' does not exist or is in use", printable(m.AllocationId))
		}
		assoc := c.newID("eipassoc")
		c.eips.update(a.ID, func(a *address) { a.Interface, a.Assoc, a.Owner = n.ID, assoc, "elb" })
		c.interfaces.update(n.ID, func(n *netInterface) { n.PublicIP, n.EIP = a.IP, a.ID })
	}
	return z, nil
}

func (s *Server) balancerDue(arn string) {
	b := s.balancers.get(arn)
	if b == nil || b.NextAt.IsZero() || s.db.now.Before(b.NextAt) {
		return
	}
	switch b.State {
	case "provisioning":
		s.balancers.update(arn, func(b *balancer) { b.State, b.NextAt = "active", time.Time{} })
	case "gone":
		for _, z := range b.Zones {
			s.dropInterface(z.Interface)
		}
		s.balancers.delete(arn)
	}
}

func (s *Server) renderBalancer(b *balancer) elbv2.LoadBalancer {
	out := elbv2.LoadBalancer{
		LoadBalancerArn: b.ARN, LoadBalancerName: b.Name, DNSName: b.DNSName, CanonicalHostedZoneId: "ZLABNLB000000", Scheme: b.Scheme, VpcId: b.VPC,
		Type: "network", IpAddressType: "ipv4", CreatedTime: new(b.Created), State: &elbv2.LoadBalancerState{Code: b.State}, SecurityGroups: b.Groups,
	}
	for _, z := range b.Zones {
		addr := elbv2.LoadBalancerAddress{PrivateIPv4Address: z.Addr.String(), AllocationId: z.EIP}
		if a := s.eips.get(z.EIP); a != nil {
			addr.IpAddress = a.IP.String()
		} else if at := s.reach(b.VPC, z.Addr); at.IsValid() {
			addr.IpAddress = at.String()
		}
		out.AvailabilityZones = append(out.AvailabilityZones, elbv2.AvailabilityZone{ZoneName: z.Zone, SubnetId: z.Subnet, LoadBalancerAddresses: []elbv2.LoadBalancerAddress{addr}})
	}
	return out
}

// reach is the address under which a client on the host reaches an address of a VPC; the zero address when nobody can.
func (s *Server) reach(vpc string, addr netip.Addr) netip.Addr {
	m, ok := s.opt.Machines.(Reacher)
	if !ok {
		return netip.Addr{}
	}
	at, _ := m.Reach(vpc, addr)
	return at
}

func (c *call) findBalancer(arn string) (*balancer, error) {
	if b := c.balancers.get(arn); b != nil && b.State != "gone" {
		return b, nil
	}
	if !strings.Contains(arn, ":loadbalancer/") {
		return nil, fail("ValidationError", "'%s' is not a valid load balancer ARN", printable(arn))
	}
	return nil, fail("LoadBalancerNotFound", "One or more load balancers not found")
}

func (c *call) describeLoadBalancers(in *elbv2.DescribeLoadBalancersInput) (any, error) {
	out := &elbv2.DescribeLoadBalancersOutput{LoadBalancers: []elbv2.LoadBalancer{}}
	for _, arn := range in.LoadBalancerArns {
		b, err := c.findBalancer(arn)
		if err != nil {
			return nil, err
		}
		out.LoadBalancers = append(out.LoadBalancers, c.renderBalancer(b))
	}
	if len(in.LoadBalancerArns) > 0 {
		return out, nil
	}
	for b := range c.balancers.all() {
		if b.State != "gone" && (len(in.Names) == 0 || slices.Contains(in.Names, b.Name)) {
			out.LoadBalancers = append(out.LoadBalancers, c.renderBalancer(b))
		}
	}
	if len(out.LoadBalancers) < len(in.Names) {
		return nil, fail("LoadBalancerNotFound", "Load balancers '[%s]' not found", printable(strings.Join(in.Names, ", ")))
	}
	var err error
	out.LoadBalancers, out.NextMarker, err = elbPage(out.LoadBalancers, in.PageSize, in.Marker)
	return out, err
}

func elbPage[T any](rows []T, size *int64, marker string) ([]T, string, error) {
	n := value(size, 400)
	if n < 1 || n > 400 {
		return nil, "", fail("ValidationError", "1 validation error detected: Value '%d' at 'pageSize' failed to satisfy constraint: Member must have value between 1 and 400", n)
	}
	rows, _, next, err := iamPage(rows, new(n), marker)
	return rows, next, err
}

func (c *call) deleteLoadBalancer(in *elbv2.DeleteLoadBalancerInput) (any, error) {
	b, err := c.findBalancer(in.LoadBalancerArn)
	if err != nil {
		if asAPIError(err, "elasticloadbalancing").Code == "LoadBalancerNotFound" {
			return new(elbv2.DeleteLoadBalancerOutput), nil // deleting what is not there succeeds
		}
		return nil, err
	}
	if b.Attributes["deletion_protection.enabled"] == "true" {
		return nil, fail("OperationNotPermitted", "Load balancer '%s' cannot be deleted because deletion protection is enabled", b.ARN)
	}
	for l := range c.listeners.all() {
		if l.Balancer == b.ARN {
			c.listeners.delete(l.ARN)
		}
	}
	for _, z := range b.Zones {
		if z.EIP != "" {
			c.detachAddress(z.EIP)
		}
	}
	at := c.db.now.Add(c.shutdownTime())
	c.balancers.update(b.ARN, func(b *balancer) { b.State, b.NextAt = "gone", at })
	c.schedule(at, "balancer", b.ARN)
	return new(elbv2.DeleteLoadBalancerOutput), nil
}

func (c *call) modifyLoadBalancerAttributes(in *elbv2.ModifyLoadBalancerAttributesInput) (any, error) {
	b, err := c.findBalancer(in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	next := maps.Clone(b.Attributes)
	for _, a := range in.Attributes {
		if _, ok := next[a.Key]; !ok {
			return nil, fail("InvalidConfigurationRequest", "Load balancer attribute key '%s' is not recognized", printable(a.Key))
		}
		next[a.Key] = a.Value
	}
	c.balancers.update(b.ARN, func(b *balancer) { b.Attributes = next })
	return &elbv2.ModifyLoadBalancerAttributesOutput{Attributes: balancerAttributes(next)}, nil
}

func balancerAttributes(m map[string]string) []elbv2.LoadBalancerAttribute {
	out := []elbv2.LoadBalancerAttribute{}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, elbv2.LoadBalancerAttribute{Key: k, Value: m[k]})
	}
	return out
}

func (c *call) describeLoadBalancerAttributes(in *elbv2.DescribeLoadBalancerAttributesInput) (any, error) {
	b, err := c.findBalancer(in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	return &elbv2.DescribeLoadBalancerAttributesOutput{Attributes: balancerAttributes(b.Attributes)}, nil
}

func (c *call) setSubnets(in *elbv2.SetSubnetsInput) (any, error) {
	b, err := c.findBalancer(in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	want := in.SubnetMappings
	for _, id := range in.Subnets {
		want = append(want, elbv2.SubnetMapping{SubnetId: id})
	}
	subnets, vpc, err := c.balancerSubnets(want)
	if err != nil {
		return nil, err
	}
	if vpc != b.VPC {
		return nil, fail("InvalidSubnet", "The subnets belong to another VPC than the load balancer")
	}
	var zones []balancerZone
	for i, sn := range subnets {
		k := slices.IndexFunc(b.Zones, func(z balancerZone) bool { return z.Subnet == sn.ID })
		if k >= 0 {
			zones = append(zones, b.Zones[k])
			continue
		}
		z, err := c.balancerZone(b, sn, want[i])
		if err != nil {
			return nil, err
		}
		zones = append(zones, z)
	}
	for _, old := range b.Zones {
		if !slices.ContainsFunc(zones, func(z balancerZone) bool { return z.Subnet == old.Subnet }) {
			c.dropInterface(old.Interface)
		}
	}
	b = c.balancers.update(b.ARN, func(b *balancer) { b.Zones = zones })
	return &elbv2.SetSubnetsOutput{AvailabilityZones: c.renderBalancer(b).AvailabilityZones, IpAddressType: "ipv4"}, nil
}

func (c *call) setSecurityGroups(in *elbv2.SetSecurityGroupsInput) (any, error) {
	b, err := c.findBalancer(in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	if len(b.Groups) == 0 {
		return nil, fail("InvalidConfigurationRequest", "You cannot associate security groups with a Network Load Balancer that was created without any")
	}
	groups, err := c.elbGroups(in.SecurityGroups, b.VPC)
	if err != nil {
		return nil, err
	}
	c.balancers.update(b.ARN, func(b *balancer) { b.Groups = groups })
	for _, z := range b.Zones {
		c.interfaces.update(z.Interface, func(n *netInterface) { n.Groups = groups })
	}
	return &elbv2.SetSecurityGroupsOutput{SecurityGroupIds: groups}, nil
}
