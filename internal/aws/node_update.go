package aws

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/planner/resource"
)

// update converges instances in place: it starts those that were stopped, waits for those that are starting, and makes
// security groups and tags right. Calls that can take many instances do.
func (d *nodeDriver) update(ctx context.Context, rt resource.Runtime, members []*member, report reporter) {
	intents := make([]resource.Intent, 0, len(members))
	for _, m := range members {
		intents = append(intents, intentOf(d.region, resource.KindNode, m.change))
	}
	err := ctx.Err()
	if err == nil {
		err = rt.Intend(ctx, intents...)
	}
	var seen map[string]types.Instance
	if err == nil {
		seen, err = d.look(ctx, members)
	}
	if err == nil {
		members = d.present(members, seen, report)
		members, err = d.start(ctx, rt, members, seen, report)
	}
	if err == nil {
		members = d.retagAll(ctx, members, seen, report)
	}
	causes := make([]error, len(members))
	inParallel(len(members), func(i int) {
		if causes[i] = err; err == nil {
			m := members[i]
			causes[i] = inTurn(
				func() error { return d.regroup(ctx, rt, m, seen[m.rec.ID]) },
				func() error { return d.giveProfile(ctx, rt, m, seen[m.rec.ID]) },
			)
		}
	})
	if err == nil {
		err = d.confirm(ctx, rt, members, seen)
	}
	for i, m := range members {
		cause := causes[i]
		if cause == nil {
			cause = err
		}
		if cause == nil {
			n := resource.Clone(m.node())
			took(n, seen[m.rec.ID])
			m.rec.Spec, m.rec.Phase = n, resource.PhaseReady
		}
		report(m, finish(m.rec, cause))
	}
}

// confirm waits until what was changed shows, for the members at which something was.
func (d *nodeDriver) confirm(ctx context.Context, rt resource.Runtime, members []*member, seen map[string]types.Instance) error {
	var open []*member
	shows := func(m *member) bool {
		set, remove := ec2Tags(seen[m.rec.ID].Tags).changes(wantedTags(&m.rec.Object, m.node().Tags))
		groups, err := ids(rt, m.node().SecurityGroups)
		return len(set) == 0 && len(remove) == 0 && (err != nil || slices.Equal(groups, groupsOf(seen[m.rec.ID])))
	}
	for _, m := range members {
		if !shows(m) {
			open = append(open, m)
		}
	}
	if len(open) == 0 {
		return nil
	}
	_, err := until(ctx, d.visibleBy(time.Now()), func() (bool, error) {
		for part := range slices.Chunk(open, filterValues) {
			var instances []string
			for _, m := range part {
				instances = append(instances, m.rec.ID)
			}
			all, err := d.instances(ctx, filter("instance-id", instances...))
			if err != nil {
				return false, err
			}
			for _, i := range all {
				seen[sdk.ToString(i.InstanceId)] = i
			}
		}
		open = slices.DeleteFunc(open, shows)
		return len(open) == 0, nil
	})
	return err
}

// look describes the members' instances, and waits for those that do not show yet.
func (d *nodeDriver) look(ctx context.Context, members []*member) (map[string]types.Instance, error) {
	seen := map[string]types.Instance{}
	bound := time.Now()
	for _, m := range members {
		if by := d.visibleBy(m.change.Before.UpdatedAt); by.After(bound) {
			bound = by
		}
	}
	_, err := until(ctx, bound, func() (bool, error) {
		var missing []string
		for _, m := range members {
			if _, ok := seen[m.rec.ID]; !ok {
				missing = append(missing, m.rec.ID)
			}
		}
		for part := range slices.Chunk(missing, filterValues) {
			all, err := d.instances(ctx, filter("instance-id", part...))
			if err != nil {
				return false, err
			}
			for _, i := range all {
				seen[sdk.ToString(i.InstanceId)] = i
			}
		}
		return len(seen) >= len(members), nil
	})
	return seen, err
}

// present fails the members whose instance is gone.
func (d *nodeDriver) present(members []*member, seen map[string]types.Instance, report reporter) []*member {
	return slices.DeleteFunc(members, func(m *member) bool {
		i, ok := seen[m.rec.ID]
		if ok && !isEnding(stateOf(i)) {
			return false
		}
		why := "it does not exist any more"
		if ok {
			why = "it is " + string(stateOf(i)) + ": " + stateReason(i)
		}
		report(m, finish(m.rec, &resource.Error{
			Address: m.rec.Address, ID: m.rec.ID, Message: "the instance cannot be updated, because " + why, Hint: "Plan again: it will be replaced",
		}))
		return true
	})
}

