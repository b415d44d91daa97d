package client

import (
	"context"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterform/clusterform/hclconfig"
)

// evictions is how many run at once.
const evictions = 16

// evict asks pods to go, as the drain's state demands, and notes why one does not.
func (d *drain) evict(ctx context.Context, pods []corev1.Pod) {
	var (
		mu    sync.Mutex
		group sync.WaitGroup
		slots = make(chan struct{}, evictions)
	)
	for i := range pods {
		p := &pods[i]
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			why := d.push(ctx, p)
			mu.Lock()
			defer mu.Unlock()
			d.held[name(p)] = why
		})
	}
	group.Wait()
}

// push makes one pod go and says what it waits for now.
func (d *drain) push(ctx context.Context, p *corev1.Pod) string {
	api := d.api.CoreV1().Pods(p.Namespace)
	options := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &p.UID}}
	if d.options.Grace >= 0 {
		options.GracePeriodSeconds = new(int64(d.options.Grace.Seconds()))
	}
	var err error
	switch {
	case d.lost:
		// Nobody on that machine confirms: the name is given free at once.
		options.GracePeriodSeconds = new(int64(0))
		err = api.Delete(ctx, p.Name, options)
	case p.DeletionTimestamp != nil:
		return "it is ending"
	case d.forced:
		err = api.Delete(ctx, p.Name, options)
	default:
		err = api.EvictV1(ctx, &policyv1.Eviction{
			ObjectMeta: metav1.ObjectMeta{Name: p.Name, Namespace: p.Namespace}, DeleteOptions: &options,
		})
	}
	switch {
	case err == nil:
		return "it is ending"
	case apierrors.IsNotFound(err), apierrors.IsConflict(err):
		return "it was replaced"
	case apierrors.IsTooManyRequests(err):
		return budget(err)
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return "its namespace is ending"
	}
	return hclconfig.Printable(err.Error())
}

// budget names the disruption budget that holds a pod, where the API said which.
func budget(err error) string {
	status, ok := err.(apierrors.APIStatus) //nolint:errorlint // client-go returns it as it is
	if ok && status.Status().Details != nil {
		for _, cause := range status.Status().Details.Causes {
			if _, after, found := strings.Cut(cause.Message, "The disruption budget "); found {
				which, _, _ := strings.Cut(after, " ")
				return "its disruption budget " + hclconfig.Printable(which) + " allows no more"
			}
		}
	}
	return "its disruption budget allows no more"
}
