package aws

import (
	"context"
	"slices"
	"time"

	"github.com/clusterform/clusterform/planner/resource"
)

// lister lists found objects of one kind.
type lister interface {
	list(ctx context.Context, rt resource.Runtime, q query) ([]*found, error)
}

// Read observes what is recorded and finds what carries our tags without a record.
func (d *driver) Read(ctx context.Context, rt resource.Runtime, uids []string, recorded []*resource.Record) ([]resource.Observation, error) {
	return readTagged(ctx, rt, d.region, d.handler.kind(), d.handler, uids, recorded)
}

func readTagged(
	ctx context.Context, rt resource.Runtime, r *region, kind resource.Kind, l lister, uids []string, recorded []*resource.Record,
) ([]resource.Observation, error) {
	seen := map[string]*found{}
	var order []string
	add := func(all []*found) {
		for _, f := range all {
			if seen[f.id] == nil {
				order = append(order, f.id)
			}
			seen[f.id] = f
		}
	}
	if len(uids) > 0 {
		all, err := l.list(ctx, rt, query{uids: uids})
		if err != nil {
			return nil, describe(err, "", "")
		}
		add(all)
	}
	unread := readMissing(ctx, rt, r, l, seen, recorded, add)
	out := make([]resource.Observation, 0, len(recorded))
	known := make(map[string]bool, len(recorded))
	for _, rec := range recorded {
		known[rec.ID] = true
		out = append(out, observe(rec, seen[rec.ID], unread))
	}
	for _, id := range order {
		if f := seen[id]; !known[id] && f.gone == "" {
			o := f.object(kind, r.name)
			out = append(out, resource.Observation{
				Address: o.Address, ID: id, Status: resource.Present, Object: o, Phase: f.phase, Reason: f.trouble,
				Unrecorded: true, Token: f.tags[resource.TagToken], SpecDigest: f.tags[resource.TagSpec],
			})
		}
	}
	return out, nil
}

// readMissing asks by id for the recorded objects that the list by tag did not show: untagged by hand, or gone, or so new
// that they do not show yet, which is waited out. The error is that of the last look.
func readMissing(
	ctx context.Context, rt resource.Runtime, r *region, l lister, seen map[string]*found, recorded []*resource.Record, add func([]*found),
) error {
	missing := func(rec *resource.Record) bool { return rec.ID != "" && seen[rec.ID] == nil }
	look := func(recs []*resource.Record) error {
		q := query{}
		for _, rec := range recs {
			q.ids = append(q.ids, rec.ID)
		}
		all, err := l.list(ctx, rt, q)
		add(all)
		return err
	}
	absent := slices.DeleteFunc(slices.Clone(recorded), func(rec *resource.Record) bool { return !missing(rec) })
	if len(absent) == 0 {
		return nil
	}
	if err := look(absent); err != nil {
		return err
	}
	// What was recorded long ago and does not show is gone; the rest gets its time.
	var young []*resource.Record
	var bound time.Time
	now := time.Now()
	for _, rec := range absent {
		if by := r.visibleBy(rec.UpdatedAt); missing(rec) && now.Before(by) {
			young = append(young, rec)
			if by.After(bound) {
				bound = by
			}
		}
	}
	if len(young) == 0 {
		return nil
	}
	_, err := until(ctx, bound, func() (bool, error) {
		young = slices.DeleteFunc(young, func(rec *resource.Record) bool { return !missing(rec) })
		if len(young) == 0 {
			return true, nil
		}
		return false, look(young)
	})
	return err
}

// observe compares what was found with a record; unread is why the search for missing ones is not proof.
func observe(rec *resource.Record, f *found, unread error) resource.Observation {
	ob := resource.Observation{Address: rec.Address, ID: rec.ID}
	switch {
	case rec.ID == "":
		ob.Status, ob.Reason = resource.Gone, "it was never made"
	case f == nil && unread != nil:
		ob.Status, ob.Err = resource.Unread, describe(unread, rec.Address, rec.ID)
	case f == nil:
		ob.Status, ob.Reason = resource.Gone, "deleted outside clusterform"
	case f.gone != "":
		ob.Status, ob.Reason = resource.Gone, f.gone
	default:
		o := new(rec.Object)
		o.Spec = resource.Clone(f.spec)
		align(o.Spec, rec.Spec)
		resource.TakeUnobserved(o.Spec, rec.Spec)
		ob.Status, ob.Object, ob.Phase, ob.Reason = resource.Present, o, f.phase, f.trouble
		ob.Token, ob.SpecDigest = f.tags[resource.TagToken], f.tags[resource.TagSpec]
	}
	return ob
}

