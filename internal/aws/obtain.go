package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clusterform/clusterform/planner/resource"
)

// blindTries is how often a create without a client token is sent when its outcome stays open.
const blindTries = 4

// obtain returns the object of a create: the one that an earlier run or an earlier try made, or a new one. The spec of
// what it returns is nil when only the id is known.
func (d *driver) obtain(ctx context.Context, rt resource.Runtime, c resource.Change) (*found, error) {
	f, token, err := d.adopt(ctx, rt, c)
	if f != nil || err != nil {
		return f, err
	}
	tags := ownTags(c.After, tagsOf(c.After.Spec), token)
	for try := 1; ; try++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		id, err := d.handler.create(ctx, rt, c.After, tags)
		if err == nil {
			if try > 1 {
				d.sweep(ctx, rt, token, id)
			}
			return &found{id: id}, nil
		}
		if isTaken(err) {
			return d.takeOver(ctx, rt, c, err, try > 1 || len(c.Adopt) > 0)
		}
		if !isAmbiguous(err) || try == blindTries {
			return nil, err
		}
		f, lookErr := d.lookFor(ctx, rt, c.Address(), token, time.Now())
		if lookErr != nil {
			return nil, lookErr
		}
		if f != nil {
			return f, nil
		}
	}
}

// repeatable is a handler whose create can be sent again without making a second object: its name or range is taken
// then (see isTaken), or the call has a client token. Nothing needs to be waited for before it is.
type repeatable interface{ repeatable() }

func (*subnets) repeatable()        {}
func (*securityGroups) repeatable() {}
func (*roles) repeatable()          {}
func (*loadBalancers) repeatable()  {}
func (*routeTables) repeatable()    {}

// adopt looks for what the open intents of a dead run made, and returns the token to create with if that is nothing.
func (d *driver) adopt(ctx context.Context, rt resource.Runtime, c resource.Change) (f *found, token string, err error) {
	token = c.Token
	for _, in := range c.Adopt {
		if in.Operation != resource.Create || in.Token == "" {
			continue
		}
		if f, err := d.lookFor(ctx, rt, c.Address(), in.Token, in.At); f != nil || err != nil {
			return f, "", err
		}
		token = in.Token
	}
	return nil, token, nil
}

// lookFor looks for the object made with a token, at least once and, unless the create can be repeated, until anything
// made at that time must be visible. When there are several, it keeps the first and deletes the others.
func (d *driver) lookFor(ctx context.Context, rt resource.Runtime, address resource.Address, token string, made time.Time) (*found, error) {
	var all []*found
	bound := d.region.visibleBy(made)
	if _, ok := d.handler.(repeatable); ok {
		bound = time.Time{}
	} else if left := time.Until(bound); left > 0 {
		rt.Progress(address, "", fmt.Sprintf("looking for up to %s for what an interrupted call made: it may not be visible yet", left.Round(time.Second)))
	}
	_, err := until(ctx, bound, func() (bool, error) {
		var err error
		all, err = d.handler.list(ctx, rt, query{tokens: []string{token}})
		return len(all) > 0, err
	})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	slices.SortFunc(all, func(a, b *found) int { return strings.Compare(a.id, b.id) })
	return all[0], d.discard(ctx, rt, all[1:])
}

// sweep deletes what earlier tries of a create made after all. It is a courtesy: what does not show yet is found by the
// next plan, through its tags.
func (d *driver) sweep(ctx context.Context, rt resource.Runtime, token, keep string) {
	all, err := d.handler.list(ctx, rt, query{tokens: []string{token}})
	if err == nil {
		_ = d.discard(ctx, rt, slices.DeleteFunc(all, func(f *found) bool { return f.id == keep }))
	}
}

func (d *driver) discard(ctx context.Context, rt resource.Runtime, extra []*found) error {
	for _, f := range extra {
		rec := &resource.Record{Object: *f.object(d.handler.kind(), d.region.name)}
		if err := d.handler.remove(ctx, rt, rec); ignoreNotFound(err) != nil {
			return err
		}
	}
	return nil
}

// isTaken says that a name or range, which only one object can have, is in use.
func isTaken(err error) bool {
	return isCode(err, "InvalidGroup.Duplicate", "InvalidSubnet.Conflict", "EntityAlreadyExists", "DuplicateLoadBalancerName",
		"DuplicateLoadBalancerNameException", "DuplicateTargetGroupName")
}

// takeOver adopts the object that has the wanted name if it is ours and stands for the same address: an earlier call made
// it, and its answer was lost. After such a call, one that shows no owner is given time: its tags may come later than itself.
func (d *driver) takeOver(ctx context.Context, rt resource.Runtime, c resource.Change, taken error, tried bool) (*found, error) {
	var f *found
	_, err := until(ctx, d.region.visibleBy(time.Now()), func() (bool, error) {
		now, err := d.handler.namesake(ctx, rt, c.After)
		if now != nil {
			f = now
		}
		return now != nil && (!tried || now.tags[resource.TagCluster] != ""), err
	})
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, taken
	}
	if f.tags[resource.TagCluster] == c.After.UID && f.tags[resource.TagAddress] == tagAddress(c.After) {
		return f, nil
	}
	e, _ := errors.AsType[*resource.Error](describe(taken, c.Address(), ""))
	owner := "is not managed by clusterform"
	if uid := f.tags[resource.TagCluster]; uid != "" {
		owner = fmt.Sprintf("belongs to cluster %s as %s", printable(uid), printable(f.tags[resource.TagAddress]))
	}
	e.Message += fmt.Sprintf(": %s has it, which %s", f.id, owner)
	e.Hint = "Change the name or range, remove that object, or import it with an import block"
	return nil, e
}
