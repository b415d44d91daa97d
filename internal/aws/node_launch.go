package aws

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/planner/resource"
)

const (
	// launchBatch is how many instances one call launches at most: AWS advises several calls of a hundred over one of more.
	launchBatch = 100
	// launchTries is how many instances are launched for a node, if they never get to run.
	launchTries = 3
)

// create launches nodes. Those that can be launched by one call go together; each batch goes its own way from there.
func (d *nodeDriver) create(ctx context.Context, rt resource.Runtime, members []*member, report reporter) {
	adopted, rest := d.adopt(ctx, rt, members, report)
	batches := append(adopted, batchesOf(rest)...)
	inParallel(len(batches), func(i int) { d.launchAll(ctx, rt, batches[i], report) })
}

// batch is a set of nodes that one call can launch.
type batch struct {
	members []*member
	digest  string
	// attempt counts the calls made for it.
	attempt int
	// launched: the members have instances already, which an earlier run launched.
	launched bool
	// exhausted has the smallest count for which a candidate lacked capacity.
	exhausted map[candidate]int
}

// batchesOf groups nodes that are launched with equal parameters, in the order of their ordinals.
func batchesOf(members []*member) []*batch {
	type key struct {
		uid, digest string
		generation  int
		attempt     int
	}
	groups := map[key][]*member{}
	var order []key
	for _, m := range members {
		k := key{m.rec.UID, resource.SpecDigest(m.node()), m.change.Generation, nextAttempt(m.change.Adopt)}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], m)
	}
	var out []*batch
	for _, k := range order {
		all := groups[k]
		slices.SortFunc(all, func(a, b *member) int { return resource.Compare(a.rec.Address, b.rec.Address) })
		for part := range slices.Chunk(all, launchBatch) {
			out = append(out, &batch{members: part, digest: k.digest, attempt: k.attempt, exhausted: map[candidate]int{}})
		}
	}
	return out
}

// launchAll brings a batch up, with new instances for those that never run.
func (d *nodeDriver) launchAll(ctx context.Context, rt resource.Runtime, b *batch, report reporter) {
	for round := 0; len(b.members) > 0; round++ {
		var up []*member
		if round == 0 && b.launched {
			up = b.members
		} else {
			launched := d.poll.launch()
			up = d.launch(ctx, rt, b, report)
			launched()
		}
		b.members = d.await(ctx, rt, up, report)
	}
}

// launch launches instances for a batch and returns the members that have one. When no candidate has capacity for all, it
// tries for half of them, down to one.
func (d *nodeDriver) launch(ctx context.Context, rt resource.Runtime, b *batch, report reporter) []*member {
	var up []*member
	rest, size := b.members, len(b.members)
	for len(rest) > 0 {
		n := min(size, len(rest))
		err := d.tryCandidates(ctx, rt, b, rest[:n])
		if err == nil {
			up = append(up, rest[:n]...)
			rest = rest[n:]
			continue
		}
		if isCapacity(err) && n > 1 {
			size = (n + 1) / 2
			continue
		}
		// What fails for one of equal launches fails for all.
		report.fail(rest, err)
		break
	}
	return up
}

// candidate is where and as what nodes may be launched.
type candidate struct {
	subnet       resource.Ref
	instanceType string
}

// candidatesOf lists all types in the preferred subnet, then all in the next.
func candidatesOf(n *resource.Node) []candidate {
	subnets := []resource.Ref{n.Subnet}
	for _, s := range n.Subnets {
		if !slices.Contains(subnets, s) {
			subnets = append(subnets, s)
		}
	}
	instanceTypes := n.InstanceTypes
	if len(instanceTypes) == 0 {
		instanceTypes = []string{n.InstanceType}
	}
	var out []candidate
	for _, s := range subnets {
		for _, t := range instanceTypes {
			out = append(out, candidate{s, t})
		}
	}
	return out
}

