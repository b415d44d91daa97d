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

// rulesDriver keeps the rules of security groups. A rule has no life of its own here: the object is all rules of a group,
// its ID the group's, and every change converges them, in at most one call per direction and verb.
type rulesDriver struct{ *region }

// list observes the rules of groups; only by cluster or by (group) id.
func (d *rulesDriver) list(ctx context.Context, rt resource.Runtime, q query) ([]*found, error) {
	var out []*found
	for _, filters := range q.filters("group-id") {
		groups, err := d.groups(ctx, filters...)
		if err != nil {
			return nil, err
		}
		for _, g := range groups {
			group := sdk.ToString(g.GroupId)
			out = append(out, &found{id: group, tags: ec2Tags(g.Tags), spec: &resource.SecurityGroupRules{
				Group:   rt.Ref(resource.KindSecurityGroup, group),
				Ingress: rulesOf(rt, g.IpPermissions), Egress: rulesOf(rt, g.IpPermissionsEgress),
			}})
		}
	}
	return out, nil
}

// Read never reports unrecorded rules: they belong to their group, which is found by its own tags.
func (d *rulesDriver) Read(ctx context.Context, rt resource.Runtime, uids []string, recorded []*resource.Record) ([]resource.Observation, error) {
	all, err := readTagged(ctx, rt, d.region, resource.KindSecurityGroupRules, d, uids, recorded)
	return slices.DeleteFunc(all, func(o resource.Observation) bool { return o.Unrecorded }), err
}

// Recover finds the group by the intent's id and shows the rules it has: nothing is lost by making them anew.
func (d *rulesDriver) Recover(ctx context.Context, rt resource.Runtime, intents []resource.Intent) ([]resource.Recovery, error) {
	byID := slices.Clone(intents)
	for i := range byID {
		if byID[i].Operation == resource.Create {
			byID[i].Operation = resource.Update
		}
	}
	out, err := recoverTagged(ctx, rt, d.region, resource.KindSecurityGroupRules, d, byID)
	for i := range out {
		out[i].Intent = intents[i]
	}
	return out, err
}

// Apply converges the rules of each group.
func (d *rulesDriver) Apply(ctx context.Context, rt resource.Runtime, batch []resource.Change, report func(int, resource.Result)) {
	batch = slices.Clone(batch)
	for i := range batch {
		if c := &batch[i]; c.Operation == resource.Create && c.Before == nil {
			// The id is known beforehand, and recovery needs it.
			if group, ok := rt.ID(c.After.Spec.(*resource.SecurityGroupRules).Group); ok {
				c.After = new(*c.After)
				c.After.ID = group
			}
		}
	}
	applyEach(ctx, rt, d.region, resource.KindSecurityGroupRules, batch, report, func(c resource.Change) resource.Result {
		if c.Operation == resource.Delete {
			if err := d.converge(ctx, rt, c.Before.ID, &resource.SecurityGroupRules{}); ignoreNotFound(err) != nil {
				return finish(new(*c.Before), err)
			}
			return resource.Result{}
		}
		want := c.After.Spec.(*resource.SecurityGroupRules)
		group, err := id(rt, want.Group)
		if err != nil {
			return resource.Result{Record: c.Before, Err: describe(err, c.Address(), "")}
		}
		rec := recordOf(c, group)
		return finish(rec, d.converge(ctx, rt, group, want))
	})
}

// recordOf is the record of what a change makes or keeps.
func recordOf(c resource.Change, id string) *resource.Record {
	rec := &resource.Record{Generation: c.Generation}
	if c.Before != nil {
		rec = new(*c.Before)
	}
	rec.Object = *c.After
	rec.Spec = resource.Clone(c.After.Spec)
	rec.ID = id
	return rec
}

func (d *rulesDriver) converge(ctx context.Context, rt resource.Runtime, group string, want *resource.SecurityGroupRules) error {
	var have *resource.SecurityGroupRules
	deleting := want.Group == ""
	_, err := until(ctx, d.visibleBy(time.Now()), func() (bool, error) {
		all, err := d.list(ctx, rt, query{ids: []string{group}})
		if f := first(all); f != nil {
			have = f.spec.(*resource.SecurityGroupRules)
		}
		return have != nil || deleting, err
	})
	if err != nil || have == nil {
		if err == nil && !deleting {
			err = fmt.Errorf("the security group %s does not exist", group)
		}
		return err
	}
	wantIn, err := resolveRules(rt, want.Ingress)
	if err != nil {
		return err
	}
	wantOut, err := resolveRules(rt, want.Egress)
	if err != nil {
		return err
	}
	haveIn, _ := resolveRules(rt, have.Ingress)
	haveOut, _ := resolveRules(rt, have.Egress)
	err = inTurn(
		func() error { return d.direction(ctx, group, wantIn, haveIn, false) },
		func() error { return d.direction(ctx, group, wantOut, haveOut, true) },
	)
	if err != nil || sameRules(wantIn, haveIn) && sameRules(wantOut, haveOut) {
		return err
	}
	_, err = until(ctx, d.visibleBy(time.Now()), func() (bool, error) {
		all, err := d.list(ctx, rt, query{ids: []string{group}})
		f := first(all)
		if f == nil {
			return deleting, err
		}
		now := f.spec.(*resource.SecurityGroupRules)
		nowIn, _ := resolveRules(rt, now.Ingress)
		nowOut, _ := resolveRules(rt, now.Egress)
		return sameRules(wantIn, nowIn) && sameRules(wantOut, nowOut), err
	})
	return err
}

func sameRules(a, b []resource.Rule) bool {
	add, drop := difference(a, b)
	return len(add) == 0 && len(drop) == 0
}