// Recover looks up what open intents made.
func (d *driver) Recover(ctx context.Context, rt resource.Runtime, intents []resource.Intent) ([]resource.Recovery, error) {
	return recoverTagged(ctx, rt, d.region, d.handler.kind(), d.handler, intents)
}

func recoverTagged(
	ctx context.Context, rt resource.Runtime, r *region, kind resource.Kind, l lister, intents []resource.Intent,
) ([]resource.Recovery, error) {
	var tokens, byID []string
	for _, in := range intents {
		if in.Operation == resource.Create {
			if in.Token != "" {
				tokens = append(tokens, in.Token)
			}
			continue
		}
		byID = append(byID, in.IDs...)
	}
	byToken, seen := map[string][]*found{}, map[string]*found{}
	for _, q := range []query{{tokens: tokens}, {ids: byID}} {
		if len(q.tokens) == 0 && len(q.ids) == 0 {
			continue
		}
		all, err := l.list(ctx, rt, q)
		if err != nil {
			return nil, describe(err, "", "")
		}
		for _, f := range all {
			if f.gone == "" {
				seen[f.id] = f
				byToken[f.tags[resource.TagToken]] = append(byToken[f.tags[resource.TagToken]], f)
			}
		}
	}
	out := make([]resource.Recovery, 0, len(intents))
	for _, in := range intents {
		var made []*found
		if in.Operation == resource.Create {
			made = byToken[in.Token]
		} else {
			for _, id := range in.IDs {
				made = append(made, seen[id]) // nil keeps the place of one that is gone
			}
		}
		out = append(out, recovery(r, kind, in, made))
	}
	return out, nil
}

// recovery assigns what was found to an intent's addresses, in order.
func recovery(r *region, kind resource.Kind, in resource.Intent, made []*found) resource.Recovery {
	rec := resource.Recovery{Intent: in, Found: map[resource.Address]*resource.Object{}}
	for i, a := range in.Addresses {
		if i < len(made) && made[i] != nil {
			o := made[i].object(kind, r.name)
			o.Address, o.UID = a, in.UID
			rec.Found[a] = o
		}
	}
	switch {
	case len(rec.Found) == len(in.Addresses):
		rec.Status, rec.Reason = resource.Present, "the call took effect"
		if in.Operation != resource.Create {
			rec.Reason = "the object is still there"
		}
	case in.Operation != resource.Delete && time.Now().Before(r.visibleBy(in.At)):
		rec.Status, rec.Reason = resource.Unread, "nothing was found; it may still appear"
	default:
		rec.Status, rec.Reason = resource.Gone, "nothing was found"
	}
	return rec
}

// align puts lists, whose order means nothing to the service, into the order of the record when their content is the same.
func align(observed, recorded resource.Spec) {
	switch o := observed.(type) {
	case *resource.RouteTable:
		r := recorded.(*resource.RouteTable)
		o.Routes, o.Subnets = likeOrder(o.Routes, r.Routes), likeOrder(o.Subnets, r.Subnets)
	case *resource.SecurityGroupRules:
		r := recorded.(*resource.SecurityGroupRules)
		o.Ingress, o.Egress = likeOrder(o.Ingress, r.Ingress), likeOrder(o.Egress, r.Egress)
	case *resource.LoadBalancer:
		r := recorded.(*resource.LoadBalancer)
		o.Subnets, o.SecurityGroups = likeOrder(o.Subnets, r.Subnets), likeOrder(o.SecurityGroups, r.SecurityGroups)
	case *resource.Role:
		if r := recorded.(*resource.Role); sameJSON(o.Policy, r.Policy) {
			o.Policy = r.Policy
		}
	case *resource.Node:
		r := recorded.(*resource.Node)
		o.SecurityGroups = likeOrder(o.SecurityGroups, r.SecurityGroups)
		// Whether a public address was asked for and how large the disk is, an instance does not tell.
		o.PublicIP, o.DiskGiB, o.Role = r.PublicIP, r.DiskGiB, r.Role
	}
}

func likeOrder[T comparable](observed, recorded []T) []T {
	if len(observed) != len(recorded) {
		return observed
	}
	count := map[T]int{}
	for _, v := range recorded {
		count[v]++
	}
	for _, v := range observed {
		count[v]--
	}
	for _, n := range count {
		if n != 0 {
			return observed
		}
	}
	return recorded
}