func (d *nodeDriver) tryCandidates(ctx context.Context, rt resource.Runtime, b *batch, members []*member) error {
	var last error
	for _, c := range candidatesOf(members[0].change.After.Spec.(*resource.Node)) {
		if least, known := b.exhausted[c]; known && len(members) >= least && last != nil {
			continue
		}
		err := d.run(ctx, rt, b, c, members)
		if !isCapacity(err) {
			return err
		}
		last = err
		b.exhausted[c] = len(members)
		for _, m := range members {
			rt.Progress(m.rec.Address, resource.PhaseLaunching, fmt.Sprintf("no capacity for %s in %s", c.instanceType, c.subnet))
		}
	}
	return last
}

// run makes one launch succeed or fail for good.
func (d *nodeDriver) run(ctx context.Context, rt resource.Runtime, b *batch, c candidate, members []*member) error {
	for try := 0; ; try++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		attempt := b.attempt
		b.attempt++
		in, err := d.runInput(ctx, rt, b, c, members, attempt)
		if err != nil {
			return err
		}
		if err := rt.Intend(ctx, launchIntent(d.region, b, c, members, attempt, in)); err != nil {
			return err
		}
		all, err := d.runInstances(ctx, in)
		if err != nil && (isCode(err, "IdempotentParameterMismatch") || ambiguous(err)) {
			// The token is taken, or the call may have worked: what carries the token counts.
			all, err = d.byToken(ctx, sdk.ToString(in.ClientToken), len(members), err)
		}
		if isCode(err, "IdempotentInstanceTerminated", "IdempotentParameterMismatch") && try < launchTries {
			continue
		}
		if err != nil {
			return err
		}
		if len(all) < len(members) {
			return fmt.Errorf("%d instances were launched instead of %d", len(all), len(members))
		}
		return d.assign(ctx, rt, members, all, c.subnet, sdk.ToString(in.ClientToken))
	}
}

// byToken finds the live instances of a launch, waiting for them through the consistency window.
func (d *nodeDriver) byToken(ctx context.Context, token string, n int, cause error) ([]types.Instance, error) {
	var live []types.Instance
	ok, err := until(ctx, d.visibleBy(time.Now()), func() (bool, error) {
		all, err := d.instances(ctx, filter("tag:"+resource.TagToken, token))
		live = slices.DeleteFunc(all, func(i types.Instance) bool { return isEnding(stateOf(i)) })
		return len(live) >= n, err
	})
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, cause
	}
	return live, nil
}

// assign gives instances to members in order, and records them at once: from here on they cannot be lost.
func (d *nodeDriver) assign(
	ctx context.Context, rt resource.Runtime, members []*member, all []types.Instance, subnet resource.Ref, token string,
) error {
	slices.SortStableFunc(all, byLaunchIndex)
	records := make([]*resource.Record, 0, len(members))
	for i, m := range members {
		m.rec.ID = sdk.ToString(all[i].InstanceId)
		m.rec.Phase, m.rec.UpdatedAt = resource.PhaseLaunching, time.Now()
		n := resource.Clone(m.node())
		n.Subnet, n.LaunchToken = subnet, token
		took(n, all[i])
		m.rec.Spec = n
		records = append(records, new(*m.rec))
		rt.Progress(m.rec.Address, resource.PhaseLaunching, "waits for the instance to run")
	}
	return rt.Checkpoint(ctx, records...)
}

