package api

import (
	"strings"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

// rate is a token bucket's size and refill per second.
type rate struct{ burst, perSecond float64 }

// bucket is a token bucket of one action.
type bucket struct {
	tokens float64
	at     time.Time
}

// Published buckets of EC2 (API throttling page), by action; the rest by class.
func requestRate(action string) rate {
	switch action {
	case "RunInstances", "StartInstances":
		return rate{5, 2}
	case "TerminateInstances", "CreateLaunchTemplateVersion", "CreateVolume", "CreateNetworkInterface",
		"AssociateIamInstanceProfile", "ModifyInstanceMetadataOptions":
		return rate{100, 5}
	case "CreateTags", "DeleteTags":
		return rate{100, 10}
	case "CreateNatGateway", "DeleteNatGateway":
		return rate{10, 1}
	}
	if strings.HasPrefix(action, "Describe") || strings.HasPrefix(action, "Get") {
		return rate{100, 20}
	}
	return rate{50, 5}
}

// otherRate is what the lab takes for services whose buckets AWS does not publish as a table.
func otherRate(service, action string) rate {
	read := strings.HasPrefix(action, "Describe") || strings.HasPrefix(action, "Get") || strings.HasPrefix(action, "List")
	switch {
	case service == "ssm" && read:
		return rate{40, 40}
	case service == "ssm":
		return rate{10, 10}
	case service == "sts":
		return rate{600, 600}
	case read:
		return rate{40, 20}
	}
	return rate{20, 10}
}

// throttle takes tokens for a call or refuses it. The lock is held.
func (s *Server) throttle(service, action string, in any) error {
	if s.faults.Throttle == 0 {
		return nil
	}
	if service != "ec2" {
		if s.take(service+"."+action, otherRate(service, action), 1) {
			return nil
		}
		if service == "ssm" {
			return fail("ThrottlingException", "Rate exceeded")
		}
		return fail("Throttling", "Rate exceeded")
	}
	r := requestRate(action)
	if wholesale(in) {
		r = rate{50, 10}
	}
	ok := s.take("ec2."+action, r, 1)
	if ok {
		ok = s.takeResources(in)
	}
	if !ok {
		return fail("RequestLimitExceeded", "Request limit exceeded.")
	}
	return nil
}

// takeResources takes tokens of the buckets that count instances instead of calls.
func (s *Server) takeResources(in any) bool {
	switch in := in.(type) {
	case *ec2.RunInstancesRequest:
		return s.take("resource.RunInstances", rate{1000, 2}, float64(value(in.MaxCount, 1)))
	case *ec2.StartInstancesRequest:
		return s.take("resource.StartInstances", rate{1000, 2}, float64(len(in.InstanceIds)))
	case *ec2.TerminateInstancesRequest:
		return s.take("resource.TerminateInstances", rate{1000, 20}, float64(len(in.InstanceIds)))
	case *ec2.StopInstancesRequest:
		return s.take("resource.StopInstances", rate{1000, 20}, float64(len(in.InstanceIds)))
	}
	return true
}

// wholesale reports a describe without filters, identifiers and pages, for the actions that have a smaller bucket then.
func wholesale(in any) bool {
	switch in := in.(type) {
	case *ec2.DescribeInstancesRequest:
		return len(in.Filters)+len(in.InstanceIds) == 0 && in.MaxResults == nil
	case *ec2.DescribeInstanceStatusRequest:
		return len(in.Filters)+len(in.InstanceIds) == 0 && in.MaxResults == nil
	case *ec2.DescribeNetworkInterfacesRequest:
		return len(in.Filters)+len(in.NetworkInterfaceIds) == 0 && in.MaxResults == nil
	case *ec2.DescribeSecurityGroupsRequest:
		return len(in.Filters)+len(in.GroupIds) == 0 && in.MaxResults == nil
	case *ec2.DescribeSpotInstanceRequestsRequest:
		return len(in.Filters)+len(in.SpotInstanceRequestIds) == 0 && in.MaxResults == nil
	case *ec2.DescribeVolumesRequest:
		return len(in.Filters)+len(in.VolumeIds) == 0 && in.MaxResults == nil
	}
	return false
}

func (s *Server) take(name string, r rate, n float64) bool {
	b := s.buckets[name]
	if b == nil {
		b = &bucket{tokens: r.burst, at: s.db.now}
		s.buckets[name] = b
	}
	if d := s.db.now.Sub(b.at); d > 0 {
		b.tokens = min(r.burst, b.tokens+d.Seconds()*r.perSecond*s.faults.Throttle)
		b.at = s.db.now
	}
	if b.tokens < n {
		return false
	}
	b.tokens -= n
	return true
}

// value gives what p points to, or a default.
func value[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
