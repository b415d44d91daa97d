package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// fieldManager is the name that the API keeps our fields under; autoscaleManager the one for a number of replicas that is left
// to an autoscaler.
const (
	fieldManager     = "clusterform"
	autoscaleManager = "clusterform-autoscale"
)

// Configured is what this package needs of a client: how to reach the API, with credentials.
type Configured interface {
	RESTConfig() *rest.Config
}

// api is one cluster's API.
type api struct {
	objects dynamic.Interface
	pods    corev1.CoreV1Interface
	mapper  meta.ResettableRESTMapper
	mu      sync.Mutex // of the mapper's reset
}

// newAPI dials nobody yet.
func newAPI(c Configured) (*api, error) {
	config := rest.CopyConfig(c.RESTConfig())
	config.UserAgent = "clusterform"
	config.WarningHandler = rest.NoWarnings{}
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	core, err := corev1.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	d, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	return &api{objects: objects, pods: core, mapper: restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(d))}, nil
}

// connect finds the API of a recorded cluster.
func (d *Driver) connect(ctx context.Context, rt resource.Runtime, cluster resource.Address) (*api, error) {
	client, err := d.connector.Client(ctx, rt, cluster)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if a, ok := d.apis[client]; ok {
		return a, nil
	}
	c, ok := client.(Configured)
	if !ok {
		return nil, fmt.Errorf("%s is not a Kubernetes cluster", cluster)
	}
	a, err := newAPI(c)
	if err != nil {
		return nil, err
	}
	d.apis[client] = a
	return a, nil
}

// resourceOf finds the list that objects of a type are in. A type that is not known may just have been defined.
func (a *api) resourceOf(gvk schema.GroupVersionKind) (gvr schema.GroupVersionResource, namespaced bool, err error) {
	if gvr, ok := workloadKinds[gvk.Kind]; ok && gvr.GroupVersion() == gvk.GroupVersion() {
		return gvr, true, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	m, err := a.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if meta.IsNoMatchError(err) {
		a.mapper.Reset()
		m, err = a.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	}
	if err != nil {
		return gvr, false, err
	}
	return m.Resource, m.Scope.Name() == meta.RESTScopeNameNamespace, nil
}

// in gives the list of a type within a namespace.
func (a *api) in(gvk schema.GroupVersionKind, namespace string) (dynamic.ResourceInterface, error) {
	gvr, namespaced, err := a.resourceOf(gvk)
	if err != nil {
		return nil, err
	}
	if !namespaced {
		return a.objects.Resource(gvr), nil
	}
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	return a.objects.Resource(gvr).Namespace(namespace), nil
}

func (a *api) get(ctx context.Context, gvk schema.GroupVersionKind, k key) (*unstructured.Unstructured, error) {
	list, err := a.in(gvk, k.namespace)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return list.Get(ctx, k.name, metav1.GetOptions{})
}

// patch applies an object server-side. dry changes nothing.
func (a *api) patch(ctx context.Context, u *unstructured.Unstructured, manager string, force, dry bool) (*unstructured.Unstructured, error) {
	list, err := a.in(u.GroupVersionKind(), u.GetNamespace())
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(u.Object)
	if err != nil {
		return nil, err
	}
	o := metav1.PatchOptions{FieldManager: manager, Force: &force, FieldValidation: metav1.FieldValidationStrict}
	if dry {
		o.DryRun = []string{metav1.DryRunAll}
	}
	// A call that has begun is not cut off by an interrupt: its outcome would not be known.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	return list.Patch(ctx, u.GetName(), types.ApplyPatchType, data, o)
}

// delete removes an object; what makes others, after everything that it owns.
func (a *api) delete(ctx context.Context, u *unstructured.Unstructured) error {
	list, err := a.in(u.GroupVersionKind(), u.GetNamespace())
	if err != nil {
		return err
	}
	uid, policy := u.GetUID(), metav1.DeletePropagationForeground
	switch u.GetKind() {
	case "ConfigMap", "Secret", "Service", "HorizontalPodAutoscaler", "PersistentVolumeClaim", "PodDisruptionBudget":
		policy = metav1.DeletePropagationBackground
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	return list.Delete(ctx, u.GetName(), metav1.DeleteOptions{PropagationPolicy: &policy, Preconditions: &metav1.Preconditions{UID: &uid}})
}

// away tells whether nobody answered, or not now: trying again may help.
func away(err error) bool {
	switch {
	case err == nil, mistyped(err):
		return false
	case errors.Is(err, orchestrator.ErrUnreachable), errors.Is(err, context.DeadlineExceeded):
		return true
	case apierrors.IsTooManyRequests(err), apierrors.IsServerTimeout(err), apierrors.IsTimeout(err), apierrors.IsServiceUnavailable(err), apierrors.IsInternalError(err):
		return !strings.Contains(err.Error(), "failed calling webhook")
	}
	var status apierrors.APIStatus
	// A new API server lets nobody in until its roles are there.
	if errors.As(err, &status) {
		return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "RBAC: ") || status.Status().Code >= 500
	}
	var transport *url.Error
	var network net.Error
	return errors.As(err, &transport) || errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF)
}

// mistyped tells an object that does not fit its type, which the API answers as a failure of its own.
func mistyped(err error) bool {
	return err != nil && strings.Contains(err.Error(), "failed to create typed patch object")
}

// persist calls f until the API answers it, within the driver's patience.
func (d *Driver) persist(ctx context.Context, progress func(string), f func() error) error {
	end := time.Now().Add(d.bounds.patience)
	for pause := d.bounds.poll / 2; ; pause = min(2*pause, 5*d.bounds.poll) {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := f()
		if !away(err) || time.Now().After(end) {
			return err
		}
		progress("the API does not answer; trying again: " + firstLine(err))
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
