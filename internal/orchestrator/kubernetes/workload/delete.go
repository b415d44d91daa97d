package workload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/clusterform/clusterform/planner/resource"
)

// remove deletes the recorded objects of a block: those first that were made last.
func (d *Driver) remove(ctx context.Context, rt resource.Runtime, c resource.Change) resource.Result {
	o := &c.Before.Object
	keys := keysOf(o.Spec)
	if len(keys) == 0 || rt.WaitLaunched() && !ready(rt, o.Cluster) {
		return resource.Result{}
	}
	progress := func(s string) { rt.Progress(o.Address, "", s) }
	var a *api
	err := d.persist(ctx, progress, func() (err error) {
		a, err = d.connect(ctx, rt, o.Cluster)
		return err
	})
	if err != nil {
		return finish(new(*c.Before), d.explain(o, plain, err))
	}
	var errs []error
	for _, k := range slices.Backward(keys) {
		errs = append(errs, d.removeObject(ctx, a, gvkOf(o.Spec, k.kind), k, progress))
	}
	if err := errors.Join(errs...); err != nil {
		return finish(new(*c.Before), d.explain(o, plain, err))
	}
	return resource.Result{}
}

func plain(s string) string { return s }

// removeObject deletes an object that we apply, and returns when it is gone. One that somebody else has put in its place is
// left alone.
func (d *Driver) removeObject(ctx context.Context, a *api, gvk schema.GroupVersionKind, k key, progress func(string)) error {
	end := time.Now().Add(d.bounds.delete)
	asked, tries := "", 0
	for {
		var finalizers []string
		gone := false
		err := d.persist(ctx, progress, func() error {
			u, err := a.get(ctx, gvk, k)
			if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) || err == nil && (asked == "" && !applied(u) || asked != "" && string(u.GetUID()) != asked) {
				gone = true
				return nil
			}
			if err != nil {
				return failed("Get", k, err)
			}
			finalizers = u.GetFinalizers()
			if u.GetDeletionTimestamp() == nil {
				err = a.delete(ctx, u)
				if apierrors.IsNotFound(err) || apierrors.IsConflict(err) { // a conflict: another one has its name
					return nil
				}
			}
			asked = string(u.GetUID())
			return failedOrNil("Delete", k, err)
		})
		if err != nil || gone {
			return err
		}
		if time.Now().After(end) {
			f := &failure{op: "Delete", key: k, message: fmt.Sprintf("it is still there after %s", d.bounds.delete)}
			if len(finalizers) > 0 {
				f.message += "; it waits for " + strings.Join(finalizers, ", ")
				f.hint = "Look at what it owns with kubectl; apply again to go on waiting"
			}
			return f
		}
		if tries++; tries == 1 {
			continue // most things go at once
		}
		if tries == 2 {
			progress("waiting for " + k.text() + " to go")
		}
		if err := sleep(ctx, d.bounds.poll/2); err != nil {
			return err
		}
	}
}
