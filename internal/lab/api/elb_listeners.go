package api

import (
	"slices"
	"strings"

	"github.com/clusterform/clusterform/internal/lab/api/wire/elbv2"
)

// listener forwards a port of a load balancer to a target group.
type listener struct {
	ARN, Balancer string
	Protocol      string
	Port          int64
	Group         string // target group
	Tags          tagSet
}

func (c *call) forwardTo(actions []elbv2.Action) (string, error) {
	if len(actions) != 1 || actions[0].Type != "forward" {
		return "", fail("InvalidLoadBalancerAction", "A listener of a network load balancer has exactly one action, of type forward")
	}
	arn := actions[0].TargetGroupArn
	if f := actions[0].ForwardConfig; arn == "" && f != nil && len(f.TargetGroups) == 1 {
		arn = f.TargetGroups[0].TargetGroupArn
	}
	g, err := c.findTargetGroup(arn)
	if err != nil {
		return "", err
	}
	return g.ARN, nil
}

func (c *call) createListener(in *elbv2.CreateListenerInput) (any, error) {
	b, err := c.findBalancer(in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	if in.Port == nil || *in.Port < 1 || *in.Port > 65535 {
		return nil, fail("ValidationError", "A port between 1 and 65535 must be specified")
	}
	if !slices.Contains([]string{"TCP", "UDP", "TCP_UDP", "TLS"}, in.Protocol) {
		return nil, fail("UnsupportedProtocol", "Listeners of network load balancers have protocol TCP, UDP, TCP_UDP or TLS, not '%s'", printable(in.Protocol))
	}
	group, err := c.forwardTo(in.DefaultActions)
	if err != nil {
		return nil, err
	}
	if g := c.targets.get(group); g.VPC != b.VPC {
		return nil, fail("InvalidConfigurationRequest", "The target group %s and the load balancer %s belong to different VPCs", g.Name, b.Name)
	}
	tags, err := elbTags(in.Tags)
	if err != nil {
		return nil, err
	}
	for l := range c.listeners.all() {
		if l.Balancer == b.ARN && l.Port == *in.Port {
			if l.Protocol == in.Protocol && l.Group == group {
				return &elbv2.CreateListenerOutput{Listeners: []elbv2.Listener{renderListener(l)}}, nil
			}
			return nil, fail("DuplicateListener", "A listener already exists on this port for this load balancer '%s'", b.ARN)
		}
	}
	l := &listener{
		ARN:      strings.Replace(b.ARN, ":loadbalancer/", ":listener/", 1) + "/" + randomHex(c.ids),
		Balancer: b.ARN, Protocol: in.Protocol, Port: *in.Port, Group: group, Tags: tags,
	}
	c.listeners.put(l.ARN, l)
	return &elbv2.CreateListenerOutput{Listeners: []elbv2.Listener{renderListener(l)}}, nil
}

func renderListener(l *listener) elbv2.Listener {
	return elbv2.Listener{
		ListenerArn: l.ARN, LoadBalancerArn: l.Balancer, Port: new(l.Port), Protocol: l.Protocol,
		DefaultActions: []elbv2.Action{{
			Type: "forward", TargetGroupArn: l.Group, Order: new(int64(1)),
			ForwardConfig: &elbv2.ForwardActionConfig{TargetGroups: []elbv2.TargetGroupTuple{{TargetGroupArn: l.Group}}},
		}},
	}
}

func (c *call) findListener(arn string) (*listener, error) {
	if l := c.listeners.get(arn); l != nil {
		return l, nil
	}
	if !strings.Contains(arn, ":listener/") {
		return nil, fail("ValidationError", "'%s' is not a valid listener ARN", printable(arn))
	}
	return nil, fail("ListenerNotFound", "One or more listeners not found")
}

func (c *call) describeListeners(in *elbv2.DescribeListenersInput) (any, error) {
	out := &elbv2.DescribeListenersOutput{Listeners: []elbv2.Listener{}}
	switch {
	case len(in.ListenerArns) > 0:
		for _, arn := range in.ListenerArns {
			l, err := c.findListener(arn)
			if err != nil {
				return nil, err
			}
			out.Listeners = append(out.Listeners, renderListener(l))
		}
		return out, nil
	case in.LoadBalancerArn == "":
		return nil, fail("ValidationError", "You must specify either listener ARNs or a load balancer ARN")
	}
	b, err := c.findBalancer(in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	for l := range c.listeners.all() {
		if l.Balancer == b.ARN {
			out.Listeners = append(out.Listeners, renderListener(l))
		}
	}
	out.Listeners, out.NextMarker, err = elbPage(out.Listeners, in.PageSize, in.Marker)
	return out, err
}

func (c *call) modifyListener(in *elbv2.ModifyListenerInput) (any, error) {
	l, err := c.findListener(in.ListenerArn)
	if err != nil {
		return nil, err
	}
	group := l.Group
	if len(in.DefaultActions) > 0 {
		if group, err = c.forwardTo(in.DefaultActions); err != nil {
			return nil, err
		}
	}
	port := value(in.Port, l.Port)
	if c.listeners.any(func(o *listener) bool { return o.ARN != l.ARN && o.Balancer == l.Balancer && o.Port == port }) {
		return nil, fail("DuplicateListener", "A listener already exists on this port for this load balancer '%s'", l.Balancer)
	}
	l = c.listeners.update(l.ARN, func(l *listener) {
		l.Group, l.Port = group, port
		if in.Protocol != "" {
			l.Protocol = in.Protocol
		}
	})
	return &elbv2.ModifyListenerOutput{Listeners: []elbv2.Listener{renderListener(l)}}, nil
}

func (c *call) deleteListener(in *elbv2.DeleteListenerInput) (any, error) {
	l, err := c.findListener(in.ListenerArn)
	if err != nil {
		return nil, err
	}
	c.listeners.delete(l.ARN)
	return new(elbv2.DeleteListenerOutput), nil
}

func (c *call) describeListenerAttributes(in *elbv2.DescribeListenerAttributesInput) (any, error) {
	if _, err := c.findListener(in.ListenerArn); err != nil {
		return nil, err
	}
	return &elbv2.DescribeListenerAttributesOutput{Attributes: []elbv2.ListenerAttribute{{Key: "tcp.idle_timeout.seconds", Value: "350"}}}, nil
}

// retag changes the tags of anything ELBv2 has; f nil only looks.
func (c *call) retag(arn string, f func(tagSet) tagSet) (tagSet, error) {
	same := func(t tagSet) tagSet { return t }
	if f == nil {
		f = same
	}
	switch {
	case strings.Contains(arn, ":loadbalancer/"):
		b, err := c.findBalancer(arn)
		if err != nil {
			return nil, err
		}
		return c.balancers.update(b.ARN, func(b *balancer) { b.Tags = f(b.Tags) }).Tags, nil
	case strings.Contains(arn, ":targetgroup/"):
		g, err := c.findTargetGroup(arn)
		if err != nil {
			return nil, err
		}
		return c.targets.update(g.ARN, func(g *targetGroup) { g.Tags = f(g.Tags) }).Tags, nil
	case strings.Contains(arn, ":listener/"):
		l, err := c.findListener(arn)
		if err != nil {
			return nil, err
		}
		return c.listeners.update(l.ARN, func(l *listener) { l.Tags = f(l.Tags) }).Tags, nil
	}
	return nil, fail("ValidationError", "'%s' is not a valid load balancer ARN", printable(arn))
}

func (c *call) elbAddTags(in *elbv2.AddTagsInput) (any, error) {
	add, err := elbTags(in.Tags)
	if err != nil {
		return nil, err
	}
	for _, arn := range in.ResourceArns {
		if _, err := c.retag(arn, func(t tagSet) tagSet { return t.with(add) }); err != nil {
			return nil, err
		}
	}
	return new(elbv2.AddTagsOutput), nil
}

func (c *call) elbRemoveTags(in *elbv2.RemoveTagsInput) (any, error) {
	for _, arn := range in.ResourceArns {
		if _, err := c.retag(arn, func(t tagSet) tagSet { return t.without(in.TagKeys, make([]*string, len(in.TagKeys))) }); err != nil {
			return nil, err
		}
	}
	return new(elbv2.RemoveTagsOutput), nil
}

func (c *call) elbDescribeTags(in *elbv2.DescribeTagsInput) (any, error) {
	if len(in.ResourceArns) > 20 {
		return nil, fail("ValidationError", "Cannot have more than 20 resources described")
	}
	out := &elbv2.DescribeTagsOutput{TagDescriptions: []elbv2.TagDescription{}}
	for _, arn := range in.ResourceArns {
		tags, err := c.retag(arn, nil)
		if err != nil {
			return nil, err
		}
		d := elbv2.TagDescription{ResourceArn: arn, Tags: []elbv2.Tag{}}
		for _, t := range tags {
			d.Tags = append(d.Tags, elbv2.Tag(t))
		}
		out.TagDescriptions = append(out.TagDescriptions, d)
	}
	return out, nil
}
