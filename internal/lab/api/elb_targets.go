package api

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api/wire/elbv2"
)

// targetGroup is a target group with its targets.
type targetGroup struct {
	ARN, Name, VPC string
	Protocol       string
	Port           int64
	Type           string // instance or ip
	Check          healthCheck
	Attributes     map[string]string
	Targets        []target
	Tags           tagSet
}

type healthCheck struct {
	Protocol, Port, Path string
	Interval, Timeout    int64 // seconds
	Healthy, Unhealthy   int64
	Codes                string
}

type target struct {
	ID       string
	Port     int64
	Zone     string
	Draining bool
	NextAt   time.Time // healthy from then on, or gone when draining
}

// targetNote is what the machine layer said about a target.
type targetNote struct {
	Healthy bool
	Reason  string
}

func noteKey(arn, id string, port int64) string {
	return arn + " " + id + " " + strconv.FormatInt(port, 10)
}

// SetTargetHealth tells the server how a target answers health checks; only a server with machines is told.
func (s *Server) SetTargetHealth(targetGroupARN, targetID string, port int, healthy bool, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.targetNotes[noteKey(targetGroupARN, targetID, int64(port))] = targetNote{healthy, printableText(reason)}
}

func (g *targetGroup) healthPort() int {
	n, err := strconv.Atoi(g.Check.Port)
	if err != nil { // "traffic-port"
		return 0
	}
	return n
}

// targetAddr gives the address of a target.
func (s *Server) targetAddr(g *targetGroup, t target) (netip.Addr, bool) {
	if g.Type == "ip" {
		a, err := netip.ParseAddr(t.ID)
		return a, err == nil
	}
	i := s.instances.get(t.ID)
	if i == nil || i.State != stateRunning && i.State != statePending {
		return netip.Addr{}, false
	}
	return i.PrivateIP, true
}

func (c *call) findTargetGroup(arn string) (*targetGroup, error) {
	if g := c.targets.get(arn); g != nil {
		return g, nil
	}
	if !strings.Contains(arn, ":targetgroup/") {
		return nil, fail("ValidationError", "'%s' is not a valid target group ARN", printable(arn))
	}
	return nil, fail("TargetGroupNotFound", "One or more target groups not found")
}

func (c *call) createTargetGroup(in *elbv2.CreateTargetGroupInput) (any, error) {
	if err := checkELBName("target group", in.Name); err != nil {
		return nil, err
	}
	if !slices.Contains([]string{"TCP", "UDP", "TCP_UDP", "TLS"}, in.Protocol) {
		return nil, fail("ValidationError", "The lab has target groups of protocol TCP, UDP, TCP_UDP and TLS, not '%s'", printable(in.Protocol))
	}
	if in.Port == nil || *in.Port < 1 || *in.Port > 65535 {
		return nil, fail("ValidationError", "A port between 1 and 65535 must be specified")
	}
	if c.vpcs.seen(in.VpcId) == nil {
		return nil, fail("ValidationError", "The VPC ID '%s' is not found", printable(in.VpcId))
	}
	typ := in.TargetType
	if typ == "" {
		typ = "instance"
	}
	if typ != "instance" && typ != "ip" {
		return nil, fail("ValidationError", "The lab has targets of type instance and ip, not '%s'", printable(typ))
	}
	h := healthCheck{Protocol: "TCP", Port: "traffic-port", Interval: 30, Timeout: 10, Healthy: 5, Unhealthy: 2}
	if in.HealthCheckProtocol != "" {
		h.Protocol = in.HealthCheckProtocol
	}
	if h.Protocol == "HTTP" || h.Protocol == "HTTPS" {
		h.Path, h.Codes, h.Timeout = "/", "200-399", 6
	}
	h, err := h.changed(in.HealthCheckPort, in.HealthCheckPath, in.HealthCheckIntervalSeconds, in.HealthCheckTimeoutSeconds, in.HealthyThresholdCount, in.UnhealthyThresholdCount)
	if err != nil {
		return nil, err
	}
	tags, err := elbTags(in.Tags)
	if err != nil {
		return nil, err
	}
	for g := range c.targets.all() {
		if g.Name == in.Name {
			if g.Protocol == in.Protocol && g.Port == *in.Port && g.VPC == in.VpcId && g.Type == typ && g.Check == h {
				return &elbv2.CreateTargetGroupOutput{TargetGroups: []elbv2.TargetGroup{c.renderTargetGroup(g)}}, nil
			}
			return nil, fail("DuplicateTargetGroupName", "A target group with the same name '%s' exists, but with different settings", in.Name)
		}
	}
	g := &targetGroup{
		ARN: c.arn("elasticloadbalancing", "targetgroup/"+in.Name+"/"+randomHex(c.ids)), Name: in.Name, VPC: in.VpcId, Protocol: in.Protocol,
		Port: *in.Port, Type: typ, Check: h, Tags: tags,
		Attributes: map[string]string{
			"deregistration_delay.timeout_seconds": "300", "deregistration_delay.connection_termination.enabled": "false",
			"stickiness.enabled": "false", "stickiness.type": "source_ip", "preserve_client_ip.enabled": strconv.FormatBool(typ == "instance"),
			"proxy_protocol_v2.enabled": "false", "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
		},
	}
	c.targets.put(g.ARN, g)
	return &elbv2.CreateTargetGroupOutput{TargetGroups: []elbv2.TargetGroup{c.renderTargetGroup(g)}}, nil
}

