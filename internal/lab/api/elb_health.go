package api

import (
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api/wire/elbv2"
)

func (c *call) registerTargets(in *elbv2.RegisterTargetsInput) (any, error) {
	g, err := c.findTargetGroup(in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	next := slices.Clone(g.Targets)
	have := make(map[string]int, len(next))
	for i, t := range next {
		have[noteKey("", t.ID, t.Port)] = i
	}
	for _, d := range in.Targets {
		t := target{ID: d.Id, Port: value(d.Port, g.Port), Zone: d.AvailabilityZone, NextAt: c.db.now.Add(c.bootTime())}
		if err := c.checkTarget(g, t); err != nil {
			return nil, err
		}
		key := noteKey("", t.ID, t.Port)
		if i, ok := have[key]; ok {
			if next[i].Draining {
				next[i] = t
			}
			continue
		}
		have[key] = len(next)
		next = append(next, t)
		c.targeted[t.ID]++
	}
	c.targets.update(g.ARN, func(g *targetGroup) { g.Targets = next })
	return new(elbv2.RegisterTargetsOutput), nil
}

func (c *call) checkTarget(g *targetGroup, t target) error {
	if g.Type == "ip" {
		a, err := netip.ParseAddr(t.ID)
		if err != nil {
			return fail("ValidationError", "The IP address '%s' is not a valid IPv4 address", printable(t.ID))
		}
		v := c.vpcs.get(g.VPC)
		if v == nil || !v.contains(netip.PrefixFrom(a, 32)) && t.Zone != "all" {
			return fail("ValidationError", "The IP address '%s' is not within a range of the VPC; outside of it the zone must be 'all'", t.ID)
		}
		return nil
	}
	i := c.instances.seen(t.ID)
	switch {
	case i == nil:
		return fail("InvalidTarget", "The following targets are not valid instances: '%s'", printable(t.ID))
	case i.State != stateRunning && i.State != statePending:
		return fail("InvalidTarget", "The following targets are not in a running state and cannot be registered: '%s'", t.ID)
	case i.VPC != g.VPC:
		return fail("InvalidTarget", "The following targets are not in the target group VPC '%s': '%s'", g.VPC, t.ID)
	}
	return nil
}

func (c *call) deregisterTargets(in *elbv2.DeregisterTargetsInput) (any, error) {
	g, err := c.findTargetGroup(in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	secs, err := strconv.Atoi(g.Attributes["deregistration_delay.timeout_seconds"])
	if err != nil {
		return nil, err
	}
	at := c.db.now.Add(time.Duration(secs) * time.Second)
	next := slices.Clone(g.Targets)
	for _, d := range in.Targets {
		found := false
		for i := range next {
			if next[i].ID == d.Id && (d.Port == nil || *d.Port == next[i].Port) {
				found = true
				if !next[i].Draining {
					next[i].Draining, next[i].NextAt = true, at
				}
			}
		}
		if !found && g.Type == "instance" && c.instances.get(d.Id) == nil {
			return nil, fail("InvalidTarget", "The following targets are not registered: '%s'", printable(d.Id))
		}
	}
	c.targets.update(g.ARN, func(g *targetGroup) { g.Targets = next })
	c.schedule(at, "target", g.ARN)
	return new(elbv2.DeregisterTargetsOutput), nil
}

// targetDue drops targets whose draining is over.
func (s *Server) targetDue(arn string) {
	g := s.targets.get(arn)
	if g == nil {
		return
	}
	s.dropTargets(g, func(t target) bool { return t.Draining && !s.db.now.Before(t.NextAt) })
}

func (s *Server) dropTargets(g *targetGroup, gone func(target) bool) {
	var keep []target
	for _, t := range g.Targets {
		if gone(t) {
			s.forgetTarget(g.ARN, t)
		} else {
			keep = append(keep, t)
		}
	}
	if len(keep) != len(g.Targets) {
		s.targets.update(g.ARN, func(g *targetGroup) { g.Targets = keep })
	}
}

func (s *Server) forgetTarget(arn string, t target) {
	delete(s.targetNotes, noteKey(arn, t.ID, t.Port))
	if s.targeted[t.ID]--; s.targeted[t.ID] <= 0 {
		delete(s.targeted, t.ID)
	}
}

// targetsFollow takes a terminated instance out of its target groups, as ELB does.
func (s *Server) targetsFollow(instance string) {
	if s.targeted[instance] == 0 {
		return
	}
	if i := s.instances.get(instance); i != nil && i.live() {
		return // health is computed when it is asked for
	}
	for g := range s.targets.all() {
		s.dropTargets(g, func(t target) bool { return t.ID == instance })
	}
}

// health gives the state of a target, and the reason when it is not healthy.
func (s *Server) health(g *targetGroup, t target, inUse bool) *elbv2.TargetHealth {
	h := func(state, reason, text string) *elbv2.TargetHealth {
		return &elbv2.TargetHealth{State: state, Reason: reason, Description: text}
	}
	switch {
	case t.Draining:
		return h("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
	case !inUse:
		return h("unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer")
	}
	var i *instance
	if g.Type == "instance" {
		if i = s.instances.get(t.ID); i == nil || i.State != stateRunning && i.State != statePending {
			return h("unused", "Target.InvalidState", "Target is in the stopped state")
		}
	}
	if s.opt.Machines != nil {
		note, told := s.targetNotes[noteKey(g.ARN, t.ID, t.Port)]
		switch {
		case !told:
			return h("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
		case !note.Healthy:
			return h("unhealthy", "Target.FailedHealthChecks", note.Reason)
		}
		return h("healthy", "", "")
	}
	switch {
	case i != nil && (!i.Impaired.IsZero() || i.Cut):
		return h("unhealthy", "Target.FailedHealthChecks", "Health checks failed")
	case i != nil && i.State == statePending || s.db.now.Before(t.NextAt):
		return h("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
	}
	return h("healthy", "", "")
}

func (c *call) describeTargetHealth(in *elbv2.DescribeTargetHealthInput) (any, error) {
	g, err := c.findTargetGroup(in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	inUse := c.listeners.any(func(l *listener) bool { return l.Group == g.ARN })
	port := g.Check.Port
	out := &elbv2.DescribeTargetHealthOutput{TargetHealthDescriptions: []elbv2.TargetHealthDescription{}}
	add := func(t target, h *elbv2.TargetHealth) {
		p := port
		if p == "traffic-port" {
			p = strconv.FormatInt(t.Port, 10)
		}
		out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, elbv2.TargetHealthDescription{
			Target: &elbv2.TargetDescription{Id: t.ID, Port: new(t.Port), AvailabilityZone: t.Zone}, HealthCheckPort: p, TargetHealth: h,
		})
	}
	if len(in.Targets) == 0 {
		for _, t := range g.Targets {
			add(t, c.health(g, t, inUse))
		}
		return out, nil
	}
	for _, d := range in.Targets {
		i := slices.IndexFunc(g.Targets, func(t target) bool { return t.ID == d.Id && (d.Port == nil || *d.Port == t.Port) })
		if i < 0 {
			if g.Type == "instance" && c.instances.get(d.Id) == nil {
				return nil, fail("InvalidTarget", "The following targets are not valid instances: '%s'", printable(d.Id))
			}
			add(target{ID: d.Id, Port: value(d.Port, g.Port)}, &elbv2.TargetHealth{State: "unused", Reason: "Target.NotRegistered", Description: "Target is not registered to the target group"})
			continue
		}
		add(g.Targets[i], c.health(g, g.Targets[i], inUse))
	}
	return out, nil
}
