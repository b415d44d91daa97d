package workload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// applying is one block on its way to a cluster.
type applying struct {
	d        *Driver
	api      *api
	rec      *resource.Record
	before   *resource.Record // nil for a new one
	wanted   []*unstructured.Unstructured
	applied  []*unstructured.Unstructured // as the API answered, in step with wanted
	hide     func(string) string
	progress func(string)
}

// apply creates or updates the objects of one block, and follows them until they are as wanted.
func (d *Driver) apply(ctx context.Context, rt resource.Runtime, c resource.Change) resource.Result {
	rec := recordOf(c)
	a := &applying{d: d, rec: rec, before: c.Before, progress: func(s string) { rt.Progress(rec.Address, "", s) }}
	wanted, err := contentOf(rt, digestOf(rec.Spec))
	if err != nil {
		return resource.Result{Record: c.Before, Err: &resource.Error{Address: rec.Address, Message: err.Error()}}
	}
	a.wanted, a.hide = wanted, hider(wanted)
	if rt.WaitLaunched() && !ready(rt, rec.Cluster) {
		a.progress("not applied: the cluster's nodes were only launched; the next apply does it")
		setLive(rec.Spec, nil, nil)
		return finish(rec, nil)
	}
	err = d.persist(ctx, a.progress, func() error {
		a.api, err = d.connect(ctx, rt, rec.Cluster)
		return err
	})
	if err == nil {
		err = a.run(ctx, !rt.WaitLaunched())
	}
	if err != nil && c.Before == nil && len(a.applied) == 0 {
		return resource.Result{Err: d.explain(&rec.Object, a.hide, err)}
	}
	a.note(err)
	return finish(rec, d.explain(&rec.Object, a.hide, err))
}

// ready tells whether a control-plane node of the cluster is known to be ready.
func ready(rt resource.Runtime, cluster resource.Address) bool {
	const most = 5 // a control plane has at most so many
	for i := range most {
		if rec, ok := rt.Record(resource.Address(fmt.Sprintf("%s.control_plane[%d]", cluster, i))); ok && rec.Phase == resource.PhaseReady {
			return true
		}
	}
	return false
}

func (a *applying) run(ctx context.Context, wait bool) error {
	for _, u := range a.wanted {
		if err := a.namespace(ctx, u.GetNamespace()); err != nil {
			return err
		}
		u, err := a.object(ctx, u)
		if err != nil {
			return err
		}
		a.applied = append(a.applied, u)
	}
	if wait {
		if err := a.settle(ctx); err != nil {
			return err
		}
	}
	return a.prune(ctx)
}

// settle waits until what was applied is as wanted.
func (a *applying) settle(ctx context.Context) error {
	if m, ok := a.rec.Spec.(*resource.Manifest); ok {
		if !m.Wait {
			return nil
		}
		return a.awaitManifest(ctx, a.applied[0])
	}
	u := controllerOf(a.applied)
	if u == nil {
		return nil
	}
	err := a.rollOut(ctx, u)
	var stuck *rolloutError
	switch {
	case !errors.As(err, &stuck):
		return err
	case a.attribute(orchestrator.AttributeAutoRevert) == "true":
		return a.revert(ctx, u, stuck)
	default:
		return stuck.failure("")
	}
}

func (a *applying) attribute(name string) string {
	if w, ok := a.rec.Spec.(*resource.Workload); ok {
		return w.Attributes[name]
	}
	return ""
}

// namespace makes sure that there is one.
func (a *applying) namespace(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	k := key{kind: "Namespace", name: name}
	list := a.api.pods.Namespaces()
	return a.call(ctx, func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
		defer cancel()
		_, err := list.Get(ctx, name, metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			if apierrors.IsForbidden(err) && !away(err) {
				return nil // the apply of the object says more
			}
			return failedOrNil("Get", k, err)
		}
		_, err = list.Create(ctx, newNamespace(name), metav1.CreateOptions{FieldManager: fieldManager})
		if apierrors.IsAlreadyExists(err) {
			return nil
		}
		return failedOrNil("Create", k, err)
	})
}

func failedOrNil(op string, k key, err error) error {
	if err == nil {
		return nil
	}
	return failed(op, k, err)
}