// direction lets in what is wanted before it shuts out what is not, so that nothing that stays allowed is cut. Only a rule
// whose description alone changed is, to AWS, the same rule, and must go before it can come again.
func (d *rulesDriver) direction(ctx context.Context, group string, want, have []resource.Rule, egress bool) error {
	add, drop := difference(want, have)
	var again []resource.Rule
	add = slices.DeleteFunc(add, func(r resource.Rule) bool {
		same := slices.ContainsFunc(drop, func(o resource.Rule) bool {
			o.Description = r.Description
			return o == r
		})
		if same {
			again = append(again, r)
		}
		return same
	})
	return inTurn(
		func() error { return d.authorize(ctx, group, add, egress) },
		func() error { return d.revoke(ctx, group, drop, egress) },
		func() error { return d.authorize(ctx, group, again, egress) },
	)
}

func (d *rulesDriver) authorize(ctx context.Context, group string, rules []resource.Rule, egress bool) error {
	return d.each(ctx, rules, "InvalidPermission.Duplicate", func(p []types.IpPermission) error {
		if egress {
			_, err := d.ec2.AuthorizeSecurityGroupEgress(ctx, &ec2.AuthorizeSecurityGroupEgressInput{GroupId: &group, IpPermissions: p})
			return err
		}
		_, err := d.ec2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: p})
		return err
	})
}

func (d *rulesDriver) revoke(ctx context.Context, group string, rules []resource.Rule, egress bool) error {
	return d.each(ctx, rules, "InvalidPermission.NotFound", func(p []types.IpPermission) error {
		if egress {
			_, err := d.ec2.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: &group, IpPermissions: p})
			return err
		}
		_, err := d.ec2.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: &group, IpPermissions: p})
		return err
	})
}

// each makes one call for all rules. One of them that is done already fails the whole call; then they go one by one.
func (d *rulesDriver) each(ctx context.Context, rules []resource.Rule, done string, call func([]types.IpPermission) error) error {
	if len(rules) == 0 {
		return nil
	}
	notYet := func(err error) bool { return isCode(err, "InvalidGroup.NotFound") }
	attempt := func(p []types.IpPermission) (finished bool, err error) {
		err = d.settled(ctx, func() error {
			err := call(p)
			if isCode(err, done) {
				finished = true
				return nil
			}
			return err
		}, notYet)
		return finished, err
	}
	partly, err := attempt(permissions(rules))
	if err != nil || !partly || len(rules) == 1 {
		return err
	}
	for _, r := range rules {
		if _, err := attempt(permissions([]resource.Rule{r})); err != nil {
			return err
		}
	}
	return nil
}

func rulesOf(rt resource.Runtime, permissions []types.IpPermission) []resource.Rule {
	var out []resource.Rule
	for _, p := range permissions {
		base := resource.Rule{Protocol: sdk.ToString(p.IpProtocol), FromPort: int(sdk.ToInt32(p.FromPort)), ToPort: int(sdk.ToInt32(p.ToPort))}
		if base.Protocol == "-1" {
			base.FromPort, base.ToPort = 0, 0
		}
		add := func(cidr string, group resource.Ref, text *string) {
			r := base
			r.CIDR, r.Group, r.Description = cidr, group, sdk.ToString(text)
			out = append(out, r)
		}
		for _, v := range p.IpRanges {
			add(sdk.ToString(v.CidrIp), "", v.Description)
		}
		for _, v := range p.Ipv6Ranges {
			add(sdk.ToString(v.CidrIpv6), "", v.Description)
		}
		for _, v := range p.PrefixListIds {
			add(sdk.ToString(v.PrefixListId), "", v.Description)
		}
		for _, v := range p.UserIdGroupPairs {
			add("", rt.Ref(resource.KindSecurityGroup, sdk.ToString(v.GroupId)), v.Description)
		}
	}
	return resource.SortRules(out)
}

// resolveRules replaces references by ids, so that two rules compare by what they are to AWS.
func resolveRules(rt resource.Runtime, rules []resource.Rule) ([]resource.Rule, error) {
	out := slices.Clone(rules)
	for i, r := range out {
		if r.Group != "" {
			group, err := id(rt, r.Group)
			if err != nil {
				return nil, err
			}
			out[i].Group = resource.Ref(group)
		}
		if r.Protocol == "-1" {
			out[i].FromPort, out[i].ToPort = 0, 0
		}
	}
	return out, nil
}

func difference(want, have []resource.Rule) (add, drop []resource.Rule) {
	for _, r := range want {
		if !slices.Contains(have, r) {
			add = append(add, r)
		}
	}
	for _, r := range have {
		if !slices.Contains(want, r) {
			drop = append(drop, r)
		}
	}
	return add, drop
}

// permissions are rules in EC2's form, with references resolved.
func permissions(rules []resource.Rule) []types.IpPermission {
	out := make([]types.IpPermission, 0, len(rules))
	for _, r := range rules {
		p := types.IpPermission{IpProtocol: &r.Protocol}
		if r.Protocol != "-1" {
			p.FromPort, p.ToPort = new(int32(r.FromPort)), new(int32(r.ToPort))
		}
		var text *string
		if r.Description != "" {
			text = &r.Description
		}
		switch {
		case r.Group != "":
			p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: new(string(r.Group)), Description: text}}
		case strings.HasPrefix(r.CIDR, "pl-"):
			p.PrefixListIds = []types.PrefixListId{{PrefixListId: &r.CIDR, Description: text}}
		case strings.Contains(r.CIDR, ":"):
			p.Ipv6Ranges = []types.Ipv6Range{{CidrIpv6: &r.CIDR, Description: text}}
		default:
			p.IpRanges = []types.IpRange{{CidrIp: &r.CIDR, Description: text}}
		}
		out = append(out, p)
	}
	return out
}