// start makes stopped instances run, and waits for all to do.
func (d *nodeDriver) start(
	ctx context.Context, rt resource.Runtime, members []*member, seen map[string]types.Instance, report reporter,
) ([]*member, error) {
	var stopped []string
	tokens := map[string]string{}
	for _, m := range members {
		switch stateOf(seen[m.rec.ID]) {
		case types.InstanceStateNameStopped, types.InstanceStateNameStopping:
			stopped = append(stopped, m.rec.ID)
			rt.Progress(m.rec.Address, resource.PhaseLaunching, "was stopped; starting it")
			tokens[m.rec.ID] = m.node().LaunchToken
		case types.InstanceStateNamePending:
			tokens[m.rec.ID] = m.node().LaunchToken
		}
	}
	for part := range slices.Chunk(stopped, launchBatch) {
		err := d.settled(ctx, func() error {
			_, err := d.ec2.StartInstances(withItems(ctx, len(part)), &ec2.StartInstancesInput{InstanceIds: part})
			return err
		}, func(err error) bool { return isCode(err, "IncorrectInstanceState") }) // still stopping
		if err != nil {
			return members, err
		}
	}
	if len(tokens) == 0 {
		return members, nil
	}
	started := []types.InstanceStateName{types.InstanceStateNameRunning, types.InstanceStateNameShuttingDown, types.InstanceStateNameTerminated}
	left, err := d.poll.wait(ctx, tokens, d.cloud.opts.LaunchTimeout, started, func(i types.Instance) bool { return slices.Contains(started, stateOf(i)) }, func(i types.Instance) {
		seen[sdk.ToString(i.InstanceId)] = i
	})
	if err != nil {
		return members, err
	}
	members = slices.DeleteFunc(members, func(m *member) bool {
		late := slices.Contains(left, m.rec.ID)
		if late {
			report(m, finish(m.rec, fmt.Errorf("the instance is not running after %s", d.cloud.opts.LaunchTimeout)))
		}
		return late
	})
	return d.present(members, seen, report), nil
}

// retagAll makes the tags of instances, and of their disks and interfaces, right: one call for all with the same
// differences. It returns the members for which that worked.
func (d *nodeDriver) retagAll(ctx context.Context, members []*member, seen map[string]types.Instance, report reporter) []*member {
	type group struct {
		set     tagSet
		remove  []string
		ids     []string
		members []*member
	}
	groups := map[string]*group{}
	for _, m := range members {
		i := seen[m.rec.ID]
		set, remove := ec2Tags(i.Tags).changes(wantedTags(&m.rec.Object, m.node().Tags))
		if len(set) == 0 && len(remove) == 0 {
			continue
		}
		key := fmt.Sprintf("%q %q", map[string]string(set), remove)
		g := groups[key]
		if g == nil {
			g = &group{set: set, remove: remove}
			groups[key] = g
		}
		g.members = append(g.members, m)
		g.ids = append(g.ids, partsOf(i)...)
	}
	failed := map[*member]bool{}
	for _, key := range sortedKeys(groups) {
		g := groups[key]
		if err := d.retag(ctx, g.ids, g.set, g.remove); err != nil {
			for _, m := range g.members {
				failed[m] = true
				report(m, finish(m.rec, err))
			}
		}
	}
	return slices.DeleteFunc(members, func(m *member) bool { return failed[m] })
}

// partsOf are the ids of an instance and of what was made and tagged with it.
func partsOf(i types.Instance) []string {
	out := []string{sdk.ToString(i.InstanceId)}
	for _, b := range i.BlockDeviceMappings {
		if b.Ebs != nil && b.Ebs.VolumeId != nil {
			out = append(out, *b.Ebs.VolumeId)
		}
	}
	for _, n := range i.NetworkInterfaces {
		if n.NetworkInterfaceId != nil {
			out = append(out, *n.NetworkInterfaceId)
		}
	}
	return out
}

// regroup makes an instance's security groups right.
func (d *nodeDriver) regroup(ctx context.Context, rt resource.Runtime, m *member, i types.Instance) error {
	want, err := ids(rt, m.node().SecurityGroups)
	if err != nil {
		return err
	}
	if slices.Equal(want, groupsOf(i)) {
		return nil
	}
	return d.settled(ctx, func() error {
		_, err := d.ec2.ModifyInstanceAttribute(ctx, &ec2.ModifyInstanceAttributeInput{InstanceId: &m.rec.ID, Groups: want})
		return err
	})
}

// giveProfile ties an instance to its profile if it has none: it may have been launched without, or have lost it.
func (d *nodeDriver) giveProfile(ctx context.Context, rt resource.Runtime, m *member, i types.Instance) error {
	if m.node().Profile == "" || i.IamInstanceProfile != nil {
		return nil
	}
	profile, err := id(rt, m.node().Profile)
	if err != nil {
		return err
	}
	return d.settled(ctx, func() error {
		_, err := d.ec2.AssociateIamInstanceProfile(ctx, &ec2.AssociateIamInstanceProfileInput{
			InstanceId: &m.rec.ID, IamInstanceProfile: &types.IamInstanceProfileSpecification{Name: &profile},
		})
		if isCode(err, "IncorrectState") {
			return nil // it has one by now; the next plan tells which
		}
		return err
	}, isUnknownProfile)
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.SortFunc(out, strings.Compare)
	return out
}
