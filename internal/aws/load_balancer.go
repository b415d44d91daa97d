package aws

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/clusterform/clusterform/planner/resource"
)

// loadBalancers handles network load balancers, each with one listener and the target group behind it, which has the same
// name. Its ID is the load balancer's ARN.
//
// The service cannot search by tag, and tells tags of only 20 objects in a call. So that accounts with many load balancers
// cost nothing, only those are asked whose name has the start of a cluster's UID in it, as the planner names them.
type loadBalancers struct{ *region }

func (*loadBalancers) kind() resource.Kind { return resource.KindLoadBalancer }

func (h *loadBalancers) list(ctx context.Context, rt resource.Runtime, q query) ([]*found, error) {
	var all []types.LoadBalancer
	if len(q.ids) > 0 {
		for _, arn := range q.ids {
			out, err := h.elb.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{arn}})
			if ignoreNotFound(err) != nil {
				return nil, err
			}
			if err == nil {
				all = append(all, out.LoadBalancers...)
			}
		}
	} else {
		pages := elb.NewDescribeLoadBalancersPaginator(h.elb, &elb.DescribeLoadBalancersInput{PageSize: new(int32(400))})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			all = append(all, page.LoadBalancers...)
		}
		all = slices.DeleteFunc(all, func(lb types.LoadBalancer) bool { return !mayBeOurs(sdk.ToString(lb.LoadBalancerName), q) })
	}
	tags, err := h.tags(ctx, all)
	if err != nil {
		return nil, err
	}
	var out []*found
	for _, lb := range all {
		arn := sdk.ToString(lb.LoadBalancerArn)
		t := tags[arn]
		if len(q.uids) > 0 && !slices.Contains(q.uids, t[resource.TagCluster]) || len(q.tokens) > 0 && !slices.Contains(q.tokens, t[resource.TagToken]) {
			continue
		}
		f, err := h.found(ctx, rt, lb, t)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

func mayBeOurs(name string, q query) bool {
	return len(q.uids) == 0 || slices.ContainsFunc(q.uids, func(uid string) bool { return strings.Contains(name, uid[:min(8, len(uid))]) })
}

func (h *loadBalancers) tags(ctx context.Context, all []types.LoadBalancer) (map[string]tagSet, error) {
	var arns []string
	for _, lb := range all {
		arns = append(arns, sdk.ToString(lb.LoadBalancerArn))
	}
	out := map[string]tagSet{}
	for part := range slices.Chunk(arns, 20) {
		got, err := h.elb.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: part})
		if err != nil {
			return nil, err
		}
		for _, d := range got.TagDescriptions {
			t := tagSet{}
			for _, tag := range d.Tags {
				t[sdk.ToString(tag.Key)] = sdk.ToString(tag.Value)
			}
			out[sdk.ToString(d.ResourceArn)] = t.fromPlain()
		}
	}
	return out, nil
}

func (h *loadBalancers) found(ctx context.Context, rt resource.Runtime, lb types.LoadBalancer, tags tagSet) (*found, error) {
	arn := sdk.ToString(lb.LoadBalancerArn)
	spec := &resource.LoadBalancer{
		Name: sdk.ToString(lb.LoadBalancerName), Internal: lb.Scheme == types.LoadBalancerSchemeEnumInternal,
		VPC: rt.Ref(resource.KindVPC, sdk.ToString(lb.VpcId)), DNSName: sdk.ToString(lb.DNSName), Tags: tags.user(),
	}
	for _, z := range lb.AvailabilityZones {
		spec.Subnets = append(spec.Subnets, rt.Ref(resource.KindSubnet, sdk.ToString(z.SubnetId)))
	}
	for _, g := range lb.SecurityGroups {
		spec.SecurityGroups = append(spec.SecurityGroups, rt.Ref(resource.KindSecurityGroup, g))
	}
	spec.Subnets, spec.SecurityGroups = resource.SortRefs(spec.Subnets), resource.SortRefs(spec.SecurityGroups)
	listeners, err := h.elb.DescribeListeners(ctx, &elb.DescribeListenersInput{LoadBalancerArn: &arn})
	if ignoreNotFound(err) != nil {
		return nil, err
	}
	if err == nil && len(listeners.Listeners) > 0 {
		l := listeners.Listeners[0]
		spec.Port, spec.ListenerARN = int(sdk.ToInt32(l.Port)), sdk.ToString(l.ListenerArn)
	}
	group, err := h.targetGroup(ctx, spec.Name)
	if err != nil {
		return nil, err
	}
	if group != nil {
		spec.TargetGroupARN = sdk.ToString(group.TargetGroupArn)
		spec.HealthPort = int(sdk.ToInt32(group.Port))
		if p, err := strconv.Atoi(sdk.ToString(group.HealthCheckPort)); err == nil {
			spec.HealthPort = p
		}
	}
	f := &found{id: arn, tags: tags, spec: spec}
	if lb.State != nil && lb.State.Code == types.LoadBalancerStateEnumFailed {
		f.trouble = "failed: " + printable(sdk.ToString(lb.State.Reason))
	}
	return f, nil
}

