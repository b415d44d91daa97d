package aws

import (
	"cmp"
	"context"
	"slices"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/planner/resource"
)

// openLaunch is a launch that a dead run announced, with the members that still want an instance of it.
type openLaunch struct {
	intent  resource.Intent
	members []*member
}

// openLaunches groups members by the launches they take up, the latest attempts first.
func openLaunches(members []*member) []*openLaunch {
	byToken := map[string]*openLaunch{}
	var out []*openLaunch
	for _, m := range members {
		for _, in := range m.change.Adopt {
			if in.Operation != resource.Create || in.Token == "" {
				continue
			}
			o := byToken[in.Token]
			if o == nil {
				o = &openLaunch{intent: in}
				byToken[in.Token] = o
				out = append(out, o)
			}
			o.members = append(o.members, m)
		}
	}
	slices.SortStableFunc(out, func(a, b *openLaunch) int { return cmp.Compare(b.intent.Attempt, a.intent.Attempt) })
	return out
}

func nextAttempt(adopt []resource.Intent) int {
	next := 0
	for _, in := range adopt {
		if in.Operation == resource.Create {
			next = max(next, in.Attempt+1)
		}
	}
	return next
}

// adopt gives members the instances that a dead run launched for them. The token is looked up first and used again only
// when nothing carries it. What stays without an instance is returned as rest.
func (d *nodeDriver) adopt(ctx context.Context, rt resource.Runtime, members []*member, report reporter) (up []*batch, rest []*member) {
	launches := openLaunches(members)
	if len(launches) == 0 {
		return nil, members
	}
	var tokens []string
	for _, l := range launches {
		tokens = append(tokens, l.intent.Token)
	}
	live, err := d.launchedWith(ctx, rt, tokens)
	if err != nil {
		report.fail(members, err)
		return nil, nil
	}
	settled := map[*member]bool{}
	for _, l := range launches {
		l.members = slices.DeleteFunc(l.members, func(m *member) bool { return settled[m] })
		slices.SortFunc(l.members, func(a, b *member) int { return resource.Compare(a.rec.Address, b.rec.Address) })
		if len(l.members) == 0 {
			continue
		}
		all := live[l.intent.Token]
		if len(all) < len(l.members) && isLatest(l) {
			if all, err = d.takeUp(ctx, rt, l, all); err != nil {
				report.fail(l.members, err)
				for _, m := range l.members {
					settled[m] = true
				}
				continue
			}
		}
		got := l.members[:min(len(all), len(l.members))]
		if len(got) == 0 {
			continue
		}
		for _, m := range got {
			settled[m] = true
		}
		digest := resource.SpecDigest(got[0].node())
		if err := d.assignFound(ctx, rt, got, all); err != nil {
			report.fail(got, err)
			continue
		}
		up = append(up, &batch{
			members: got, digest: digest, attempt: nextAttempt(got[0].change.Adopt), launched: true, exhausted: map[candidate]int{},
		})
	}
	for _, m := range members {
		if !settled[m] {
			rest = append(rest, m)
		}
	}
	return up, rest
}

// isLatest is false for a launch after which its run made another attempt: it had failed for good.
func isLatest(l *openLaunch) bool {
	return nextAttempt(l.members[0].change.Adopt) == l.intent.Attempt+1
}

// launchedWith finds the live instances, by token, that no record has.
func (d *nodeDriver) launchedWith(ctx context.Context, rt resource.Runtime, tokens []string) (map[string][]types.Instance, error) {
	out := map[string][]types.Instance{}
	for part := range slices.Chunk(tokens, filterValues) {
		all, err := d.instances(ctx, filter("tag:"+resource.TagToken, part...))
		if err != nil {
			return nil, err
		}
		slices.SortStableFunc(all, byLaunchIndex)
		for _, i := range all {
			id := sdk.ToString(i.InstanceId)
			if token := ec2Tags(i.Tags)[resource.TagToken]; !isEnding(stateOf(i)) && string(rt.Ref(resource.KindNode, id)) == id {
				out[token] = append(out[token], i)
			}
		}
	}
	return out, nil
}

// takeUp gets the instances of a launch of which not all show: by the same call with the same token when it can be made
// again exactly, and else by waiting until they must show.
func (d *nodeDriver) takeUp(ctx context.Context, rt resource.Runtime, l *openLaunch, live []types.Instance) ([]types.Instance, error) {
	if in := l.intent; in.Detail[detailSpec] == resource.SpecDigest(l.members[0].node()) && len(in.Addresses) == len(l.members) &&
		in.Detail[detailSubnet] != "" && in.Detail[detailType] != "" {
		all, err := d.reissue(ctx, rt, l)
		if err == nil {
			return slices.DeleteFunc(all, func(i types.Instance) bool { return isEnding(stateOf(i)) }), nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if isCapacity(err) || isCode(err, "IdempotentInstanceTerminated") {
			return live, nil // nothing was launched, or nothing is left
		}
		if !isCode(err, "IdempotentParameterMismatch") && !ambiguous(err) {
			return nil, err
		}
	}
	_, err := until(ctx, d.visibleBy(l.intent.At), func() (bool, error) {
		found, err := d.launchedWith(ctx, rt, []string{l.intent.Token})
		if now := found[l.intent.Token]; len(now) > len(live) {
			live = now
		}
		return len(live) >= len(l.members), err
	})
	return live, err
}

func (d *nodeDriver) reissue(ctx context.Context, rt resource.Runtime, l *openLaunch) ([]types.Instance, error) {
	b := &batch{members: l.members, digest: l.intent.Detail[detailSpec]}
	in, err := d.inputFor(ctx, rt, b, l.intent.Detail[detailType], l.intent.Detail[detailSubnet], l.members, l.intent.Token)
	if err != nil {
		return nil, err
	}
	again := l.intent
	again.Seq, again.At = 0, time.Now()
	if err := rt.Intend(ctx, again); err != nil {
		return nil, err
	}
	return d.runInstances(ctx, in)
}

// assignFound is assign for instances that another run launched. One launched with other parameters than are wanted now
// is taken, too, and recorded as it is: the next plan replaces it.
func (d *nodeDriver) assignFound(ctx context.Context, rt resource.Runtime, members []*member, all []types.Instance) error {
	digest := resource.SpecDigest(members[0].node())
	for i, m := range members {
		tags := ec2Tags(all[i].Tags)
		if tags[resource.TagSpec] != digest {
			want, n := m.node(), foundInstance(rt, all[i]).spec.(*resource.Node)
			resource.TakeUnobserved(n, want)
			n.Role, n.DiskGiB, n.UserData, n.Setup = want.Role, want.DiskGiB, "unknown", ""
			m.rec.Spec = n
		}
		subnet := rt.Ref(resource.KindSubnet, sdk.ToString(all[i].SubnetId))
		if err := d.assign(ctx, rt, []*member{m}, all[i:i+1], subnet, tags[resource.TagToken]); err != nil {
			return err
		}
	}
	return nil
}
