package aws

import (
	"context"
	"fmt"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/clusterform/clusterform/planner/resource"
)

// targetDriver registers nodes behind load balancers. Its IDs are the target group's ARN, a slash, and the instance id.
type targetDriver struct{ *region }

func targetID(group, instance string) string { return group + "/" + instance }

func splitTarget(id string) (group, instance string) {
	i := strings.LastIndexByte(id, '/')
	if i < 0 {
		return "", id
	}
	return id[:i], id[i+1:]
}

// registered returns the ids of the targets of groups that are not on their way out.
func (d *targetDriver) registered(ctx context.Context, groups []string) (map[string]bool, error) {
	out := map[string]bool{}
	slices.Sort(groups)
	for _, group := range slices.Compact(groups) {
		if group == "" {
			continue
		}
		got, err := d.elb.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &group})
		if ignoreNotFound(err) != nil {
			return nil, err
		}
		if err != nil {
			continue
		}
		for _, t := range got.TargetHealthDescriptions {
			if t.TargetHealth != nil && t.TargetHealth.State == types.TargetHealthStateEnumDraining {
				continue
			}
			out[targetID(group, sdk.ToString(t.Target.Id))] = true
		}
	}
	return out, nil
}

// Read asks each target group once.
func (d *targetDriver) Read(ctx context.Context, rt resource.Runtime, _ []string, recorded []*resource.Record) ([]resource.Observation, error) {
	var groups []string
	for _, rec := range recorded {
		group, _ := splitTarget(rec.ID)
		groups = append(groups, group)
	}
	there, err := d.registered(ctx, groups)
	if err != nil {
		return nil, describe(err, "", "")
	}
	out := make([]resource.Observation, 0, len(recorded))
	for _, rec := range recorded {
		var f *found
		if there[rec.ID] {
			_, instance := splitTarget(rec.ID)
			spec := resource.Clone(rec.Spec.(*resource.LoadBalancerTarget))
			spec.Node = rt.Ref(resource.KindNode, instance)
			f = &found{id: rec.ID, spec: spec}
		}
		out = append(out, observe(rec, f, nil))
	}
	return out, nil
}

// Recover finds a registration by the id in the intent.
func (d *targetDriver) Recover(ctx context.Context, rt resource.Runtime, intents []resource.Intent) ([]resource.Recovery, error) {
	var groups []string
	for _, in := range intents {
		for _, id := range in.IDs {
			group, _ := splitTarget(id)
			groups = append(groups, group)
		}
	}
	there, err := d.registered(ctx, groups)
	if err != nil {
		return nil, describe(err, "", "")
	}
	out := make([]resource.Recovery, 0, len(intents))
	for _, in := range intents {
		var made []*found
		for _, id := range in.IDs {
			if !there[id] {
				continue
			}
			_, instance := splitTarget(id)
			made = append(made, &found{id: id, spec: &resource.LoadBalancerTarget{
				LoadBalancer: rt.Ref(resource.KindLoadBalancer, in.Detail[detailLoadBalancer]), Node: rt.Ref(resource.KindNode, instance),
			}})
		}
		out = append(out, recovery(d.region, resource.KindLoadBalancerTarget, in, made))
	}
	return out, nil
}

// detailLoadBalancer is the intent's detail with the load balancer's ARN.
const detailLoadBalancer = "load_balancer_arn"

// Apply registers and deregisters.
func (d *targetDriver) Apply(ctx context.Context, rt resource.Runtime, batch []resource.Change, report func(int, resource.Result)) {
	batch = slices.Clone(batch)
	wanted := make([]string, len(batch))
	for i := range batch {
		c := &batch[i]
		if c.Operation == resource.Delete {
			continue
		}
		wanted[i], _ = d.resolve(ctx, rt, c.After.Spec.(*resource.LoadBalancerTarget))
		c.After = new(*c.After)
		c.After.ID = wanted[i] // recovery needs it
	}
	announce := func(c resource.Change, in *resource.Intent) {
		if lb, ok := rt.ID(specOf(c).(*resource.LoadBalancerTarget).LoadBalancer); ok {
			in.Detail = map[string]string{detailLoadBalancer: lb}
		}
	}
	applyEach(ctx, rt, d.region, resource.KindLoadBalancerTarget, batch, report, func(c resource.Change) resource.Result {
		if c.Operation == resource.Delete {
			if err := d.deregister(ctx, c.Before.ID); err != nil {
				return finish(new(*c.Before), err)
			}
			return resource.Result{}
		}
		target, err := c.After.ID, error(nil)
		if target == "" {
			target, err = d.resolve(ctx, rt, c.After.Spec.(*resource.LoadBalancerTarget))
		}
		if err == nil {
			err = d.register(ctx, target)
		}
		if err != nil {
			if c.Before == nil {
				return resource.Result{Err: describe(err, c.Address(), "")}
			}
			return finish(new(*c.Before), err)
		}
		if c.Before != nil && c.Before.ID != target {
			err = d.deregister(ctx, c.Before.ID)
		}
		return finish(recordOf(c, target), err)
	}, announce)
}

func (d *targetDriver) resolve(ctx context.Context, rt resource.Runtime, spec *resource.LoadBalancerTarget) (string, error) {
	lb, err := id(rt, spec.LoadBalancer)
	if err != nil {
		return "", err
	}
	node, err := id(rt, spec.Node)
	if err != nil {
		return "", err
	}
	if rec, ok := rt.Record(resource.Address(spec.LoadBalancer)); ok {
		if s, ok := rec.Spec.(*resource.LoadBalancer); ok && s.TargetGroupARN != "" && rec.ID == lb {
			return targetID(s.TargetGroupARN, node), nil
		}
	}
	out, err := d.elb.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{LoadBalancerArn: &lb})
	if err != nil {
		return "", err
	}
	if len(out.TargetGroups) == 0 {
		return "", fmt.Errorf("the load balancer %s has no target group", lb)
	}
	return targetID(sdk.ToString(out.TargetGroups[0].TargetGroupArn), node), nil
}

func (d *targetDriver) register(ctx context.Context, target string) error {
	group, instance := splitTarget(target)
	return d.settled(ctx, func() error {
		_, err := d.elb.RegisterTargets(ctx, &elb.RegisterTargetsInput{
			TargetGroupArn: &group, Targets: []types.TargetDescription{{Id: &instance}},
		})
		return err
	}, func(err error) bool { return isCode(err, "InvalidTarget") }) // not seen to run yet
}

// deregister takes a target out; the load balancer ends its connections by itself.
func (d *targetDriver) deregister(ctx context.Context, target string) error {
	group, instance := splitTarget(target)
	_, err := d.elb.DeregisterTargets(ctx, &elb.DeregisterTargetsInput{
		TargetGroupArn: &group, Targets: []types.TargetDescription{{Id: &instance}},
	})
	if isCode(err, "InvalidTarget") {
		return nil // not registered any more
	}
	return ignoreNotFound(err)
}
