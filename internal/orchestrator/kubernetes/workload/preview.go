package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

var _ planner.Previewer = (*Driver)(nil)

// Preview implements planner.Previewer: the object as it is, and as a dry run says that it would be, are asked for at the same
// time and compared.
func (d *Driver) Preview(ctx context.Context, rt resource.Runtime, in planner.PreviewRequest) (*planner.Preview, error) {
	objects, err := kubernetes.ParseContent(in.Content.Data)
	if err != nil {
		return nil, err
	}
	if len(objects) != 1 {
		return nil, fmt.Errorf("a manifest is one object, and here are %d", len(objects))
	}
	want := objects[0]
	veil := newVeil(want, in)
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	a, err := d.connect(ctx, rt, in.Cluster)
	if err != nil {
		return nil, errors.New(veil.hide(firstLine(err)))
	}
	var (
		live, got     *unstructured.Unstructured
		missed, wrong error
		force         bool
	)
	for range 3 { // a controller may change the object in between
		var wg sync.WaitGroup
		wg.Go(func() { live, missed = a.lookUp(ctx, want.GroupVersionKind(), keyFor(want)) })
		wg.Go(func() { got, wrong = a.dryRun(ctx, want, force) })
		wg.Wait()
		if missed != nil {
			return nil, errors.New(veil.hide(firstLine(missed)))
		}
		if list := conflictsOf(wrong); len(list) > 0 {
			if ours := in.Before != nil || live != nil && applied(live); !yields(list, ours, false) {
				return nil, refusal(veil, conflictError(keyFor(want), list, ours))
			}
			force = true
			continue
		}
		if live == nil || got == nil || live.GetResourceVersion() == got.GetResourceVersion() {
			break
		}
	}
	if wrong != nil {
		return nil, refused(veil, want, wrong)
	}
	return veil.compare(live, got), nil
}

// dryRun is patch without a change, and ends with ctx.
func (a *api) dryRun(ctx context.Context, u *unstructured.Unstructured, force bool) (*unstructured.Unstructured, error) {
	list, err := a.in(u.GroupVersionKind(), u.GetNamespace())
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(u.Object)
	if err != nil {
		return nil, err
	}
	return list.Patch(ctx, u.GetName(), types.ApplyPatchType, data, metav1.PatchOptions{
		FieldManager: fieldManager, Force: &force, FieldValidation: metav1.FieldValidationStrict, DryRun: []string{metav1.DryRunAll},
	})
}

// refused tells a refusal from what says nothing about the object.
func refused(v *veil, want *unstructured.Unstructured, err error) error {
	var status apierrors.APIStatus
	switch {
	case meta.IsNoMatchError(err), mistyped(err):
	case away(err), apierrors.IsUnauthorized(err), !errors.As(err, &status):
		return errors.New(v.hide(firstLine(err)))
	case apierrors.IsNotFound(err) && status.Status().Details != nil && status.Status().Details.Kind == "namespaces":
		return planner.ErrNoPreview // it is made by the apply
	case strings.Contains(err.Error(), "does not support dry run"):
		return planner.ErrNoPreview // a webhook that changes something elsewhere
	}
	return refusal(v, failed("Apply", keyFor(want), err))
}

func refusal(v *veil, err error) error {
	var f *failure
	if !errors.As(err, &f) {
		return err
	}
	code := f.code
	switch {
	case meta.IsNoMatchError(f.err):
		code = planner.RefusalNoType
	case mistyped(f.err):
		code = string(metav1.StatusReasonBadRequest)
	}
	return &planner.Refusal{Code: code, Message: v.hide(f.key.text() + ": " + f.message), Hint: v.hide(f.hint)}
}