// await reports the members whose instances run, and returns those that need another one.
func (d *nodeDriver) await(ctx context.Context, rt resource.Runtime, members []*member, report reporter) []*member {
	byID, tokens := map[string]*member{}, map[string]string{}
	for _, m := range members {
		byID[m.rec.ID], tokens[m.rec.ID] = m, m.node().LaunchToken
	}
	var again []*member
	left, err := d.poll.wait(ctx, tokens, d.cloud.opts.LaunchTimeout, decided, hasCome, func(i types.Instance) {
		m := byID[sdk.ToString(i.InstanceId)]
		if stateOf(i) == types.InstanceStateNameRunning {
			n := resource.Clone(m.node())
			took(n, i)
			m.rec.Spec, m.rec.Phase = n, resource.PhaseReady
			report(m, finish(m.rec, d.giveProfile(ctx, rt, m, i)))
			return
		}
		m.dead++
		lost := m.rec.ID
		m.rec.ID = ""
		if !isEnding(stateOf(i)) {
			d.abandon(ctx, lost)
		}
		if m.dead < launchTries {
			rt.Progress(m.rec.Address, resource.PhaseLaunching, lost+" never ran ("+stateReason(i)+"); launching another")
			again = append(again, m)
			return
		}
		report(m, resource.Result{Err: &resource.Error{
			Op: "ec2:RunInstances", Code: deadCode(i), Address: m.rec.Address, ID: lost, Hint: hint(deadCode(i)),
			Message: fmt.Sprintf("%d instances in a row never ran, the last because: %s", m.dead, stateReason(i)),
		}})
	})
	for _, id := range left {
		cause := err
		if cause == nil {
			cause = &resource.Error{
				Op: "ec2:DescribeInstances", Address: byID[id].rec.Address, ID: id,
				Message: fmt.Sprintf("the instance is not running after %s", d.cloud.opts.LaunchTimeout),
				Hint:    "Apply again to go on waiting, or look at its console output",
			}
		}
		report(byID[id], finish(byID[id].rec, cause))
	}
	return again
}

// abandon terminates an instance that stopped instead of running; what goes wrong shows in the next plan.
func (d *nodeDriver) abandon(ctx context.Context, id string) {
	_, _ = d.ec2.TerminateInstances(ctx, terminateInput([]string{id}))
}

func hasLeftPending(i types.Instance) bool {
	s := stateOf(i)
	return s != types.InstanceStateNamePending && s != ""
}

// decided are the states that end the wait for a launch.
var decided = []types.InstanceStateName{
	types.InstanceStateNameRunning, types.InstanceStateNameShuttingDown, types.InstanceStateNameTerminated, types.InstanceStateNameStopping,
	types.InstanceStateNameStopped,
}

// hasCome says that a launch is decided: the instance runs, with its tags to be seen, or it never will.
func hasCome(i types.Instance) bool {
	if stateOf(i) == types.InstanceStateNameRunning {
		return ec2Tags(i.Tags)[resource.TagToken] != ""
	}
	return hasLeftPending(i)
}

func deadCode(i types.Instance) string {
	if i.StateReason == nil {
		return ""
	}
	return printable(sdk.ToString(i.StateReason.Code))
}

// Details of a launch's intent, with which another run can issue the same call again.
const (
	detailSubnet = "subnet_id"
	detailType   = "instance_type"
	detailSpec   = "spec"
)

func launchIntent(r *region, b *batch, c candidate, members []*member, attempt int, in *runInput) resource.Intent {
	out := resource.Intent{
		Operation: resource.Create, Kind: resource.KindNode, UID: members[0].rec.UID, Region: r.name, Token: sdk.ToString(in.ClientToken),
		Generation: members[0].change.Generation, Attempt: attempt, At: time.Now(),
		Detail: map[string]string{
			detailSubnet: sdk.ToString(in.NetworkInterfaces[0].SubnetId), detailType: c.instanceType, detailSpec: b.digest,
			"count": strconv.Itoa(len(members)),
		},
	}
	for _, m := range members {
		out.Addresses = append(out.Addresses, m.rec.Address)
	}
	return out
}

// launchToken is the client token of one launch: another for everything that makes it another launch, and the same when
// the same launch is asked for again.
func launchToken(b *batch, c candidate, subnet string, members []*member, attempt int) string {
	first := members[0]
	more := []string{b.digest, subnet, c.instanceType, strconv.Itoa(attempt)}
	for _, m := range members {
		more = append(more, cmp.Or(m.change.Token, string(m.rec.Address)))
	}
	return resource.Token(first.rec.UID, first.node().Pool, first.change.Generation, more...)
}

// isUnknownProfile is said of an instance profile for some seconds after it was made.
func isUnknownProfile(err error) bool {
	if !isCode(err, "InvalidParameterValue") {
		return false
	}
	text := err.Error()
	return strings.Contains(text, "IAM Instance Profile") || strings.Contains(text, "iamInstanceProfile") || strings.Contains(text, "no associated IAM Roles")
}