// call makes one step of a change: when there is a place for it, and again while the API is away.
func (a *applying) call(ctx context.Context, f func() error) error {
	return a.d.persist(ctx, a.progress, func() error {
		select {
		case a.d.calls <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		defer func() { <-a.d.calls }()
		return f()
	})
}

// object applies one object. What cannot be changed in place and loses nothing by it is made anew.
func (a *applying) object(ctx context.Context, want *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	var got *unstructured.Unstructured
	k := keyFor(want)
	put := func() error {
		return a.call(ctx, func() error {
			var err error
			got, err = a.put(ctx, want)
			return failedOrNil("Apply", k, err)
		})
	}
	err := put()
	if err == nil || !a.renews(want, err) {
		return got, err
	}
	a.progress(k.text() + " cannot be changed and is made anew")
	if err := a.renew(ctx, want); err != nil {
		return nil, err
	}
	err = put()
	return got, err
}

// put applies an object; over others' fields where they are ours to set.
func (a *applying) put(ctx context.Context, want *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	if err := a.handOver(ctx, want); err != nil {
		return nil, err
	}
	got, err := a.api.patch(ctx, want, fieldManager, false, false)
	list := conflictsOf(err)
	if len(list) == 0 {
		return got, err
	}
	ours, err := a.ours(ctx, want)
	if err != nil {
		return nil, err
	}
	if !yields(list, ours, a.wasScaled()) {
		return nil, conflictError(keyFor(want), list, ours)
	}
	return a.api.patch(ctx, want, fieldManager, true, false)
}

// ours tells whether an object that exists was made by us.
func (a *applying) ours(ctx context.Context, want *unstructured.Unstructured) (bool, error) {
	if a.before != nil && slices.Contains(keysOf(a.before.Spec), keyFor(want)) {
		return true, nil
	}
	live, err := a.api.get(ctx, want.GroupVersionKind(), keyFor(want))
	if err != nil {
		return false, err
	}
	return applied(live), nil
}

// applied tells whether we apply an object.
func applied(u *unstructured.Unstructured) bool {
	return slices.ContainsFunc(u.GetManagedFields(), func(m metav1.ManagedFieldsEntry) bool {
		return m.Manager == fieldManager && m.Operation == metav1.ManagedFieldsOperationApply
	})
}

// wasScaled tells whether an autoscaler of ours was in charge of the number of replicas.
func (a *applying) wasScaled() bool {
	if a.before == nil {
		return false
	}
	w, ok := a.before.Spec.(*resource.Workload)
	return ok && w.Attributes[orchestrator.AttributeAutoscale] != ""
}

// handOver keeps the number of replicas when an autoscaler takes them over: a field that nobody applies any more falls back
// to 1, so another manager of ours holds it until the autoscaler has set its own.
func (a *applying) handOver(ctx context.Context, want *unstructured.Unstructured) error {
	if want.GetKind() != "Deployment" || a.before == nil || a.attribute(orchestrator.AttributeAutoscale) == "" || a.wasScaled() {
		return nil
	}
	live, err := a.api.get(ctx, want.GroupVersionKind(), keyFor(want))
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	hold := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": want.GetAPIVersion(), "kind": want.GetKind(),
		"metadata": map[string]any{"name": want.GetName(), "namespace": want.GetNamespace()},
		"spec":     map[string]any{"replicas": number(live, "spec", "replicas")},
	}}
	_, err = a.api.patch(ctx, hold, autoscaleManager, true, false)
	return err
}

// renews tells whether an object that could not be changed can be made anew without a loss: jobs, single pods, and the
// files and secrets that pods have read already.
func (a *applying) renews(want *unstructured.Unstructured, err error) bool {
	if _, ok := a.rec.Spec.(*resource.Workload); !ok {
		return false
	}
	var f *failure
	if !errors.As(err, &f) || f.err == nil || !apierrors.IsInvalid(f.err) {
		return false
	}
	switch want.GetKind() {
	case "Job", "Pod", "ConfigMap", "Secret":
		text := f.err.Error()
		return strings.Contains(text, "immutable") || strings.Contains(text, "may not change")
	}
	return false
}

func (a *applying) renew(ctx context.Context, want *unstructured.Unstructured) error {
	gvk, k := want.GroupVersionKind(), keyFor(want)
	ours, err := a.ours(ctx, want)
	if err != nil {
		return failed("Get", k, err)
	}
	if !ours {
		return &failure{op: "Delete", key: k, message: "it exists and was not made by clusterform", hint: "Delete it, or give the block another name or namespace"}
	}
	return a.d.removeObject(ctx, a.api, gvk, k, a.progress)
}

// prune removes the recorded objects that are no longer wanted.
func (a *applying) prune(ctx context.Context) error {
	if a.before == nil {
		return nil
	}
	if _, ok := a.rec.Spec.(*resource.Manifest); ok {
		return nil
	}
	var errs []error
	for _, k := range slices.Backward(keysOf(a.before.Spec)) {
		if slices.ContainsFunc(a.wanted, func(u *unstructured.Unstructured) bool { return keyFor(u) == k }) {
			continue
		}
		errs = append(errs, a.d.removeObject(ctx, a.api, gvkOf(a.rec.Spec, k.kind), k, a.progress))
	}
	return errors.Join(errs...)
}

// note records what is there now. After a failure that is also what was there before.
func (a *applying) note(err error) {
	live := map[string]string{}
	var objects []string
	for i, u := range a.applied {
		k := keyOf(a.wanted[i]) // which names no namespace where the block does not
		live[k] = liveDigest(u)
		objects = append(objects, k)
	}
	if err != nil && a.before != nil {
		for _, k := range keysOf(a.before.Spec) {
			objects = append(objects, k.String())
		}
	}
	setLive(a.rec.Spec, live, objects)
}
