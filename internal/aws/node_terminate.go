package aws

import (
	"context"
	"fmt"
	"slices"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/planner/resource"
)

// terminate ends instances, a hundred per call, and waits until they are terminated.
func (d *nodeDriver) terminate(ctx context.Context, rt resource.Runtime, members []*member, report reporter) {
	intents := make([]resource.Intent, 0, len(members))
	for _, m := range members {
		intents = append(intents, intentOf(d.region, resource.KindNode, m.change))
	}
	err := ctx.Err()
	if err == nil {
		err = rt.Intend(ctx, intents...)
	}
	if err != nil {
		for _, m := range members {
			report(m, finish(m.rec, err))
		}
		return
	}
	members = slices.DeleteFunc(members, func(m *member) bool {
		if m.rec.ID == "" {
			report(m, resource.Result{})
		}
		return m.rec.ID == ""
	})
	chunks := slices.Collect(slices.Chunk(members, launchBatch))
	inParallel(len(chunks), func(i int) { d.terminateBatch(ctx, rt, chunks[i], report) })
}

func (d *nodeDriver) terminateBatch(ctx context.Context, rt resource.Runtime, members []*member, report reporter) {
	err := d.terminateCall(ctx, members)
	switch {
	case isNotFound(err):
		members = d.terminateVisible(ctx, members, report)
	case err != nil && len(members) > 1 && isCode(err, "OperationNotPermitted", "UnauthorizedOperation"):
		// One protected instance fails the call for all: each by itself then, so that only that one stays.
		inParallel(len(members), func(i int) { d.terminateBatch(ctx, rt, members[i:i+1], report) })
		return
	case err != nil:
		for _, m := range members {
			report(m, finish(m.rec, err))
		}
		return
	}
	d.awaitEnd(ctx, rt, members, report)
}

func (d *nodeDriver) terminateCall(ctx context.Context, members []*member) error {
	var instances []string
	for _, m := range members {
		instances = append(instances, m.rec.ID)
	}
	_, err := d.ec2.TerminateInstances(withItems(ctx, len(instances)), terminateInput(instances))
	return err
}

// terminateVisible follows a "not found", which fails the call for all and does not mean terminated: it describes first,
// terminates what shows, and takes what does not show for gone only when the consistency window is over.
func (d *nodeDriver) terminateVisible(ctx context.Context, members []*member, report reporter) []*member {
	bound := time.Now()
	for _, m := range members {
		if by := d.visibleBy(m.change.Before.UpdatedAt); by.After(bound) {
			bound = by
		}
	}
	var ending []*member
	rest := members
	_, err := until(ctx, bound, func() (bool, error) {
		seen := map[string]bool{}
		var missing []string
		for _, m := range rest {
			missing = append(missing, m.rec.ID)
		}
		all, err := d.instances(ctx, filter("instance-id", missing...))
		if err != nil {
			return false, err
		}
		for _, i := range all {
			seen[sdk.ToString(i.InstanceId)] = true
		}
		var visible, hidden []*member
		for _, m := range rest {
			if seen[m.rec.ID] {
				visible = append(visible, m)
			} else {
				hidden = append(hidden, m)
			}
		}
		if len(visible) > 0 {
			err := d.terminateCall(ctx, visible)
			if isNotFound(err) {
				return false, nil
			}
			if err != nil {
				return false, err
			}
			ending = append(ending, visible...)
		}
		rest = hidden
		return len(rest) == 0, nil
	})
	for _, m := range rest {
		if err != nil {
			report(m, finish(m.rec, err))
		} else {
			report(m, resource.Result{})
		}
	}
	return ending
}

// awaitEnd reports members as their instances are terminated. An instance that disappears meanwhile is that, too.
func (d *nodeDriver) awaitEnd(ctx context.Context, rt resource.Runtime, members []*member, report reporter) {
	if len(members) == 0 {
		return
	}
	byID, tokens := map[string]*member{}, map[string]string{}
	for _, m := range members {
		byID[m.rec.ID], tokens[m.rec.ID] = m, m.node().LaunchToken
		rt.Progress(m.rec.Address, resource.PhaseRemoved, "waits for the instance to shut down")
	}
	ended := func(i types.Instance) bool { return stateOf(i) == types.InstanceStateNameTerminated }
	states := []types.InstanceStateName{types.InstanceStateNameTerminated}
	left, err := d.poll.wait(ctx, tokens, d.cloud.opts.DeleteTimeout, states, ended, func(i types.Instance) {
		report(byID[sdk.ToString(i.InstanceId)], resource.Result{})
	})
	if err == nil && len(left) > 0 {
		left, err = d.stillThere(ctx, left, func(id string) { report(byID[id], resource.Result{}) })
	}
	for _, id := range left {
		cause := err
		if cause == nil {
			cause = &resource.Error{
				Op: "ec2:TerminateInstances", Address: byID[id].rec.Address, ID: id,
				Message: fmt.Sprintf("the instance is not terminated after %s", d.cloud.opts.DeleteTimeout),
				Hint:    "Run the same command again to go on waiting",
			}
		}
		report(byID[id], finish(byID[id].rec, cause))
	}
}

func (d *nodeDriver) stillThere(ctx context.Context, instances []string, gone func(string)) ([]string, error) {
	var left []string
	for part := range slices.Chunk(instances, filterValues) {
		all, err := d.instances(ctx, filter("instance-id", part...))
		if err != nil {
			return instances, err
		}
		there := map[string]bool{}
		for _, i := range all {
			there[sdk.ToString(i.InstanceId)] = true
		}
		for _, id := range part {
			if there[id] {
				left = append(left, id)
			} else {
				gone(id)
			}
		}
	}
	return left, nil
}