func (h *loadBalancers) targetGroup(ctx context.Context, name string) (*types.TargetGroup, error) {
	out, err := h.elb.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{Names: []string{name}})
	if err != nil || len(out.TargetGroups) == 0 {
		return nil, ignoreNotFound(err)
	}
	return &out.TargetGroups[0], nil
}

func (t tagSet) elb() []types.Tag {
	t = t.plain()
	var out []types.Tag
	for _, k := range t.keys() {
		out = append(out, types.Tag{Key: &k, Value: new(t[k])})
	}
	return out
}

func (h *loadBalancers) create(ctx context.Context, rt resource.Runtime, o *resource.Object, tags tagSet) (string, error) {
	spec := o.Spec.(*resource.LoadBalancer)
	subnets, err := ids(rt, spec.Subnets)
	if err != nil {
		return "", err
	}
	groups, err := ids(rt, spec.SecurityGroups)
	if err != nil {
		return "", err
	}
	scheme := types.LoadBalancerSchemeEnumInternetFacing
	if spec.Internal {
		scheme = types.LoadBalancerSchemeEnumInternal
	}
	in := &elb.CreateLoadBalancerInput{
		Name: &spec.Name, Type: types.LoadBalancerTypeEnumNetwork, Scheme: scheme, Subnets: subnets, SecurityGroups: groups, Tags: tags.elb(),
	}
	var out *elb.CreateLoadBalancerOutput
	err = h.settled(ctx, func() (err error) { out, err = h.elb.CreateLoadBalancer(ctx, in); return err }, func(err error) bool {
		return isCode(err, "SubnetNotFound", "InvalidSubnet") // the route table or the gateway may not show yet
	})
	if err != nil {
		return "", err
	}
	if len(out.LoadBalancers) == 0 {
		return "", fmt.Errorf("the answer names no load balancer")
	}
	return sdk.ToString(out.LoadBalancers[0].LoadBalancerArn), nil
}

func (h *loadBalancers) namesake(ctx context.Context, rt resource.Runtime, o *resource.Object) (*found, error) {
	out, err := h.elb.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{o.Spec.(*resource.LoadBalancer).Name}})
	if err != nil || len(out.LoadBalancers) == 0 {
		return nil, ignoreNotFound(err)
	}
	all, err := h.list(ctx, rt, query{ids: []string{sdk.ToString(out.LoadBalancers[0].LoadBalancerArn)}})
	return first(all), err
}

func (h *loadBalancers) converge(ctx context.Context, rt resource.Runtime, o *resource.Object, seen *found) error {
	want, have := o.Spec.(*resource.LoadBalancer), seen.spec.(*resource.LoadBalancer)
	if have.TargetGroupARN == "" {
		arn, err := h.makeTargetGroup(ctx, rt, o, want)
		if err != nil {
			return err
		}
		have.TargetGroupARN = arn
	} else if have.HealthPort != want.HealthPort {
		_, err := h.elb.ModifyTargetGroup(ctx, &elb.ModifyTargetGroupInput{
			TargetGroupArn: &have.TargetGroupARN, HealthCheckPort: new(strconv.Itoa(want.HealthPort)),
		})
		if err != nil {
			return err
		}
	}
	if have.ListenerARN == "" {
		arn, err := h.listen(ctx, o, seen.id, have.TargetGroupARN, want)
		if err != nil {
			return err
		}
		have.ListenerARN = arn
	}
	if !slices.Equal(have.Subnets, want.Subnets) {
		subnets, err := ids(rt, want.Subnets)
		if err != nil {
			return err
		}
		if _, err := h.elb.SetSubnets(ctx, &elb.SetSubnetsInput{LoadBalancerArn: &seen.id, Subnets: subnets}); err != nil {
			return err
		}
	}
	return h.active(ctx, rt, o, seen.id)
}

func (h *loadBalancers) makeTargetGroup(ctx context.Context, rt resource.Runtime, o *resource.Object, want *resource.LoadBalancer) (string, error) {
	vpc, err := id(rt, want.VPC)
	if err != nil {
		return "", err
	}
	in := &elb.CreateTargetGroupInput{
		Name: &want.Name, Protocol: types.ProtocolEnumTcp, Port: new(int32(want.Port)), VpcId: &vpc, TargetType: types.TargetTypeEnumInstance,
		HealthCheckProtocol: types.ProtocolEnumTcp, HealthCheckPort: new(strconv.Itoa(want.HealthPort)),
		HealthCheckIntervalSeconds: new(int32(10)), HealthyThresholdCount: new(int32(2)), UnhealthyThresholdCount: new(int32(2)),
		Tags: wantedTags(o, want.Tags).elb(),
	}
	var arn string
	err = h.settled(ctx, func() error {
		out, err := h.elb.CreateTargetGroup(ctx, in)
		if err == nil && len(out.TargetGroups) > 0 {
			arn = sdk.ToString(out.TargetGroups[0].TargetGroupArn)
			return nil
		}
		if isCode(err, "DuplicateTargetGroupName") || isAmbiguous(err) {
			if group, lookErr := h.targetGroup(ctx, want.Name); lookErr == nil && group != nil && sdk.ToString(group.VpcId) == vpc {
				arn = sdk.ToString(group.TargetGroupArn)
				return nil
			}
		}
		return err
	}, isAmbiguous)
	return arn, err
}

