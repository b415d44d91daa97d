package aws

import (
	"context"
	"fmt"
	"slices"
	"sync"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/planner/resource"
)

// nodeDriver drives instances, in bulk: it launches up to a hundred with one call, and all that wait are watched by the
// region's one poller. Its parts are in the files node_*.go.
type nodeDriver struct{ *region }

// member is one change on its way through the driver.
type member struct {
	index  int
	change resource.Change
	// rec is the record that the change makes or keeps.
	rec *resource.Record
	// dead counts the instances launched for it that never ran.
	dead int
}

func (m *member) node() *resource.Node { return m.rec.Spec.(*resource.Node) }

// reporter passes outcomes on.
type reporter func(m *member, r resource.Result)

// fail reports an error for creates: those that have an instance keep it.
func (report reporter) fail(members []*member, err error) {
	for _, m := range members {
		if m.rec.ID != "" {
			report(m, finish(m.rec, err))
			continue
		}
		report(m, resource.Result{Err: describe(err, m.change.Address(), "")})
	}
}

// Apply launches, updates and terminates; the three go side by side.
func (d *nodeDriver) Apply(ctx context.Context, rt resource.Runtime, batch []resource.Change, out func(int, resource.Result)) {
	report := reporter(func(m *member, r resource.Result) { out(m.index, r) })
	var creates, updates, deletes []*member
	for i, c := range batch {
		m := &member{index: i, change: c}
		switch c.Operation {
		case resource.Create:
			m.rec = recordOf(c, "")
			creates = append(creates, m)
		case resource.Update:
			m.rec = recordOf(c, c.Before.ID)
			updates = append(updates, m)
		case resource.Delete:
			m.rec = new(*c.Before)
			deletes = append(deletes, m)
		default:
			out(i, resource.Result{Record: c.Before, Err: fmt.Errorf("%s: operation %q is unknown", c.Address(), c.Operation)})
		}
	}
	var wg sync.WaitGroup
	for _, part := range []struct {
		members []*member
		do      func(context.Context, resource.Runtime, []*member, reporter)
	}{{creates, d.create}, {updates, d.update}, {deletes, d.terminate}} {
		if len(part.members) > 0 {
			wg.Go(func() { part.do(ctx, rt, part.members, report) })
		}
	}
	wg.Wait()
}

// instances lists instances by filters.
func (r *region) instances(ctx context.Context, filters ...types.Filter) ([]types.Instance, error) {
	var out []types.Instance
	pages := ec2.NewDescribeInstancesPaginator(r.ec2, &ec2.DescribeInstancesInput{Filters: filters, MaxResults: new(int32(1000))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, reservation := range page.Reservations {
			out = append(out, reservation.Instances...)
		}
	}
	return out, nil
}

func stateOf(i types.Instance) types.InstanceStateName {
	if i.State == nil {
		return ""
	}
	return i.State.Name
}

// isEnding is true from the moment on when an instance can only be terminated.
func isEnding(s types.InstanceStateName) bool {
	return s == types.InstanceStateNameTerminated || s == types.InstanceStateNameShuttingDown
}

// stateReason is what EC2 says about why an instance is in its state.
func stateReason(i types.Instance) string {
	if i.StateReason != nil && sdk.ToString(i.StateReason.Message) != "" {
		return printable(sdk.ToString(i.StateReason.Message))
	}
	if why := sdk.ToString(i.StateTransitionReason); why != "" {
		return printable(why)
	}
	return "no reason given"
}

// took copies into a node what only the instance knows.
func took(n *resource.Node, i types.Instance) {
	n.InstanceType = string(i.InstanceType)
	n.PrivateIP, n.PublicAddr = sdk.ToString(i.PrivateIpAddress), sdk.ToString(i.PublicIpAddress)
	n.PrivateDNS = sdk.ToString(i.PrivateDnsName)
	if i.Placement != nil && sdk.ToString(i.Placement.AvailabilityZone) != "" {
		n.Zone = sdk.ToString(i.Placement.AvailabilityZone)
	}
	if token := sdk.ToString(i.ClientToken); token != "" {
		n.LaunchToken = token
	}
}

// groupsOf are the ids of an instance's security groups, which are those of its first interface, sorted.
func groupsOf(i types.Instance) []string {
	groups := i.SecurityGroups
	if len(groups) == 0 && len(i.NetworkInterfaces) > 0 {
		groups = i.NetworkInterfaces[0].Groups
	}
	var out []string
	for _, g := range groups {
		out = append(out, sdk.ToString(g.GroupId))
	}
	slices.Sort(out)
	return out
}