func (h healthCheck) changed(port, path string, interval, timeout, healthy, unhealthy *int64) (healthCheck, error) {
	if port != "" {
		if n, err := strconv.Atoi(port); port != "traffic-port" && (err != nil || n < 1 || n > 65535) {
			return h, fail("ValidationError", "Health check port must be 'traffic-port' or in the range 1-65535")
		}
		h.Port = port
	}
	if path != "" {
		h.Path = path
	}
	for _, f := range []struct {
		name      string
		to        *int64
		v         *int64
		low, high int64
	}{
		{"interval", &h.Interval, interval, 5, 300}, {"timeout", &h.Timeout, timeout, 2, 120},
		{"healthy threshold count", &h.Healthy, healthy, 2, 10}, {"unhealthy threshold count", &h.Unhealthy, unhealthy, 2, 10},
	} {
		if f.v == nil {
			continue
		}
		if *f.v < f.low || *f.v > f.high {
			return h, fail("ValidationError", "Health check %s '%d' must be between %d and %d", f.name, *f.v, f.low, f.high)
		}
		*f.to = *f.v
	}
	return h, nil
}

func (s *Server) renderTargetGroup(g *targetGroup) elbv2.TargetGroup {
	h := g.Check
	out := elbv2.TargetGroup{
		TargetGroupArn: g.ARN, TargetGroupName: g.Name, Protocol: g.Protocol, Port: new(g.Port), VpcId: g.VPC, TargetType: g.Type, IpAddressType: "ipv4",
		HealthCheckEnabled: new(true), HealthCheckProtocol: h.Protocol, HealthCheckPort: h.Port, HealthCheckPath: h.Path,
		HealthCheckIntervalSeconds: new(h.Interval), HealthCheckTimeoutSeconds: new(h.Timeout), HealthyThresholdCount: new(h.Healthy),
		UnhealthyThresholdCount: new(h.Unhealthy), LoadBalancerArns: []string{},
	}
	if h.Codes != "" {
		out.Matcher = &elbv2.Matcher{HttpCode: h.Codes}
	}
	for l := range s.listeners.all() {
		if l.Group == g.ARN && !slices.Contains(out.LoadBalancerArns, l.Balancer) {
			out.LoadBalancerArns = append(out.LoadBalancerArns, l.Balancer)
		}
	}
	return out
}

