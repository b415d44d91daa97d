package workload

import (
	"context"
	"strings"

	"github.com/clusterform/clusterform/planner/resource"
)

// Recover looks for what interrupted changes made. Applying is idempotent, so that only two things matter: what a create
// made, in case it is no longer wanted, and whether a delete came to its end.
func (d *Driver) Recover(ctx context.Context, rt resource.Runtime, intents []resource.Intent) ([]resource.Recovery, error) {
	out := make([]resource.Recovery, 0, len(intents))
	for _, in := range intents {
		out = append(out, d.recoverOne(ctx, rt, in))
	}
	return out, ctx.Err()
}

func (d *Driver) recoverOne(ctx context.Context, rt resource.Runtime, in resource.Intent) resource.Recovery {
	r := resource.Recovery{Intent: in, Status: resource.Unread}
	if len(in.Addresses) == 0 {
		r.Status = resource.Gone
		return r
	}
	address := in.Addresses[0]
	rec, recorded := rt.Record(address)
	if in.Operation != resource.Create {
		if !recorded {
			r.Status = resource.Gone
			return r
		}
		return d.recoverRecorded(ctx, rt, r, rec)
	}
	obj := &resource.Object{
		Address: address, Kind: in.Kind, Cluster: resource.Address(in.Detail["cluster"]), UID: in.UID, Region: in.Region, Spec: specOf(in),
	}
	obj.ID = idOf(obj)
	return d.look(ctx, rt, r, obj)
}

// recoverRecorded is about an update, which is compared like everything else, or a delete.
func (d *Driver) recoverRecorded(ctx context.Context, rt resource.Runtime, r resource.Recovery, rec *resource.Record) resource.Recovery {
	if r.Intent.Operation == resource.Update {
		r.Status, r.Found = resource.Present, map[resource.Address]*resource.Object{rec.Address: &rec.Object}
		return r
	}
	obj := rec.Object
	return d.look(ctx, rt, r, &obj)
}

// look finds which of a block's objects exist and are ours.
func (d *Driver) look(ctx context.Context, rt resource.Runtime, r resource.Recovery, obj *resource.Object) resource.Recovery {
	keys := keysOf(obj.Spec)
	if !ready(rt, obj.Cluster) && len(live(obj.Spec)) == 0 && r.Intent.Operation == resource.Create {
		r.Reason = "its cluster has no control plane that is ready"
		// Nothing can have been made where nobody ever answered; and the objects go with the cluster.
		r.Status = resource.Gone
		return r
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	a, err := d.connect(ctx, rt, obj.Cluster)
	if err != nil {
		r.Reason = firstLine(err)
		return r
	}
	is := map[string]string{}
	var objects []string
	for _, k := range keys {
		u, err := a.lookUp(ctx, gvkOf(obj.Spec, k.kind), k)
		if err != nil {
			r.Reason = firstLine(err)
			return r
		}
		if u != nil && applied(u) {
			is[k.String()] = liveDigest(u)
			objects = append(objects, k.String())
		}
	}
	if len(objects) == 0 {
		r.Status = resource.Gone
		return r
	}
	obj.Spec = resource.Clone(obj.Spec)
	setLive(obj.Spec, is, objects)
	r.Status, r.Found = resource.Present, map[resource.Address]*resource.Object{obj.Address: obj}
	return r
}

// specOf is what an intent tells of a block. Its content is not known, so that it is applied again.
func specOf(in resource.Intent) resource.Spec {
	if in.Kind == resource.KindManifest {
		return &resource.Manifest{APIVersion: in.Detail["api_version"], ObjectKind: in.Detail["object_kind"], Namespace: in.Detail["namespace"], Name: in.Detail["name"]}
	}
	return &resource.Workload{
		Orchestrator: in.Detail["orchestrator"], Namespace: in.Detail["namespace"], Name: in.Detail["name"], Type: in.Detail["type"],
		Objects: strings.Fields(in.Detail["objects"]),
	}
}
