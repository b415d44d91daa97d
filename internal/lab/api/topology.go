package api

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

// networkState is how far the machine layer's network follows the records.
type networkState struct {
	wake chan struct{}
	want uint64 // version of the records
	done uint64 // version that Machines.Network last made, well or not
	err  error  // of that
	wait []chan struct{}
}

// topologyKinds are the tables that the packet path depends on.
func topologyKind(kind string) bool {
	return slices.Contains([]string{"vpc", "subnet", "gateway", "routetable", "nat", "group", "interface", "instance", "balancer", "targetgroup", "listener"}, kind)
}

// noteTopology takes note of changes that the network must follow. The lock is held.
func (s *Server) noteTopology(changed []change) {
	if s.opt.Machines == nil || !slices.ContainsFunc(changed, func(ch change) bool { return topologyKind(ch.table.name()) }) {
		return
	}
	s.network.want++
	select {
	case s.network.wake <- struct{}{}:
	default:
	}
}

// followTopology calls Machines.Network whenever something changed; changes that come meanwhile make one more call.
func (s *Server) followTopology(ctx context.Context) {
	for {
		s.mu.Lock()
		version, behind := s.network.want, s.network.want != s.network.done
		var t Topology
		if behind {
			t = s.topology()
		}
		s.mu.Unlock()
		if !behind {
			select {
			case <-s.network.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		bounded, cancel := boundedContext(ctx, networkBound)
		err := s.opt.Machines.Network(bounded, t)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.log.Error("the lab's network cannot be made", "error", err)
		}
		s.mu.Lock()
		s.network.done, s.network.err = version, err
		for _, w := range s.network.wait {
			close(w)
		}
		s.network.wait = nil
		s.mu.Unlock()
	}
}

// settleNetwork waits until the network is what the records say now, and returns what went wrong with that.
func (s *Server) settleNetwork(ctx context.Context) error {
	s.mu.Lock()
	version := s.network.want
	for s.network.done < version {
		w := make(chan struct{})
		s.network.wait = append(s.network.wait, w)
		s.mu.Unlock()
		select {
		case <-w:
		case <-ctx.Done():
			return ctx.Err()
		}
		s.mu.Lock()
	}
	err := s.network.err
	s.mu.Unlock()
	return err
}

// settleVPC waits until the network of a new VPC is there. A range that cannot be used is the caller's error, and the VPC
// is taken away again.
func (s *Server) settleVPC(ctx context.Context, result any) (any, error) {
	made, ok := result.(*ec2.CreateVpcResult)
	if !ok {
		return result, nil
	}
	bounded, cancel := boundedContext(ctx, networkBound)
	defer cancel()
	cause := s.settleNetwork(bounded)
	if cause == nil {
		return result, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(s.opt.Clock.Now())
	if v := s.vpcs.get(made.Vpc.VpcId); v != nil {
		s.dropVPC(v)
	}
	if err := s.commit(); err != nil {
		return nil, err
	}
	return nil, fail("InvalidVpc.Range", "The CIDR '%s' cannot be used by the lab's network: %s", made.Vpc.CidrBlock, printableReason(cause))
}

// topology is everything the packet path depends on, in a stable order. A default VPC that nothing uses is left out, so
// that its range cannot collide with anything. The lock is held.
func (s *Server) topology() Topology {
	var t Topology
	used := map[string]bool{}
	for n := range s.interfaces.all() {
		used[n.VPC] = true
	}
	for v := range s.vpcs.all() {
		if v.Default && !used[v.ID] {
			continue
		}
		x := VPCTopology{ID: v.ID, CIDR: v.Blocks[0].CIDR}
		for sn := range s.subnets.all() {
			if sn.VPC == v.ID {
				x.Subnets = append(x.Subnets, SubnetTopology{ID: sn.ID, CIDR: sn.CIDR, Gateway: sn.CIDR.Addr().Next(), Internet: s.reachesInternet(sn)})
			}
		}
		t.VPCs = append(t.VPCs, x)
	}
	for i := range s.instances.all() {
		if i.State != statePending && i.State != stateRunning && i.State != stateStopping {
			continue
		}
		for _, id := range i.Interfaces {
			if n := s.interfaces.get(id); n != nil {
				t.Interfaces = append(t.Interfaces, InterfaceTopology{
					ID: n.ID, InstanceID: i.ID, SubnetID: n.Subnet, VPCID: n.VPC, MAC: n.MAC, PrivateIP: n.PrivateIP, PublicIP: n.PublicIP,
					Groups: n.Groups, Cut: i.Cut, SourceDestCheck: !n.NoSourceDestCheck,
				})
			}
		}
	}
	for g := range s.groups.all() {
		t.Groups = append(t.Groups, groupTopology(g))
	}
	for b := range s.balancers.all() {
		t.LoadBalancers = append(t.LoadBalancers, s.balancerTopology(b))
	}
	return t
}

// reachesInternet follows the default route of a subnet.
func (s *Server) reachesInternet(sn *subnet) bool {
	t := s.tableOf(sn.ID, sn.VPC)
	if t == nil {
		return false
	}
	for _, r := range t.Routes {
		if r.Destination == "0.0.0.0/0" {
			return s.routeWorks(r)
		}
	}
	return false
}

func groupTopology(g *group) GroupTopology {
	out := GroupTopology{ID: g.ID, VPCID: g.VPC}
	for _, r := range g.Rules {
		x := RuleTopology{Protocol: r.Protocol, FromPort: r.FromPort, ToPort: r.ToPort, Group: r.Group}
		if r.Protocol == "tcp" || r.Protocol == "udp" || r.Protocol == "icmp" || r.Protocol == "-1" {
			if r.CIDR != "" {
				p, err := netip.ParsePrefix(r.CIDR)
				if err != nil {
					continue
				}
				x.Peer = p
			} else if r.Group == "" {
				continue // IPv6 and prefix lists have no packets in the lab
			}
		} else {
			continue
		}
		if r.Protocol != "tcp" && r.Protocol != "udp" {
			x.FromPort, x.ToPort = 0, 0
		}
		if r.Egress {
			out.Egress = append(out.Egress, x)
		} else {
			out.Ingress = append(out.Ingress, x)
		}
	}
	return out
}

func (s *Server) balancerTopology(b *balancer) LoadBalancerTopology {
	out := LoadBalancerTopology{ARN: b.ARN, Name: b.Name, DNSName: b.DNSName, VPCID: b.VPC}
	for _, z := range b.Zones {
		out.Addresses = append(out.Addresses, z.Addr)
	}
	for l := range s.listeners.all() {
		if l.Balancer != b.ARN {
			continue
		}
		g := s.targets.get(l.Group)
		if g == nil {
			continue
		}
		x := ListenerTopology{
			Port: int(l.Port), TargetGroupARN: g.ARN, HealthInterval: time.Duration(g.Check.Interval) * time.Second,
			Healthy: int(g.Check.Healthy), Unhealthy: int(g.Check.Unhealthy), HealthPort: g.healthPort(), HealthPath: g.Check.Path,
		}
		for _, t := range g.Targets {
			if addr, ok := s.targetAddr(g, t); ok && !t.Draining {
				x.Targets = append(x.Targets, TargetTopology{ID: t.ID, Addr: addr, Port: int(t.Port)})
			}
		}
		out.Listeners = append(out.Listeners, x)
	}
	return out
}