func (c *call) describeTargetGroups(in *elbv2.DescribeTargetGroupsInput) (any, error) {
	out := &elbv2.DescribeTargetGroupsOutput{TargetGroups: []elbv2.TargetGroup{}}
	for _, arn := range in.TargetGroupArns {
		if _, err := c.findTargetGroup(arn); err != nil {
			return nil, err
		}
	}
	if in.LoadBalancerArn != "" {
		if _, err := c.findBalancer(in.LoadBalancerArn); err != nil {
			return nil, err
		}
	}
	for g := range c.targets.all() {
		x := c.renderTargetGroup(g)
		named := len(in.Names) == 0 || slices.Contains(in.Names, g.Name)
		given := len(in.TargetGroupArns) == 0 || slices.Contains(in.TargetGroupArns, g.ARN)
		used := in.LoadBalancerArn == "" || slices.Contains(x.LoadBalancerArns, in.LoadBalancerArn)
		if named && given && used {
			out.TargetGroups = append(out.TargetGroups, x)
		}
	}
	if len(out.TargetGroups) < len(in.Names) {
		return nil, fail("TargetGroupNotFound", "One or more target groups not found")
	}
	var err error
	out.TargetGroups, out.NextMarker, err = elbPage(out.TargetGroups, in.PageSize, in.Marker)
	return out, err
}

func (c *call) modifyTargetGroup(in *elbv2.ModifyTargetGroupInput) (any, error) {
	g, err := c.findTargetGroup(in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	h, err := g.Check.changed(in.HealthCheckPort, in.HealthCheckPath, in.HealthCheckIntervalSeconds, in.HealthCheckTimeoutSeconds, in.HealthyThresholdCount, in.UnhealthyThresholdCount)
	if err != nil {
		return nil, err
	}
	if in.HealthCheckProtocol != "" {
		h.Protocol = in.HealthCheckProtocol
	}
	g = c.targets.update(g.ARN, func(g *targetGroup) { g.Check = h })
	return &elbv2.ModifyTargetGroupOutput{TargetGroups: []elbv2.TargetGroup{c.renderTargetGroup(g)}}, nil
}

func groupAttributes(m map[string]string) []elbv2.TargetGroupAttribute {
	out := []elbv2.TargetGroupAttribute{}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, elbv2.TargetGroupAttribute{Key: k, Value: m[k]})
	}
	return out
}

func (c *call) modifyTargetGroupAttributes(in *elbv2.ModifyTargetGroupAttributesInput) (any, error) {
	g, err := c.findTargetGroup(in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	next := maps.Clone(g.Attributes)
	for _, a := range in.Attributes {
		if _, ok := next[a.Key]; !ok {
			return nil, fail("InvalidConfigurationRequest", "Target group attribute key '%s' is not recognized", printable(a.Key))
		}
		if n, err := strconv.Atoi(a.Value); a.Key == "deregistration_delay.timeout_seconds" && (err != nil || n < 0 || n > 3600) {
			return nil, fail("InvalidConfigurationRequest", "'%s' must be between 0 and 3600", a.Key)
		}
		next[a.Key] = a.Value
	}
	c.targets.update(g.ARN, func(g *targetGroup) { g.Attributes = next })
	return &elbv2.ModifyTargetGroupAttributesOutput{Attributes: groupAttributes(next)}, nil
}

func (c *call) describeTargetGroupAttributes(in *elbv2.DescribeTargetGroupAttributesInput) (any, error) {
	g, err := c.findTargetGroup(in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	return &elbv2.DescribeTargetGroupAttributesOutput{Attributes: groupAttributes(g.Attributes)}, nil
}

func (c *call) deleteTargetGroup(in *elbv2.DeleteTargetGroupInput) (any, error) {
	g := c.targets.get(in.TargetGroupArn)
	if g == nil {
		return new(elbv2.DeleteTargetGroupOutput), nil // deleting what is not there succeeds
	}
	if c.listeners.any(func(l *listener) bool { return l.Group == g.ARN }) {
		return nil, fail("ResourceInUse", "Target group '%s' is currently in use by a listener or a rule", g.ARN)
	}
	for _, t := range g.Targets {
		c.forgetTarget(g.ARN, t)
	}
	c.targets.delete(g.ARN)
	return new(elbv2.DeleteTargetGroupOutput), nil
}
