package lab_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// balancer puts a network load balancer in front of the samples that run on both nodes.
func (s *story) balancer(t *testing.T) {
	ctx, c := t.Context(), s.cloud.elb
	lb := must(c.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{
		Name: new("story"), Type: elbtypes.LoadBalancerTypeEnumNetwork, Subnets: s.site.subnets[:],
	}))(t).LoadBalancers[0]
	group := must(c.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{
		Name: new("story"), Protocol: elbtypes.ProtocolEnumTcp, Port: new(int32(8080)), VpcId: &s.site.vpc,
		HealthCheckProtocol: elbtypes.ProtocolEnumHttp, HealthCheckPath: new("/healthz"),
		HealthCheckIntervalSeconds: new(int32(5)), HealthyThresholdCount: new(int32(2)), UnhealthyThresholdCount: new(int32(2)),
	}))(t).TargetGroups[0].TargetGroupArn
	must(c.CreateListener(ctx, &elb.CreateListenerInput{
		LoadBalancerArn: lb.LoadBalancerArn, Protocol: elbtypes.ProtocolEnumTcp, Port: new(int32(80)),
		DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: group}},
	}))(t)
	must(c.RegisterTargets(ctx, &elb.RegisterTargetsInput{
		TargetGroupArn: group, Targets: []elbtypes.TargetDescription{{Id: &s.near}, {Id: &s.far}},
	}))(t)
	eventually(t, "both targets are healthy", time.Minute, func() bool {
		out := must(c.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: group}))(t)
		for _, h := range out.TargetHealthDescriptions {
			if h.TargetHealth.State != elbtypes.TargetHealthStateEnumHealthy {
				return false
			}
		}
		return len(out.TargetHealthDescriptions) == 2
	})
	addr := *lb.AvailabilityZones[0].LoadBalancerAddresses[0].PrivateIPv4Address
	out, code := s.sh(s.web, "curl -sf --connect-timeout 2 http://"+addr+"/")
	if code != 0 || !strings.Contains(out, "hello from ip-10-77-") {
		t.Errorf("from a machine: %q (%d)", out, code)
	}
	seen := map[string]bool{}
	for range 20 {
		seen[strings.SplitN(get("http://"+addr+"/")+" at ", " at ", 2)[0]] = true
	}
	if len(seen) != 2 {
		t.Errorf("the host is answered %v, want both nodes", slices.Collect(maps.Keys(seen)))
	}
}