func (h *loadBalancers) listen(ctx context.Context, o *resource.Object, lb, group string, want *resource.LoadBalancer) (string, error) {
	in := &elb.CreateListenerInput{
		LoadBalancerArn: &lb, Port: new(int32(want.Port)), Protocol: types.ProtocolEnumTcp, Tags: wantedTags(o, want.Tags).elb(),
		DefaultActions: []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: &group}},
	}
	var arn string
	err := h.settled(ctx, func() error {
		out, err := h.elb.CreateListener(ctx, in)
		if err == nil && len(out.Listeners) > 0 {
			arn = sdk.ToString(out.Listeners[0].ListenerArn)
			return nil
		}
		if isCode(err, "DuplicateListener") || isAmbiguous(err) {
			got, lookErr := h.elb.DescribeListeners(ctx, &elb.DescribeListenersInput{LoadBalancerArn: &lb})
			if lookErr == nil && len(got.Listeners) > 0 {
				arn = sdk.ToString(got.Listeners[0].ListenerArn)
				return nil
			}
		}
		return err
	}, isAmbiguous)
	return arn, err
}

// active waits until the load balancer carries traffic.
func (h *loadBalancers) active(ctx context.Context, rt resource.Runtime, o *resource.Object, arn string) error {
	ok, err := until(ctx, time.Now().Add(h.cloud.opts.LaunchTimeout), func() (bool, error) {
		out, err := h.elb.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{arn}})
		if err != nil || len(out.LoadBalancers) == 0 || out.LoadBalancers[0].State == nil {
			return false, ignoreNotFound(err)
		}
		switch s := out.LoadBalancers[0].State; s.Code {
		case types.LoadBalancerStateEnumActive, types.LoadBalancerStateEnumActiveImpaired:
			return true, nil
		case types.LoadBalancerStateEnumFailed:
			return false, fmt.Errorf("the load balancer failed: %s", printable(sdk.ToString(s.Reason)))
		}
		rt.Progress(o.Address, "", "waits for the load balancer to be active")
		return false, nil
	})
	if err == nil && !ok {
		err = fmt.Errorf("the load balancer is not active after %s", h.cloud.opts.LaunchTimeout)
	}
	return err
}

// remove deletes load balancer and target group, and waits until the load balancer's interfaces have left the subnets,
// which cannot be deleted before.
func (h *loadBalancers) remove(ctx context.Context, rt resource.Runtime, rec *resource.Record) error {
	spec, _ := rec.Spec.(*resource.LoadBalancer)
	if _, err := h.elb.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &rec.ID}); ignoreNotFound(err) != nil {
		return err
	}
	group, err := h.targetGroup(ctx, spec.Name)
	if err != nil {
		return err
	}
	if group != nil {
		err := h.whenFree(ctx, rt, rec, func() error {
			_, err := h.elb.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: group.TargetGroupArn})
			return ignoreNotFound(err)
		})
		if err != nil {
			return err
		}
	}
	// arn:…:loadbalancer/net/name/id owns the interfaces described as "ELB net/name/id".
	_, name, _ := strings.Cut(rec.ID, ":loadbalancer/")
	owned := filter("description", "ELB "+name)
	ok, err := until(ctx, time.Now().Add(h.cloud.opts.DeleteTimeout), func() (bool, error) {
		out, err := h.ec2.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{Filters: []ec2types.Filter{owned}})
		if err != nil {
			return false, err
		}
		if n := len(out.NetworkInterfaces); n > 0 {
			rt.Progress(rec.Address, "", fmt.Sprintf("waits for %d network interfaces to go", n))
			return false, nil
		}
		return true, nil
	})
	if err == nil && !ok {
		err = &resource.Error{
			Address: rec.Address, ID: rec.ID, Op: "ec2:DescribeNetworkInterfaces",
			Message: fmt.Sprintf("the load balancer's network interfaces are still there after %s", h.cloud.opts.DeleteTimeout),
			Hint:    "Run the same command again: it goes on from here",
		}
	}
	return err
}

// retag keeps the tags of all three parts alike.
func (h *loadBalancers) retag(ctx context.Context, id string, set tagSet, remove []string) error {
	arns := []string{id}
	out, err := h.elb.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{LoadBalancerArn: &id})
	if ignoreNotFound(err) != nil {
		return err
	}
	if err == nil {
		for _, g := range out.TargetGroups {
			arns = append(arns, sdk.ToString(g.TargetGroupArn))
		}
	}
	if len(set) > 0 {
		if _, err := h.elb.AddTags(ctx, &elb.AddTagsInput{ResourceArns: arns, Tags: set.elb()}); err != nil {
			return err
		}
	}
	if len(remove) > 0 {
		_, err = h.elb.RemoveTags(ctx, &elb.RemoveTagsInput{ResourceArns: arns, TagKeys: remove})
		return ignoreNotFound(err)
	}
	return nil
}
