package workload

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// revisionAnnotation counts the templates that a Deployment has had; it is on its ReplicaSets.
const revisionAnnotation = "deployment.kubernetes.io/revision"

// revert goes back to the pods of the version before, which the cluster keeps. It is a failure all the same: what the files
// say is not what runs.
func (a *applying) revert(ctx context.Context, u *unstructured.Unstructured, stuck *rolloutError) error {
	i := slices.IndexFunc(a.wanted, func(w *unstructured.Unstructured) bool { return keyFor(w) == keyFor(u) })
	template, revision, err := a.previous(ctx, u)
	switch {
	case err != nil:
		return stuck.failure(fmt.Sprintf("; it was not reverted, since the version before could not be read: %s", firstLine(err)))
	case template == nil:
		return stuck.failure("; it was not reverted, since there is no version before it")
	}
	a.progress(fmt.Sprintf("%s; going back to revision %s", a.hide(stuck.text), revision))
	back := a.wanted[i].DeepCopy()
	if err := unstructured.SetNestedMap(back.Object, template, "spec", "template"); err != nil {
		return stuck.failure("; it was not reverted: " + firstLine(err))
	}
	got, err := a.object(ctx, back)
	if err != nil {
		return stuck.failure("; reverting failed: " + firstLine(err))
	}
	a.applied[i] = got
	if err := a.rollOut(ctx, got); err != nil {
		return stuck.failure(fmt.Sprintf("; reverted to revision %s, which is not well either: %s", revision, firstLine(err)))
	}
	return stuck.failure(fmt.Sprintf("; reverted to revision %s, which runs", revision))
}

// previous finds the pod template to go back to: the newest one besides the present that still has replicas, or else the
// newest one.
func (a *applying) previous(ctx context.Context, u *unstructured.Unstructured) (template map[string]any, revision string, err error) {
	u, err = a.api.get(ctx, u.GroupVersionKind(), keyFor(u))
	if err != nil {
		return nil, "", err
	}
	switch u.GetKind() {
	case "Deployment":
		return a.previousReplicaSet(ctx, u)
	case "DaemonSet":
		return a.previousRevision(ctx, u)
	}
	return nil, "", nil
}

// owned lists the objects of a kind that a controller has made.
func (a *applying) owned(ctx context.Context, u *unstructured.Unstructured, kind string) ([]unstructured.Unstructured, error) {
	selector, _, _ := unstructured.NestedStringMap(u.Object, "spec", "selector", "matchLabels")
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := a.api.objects.Resource(workloadKinds[kind]).Namespace(u.GetNamespace()).List(ctx, metav1.ListOptions{LabelSelector: labels.FormatLabels(selector)})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list.Items, func(o unstructured.Unstructured) bool { return !metav1.IsControlledBy(&o, u) }), nil
}

func (a *applying) previousReplicaSet(ctx context.Context, u *unstructured.Unstructured) (map[string]any, string, error) {
	sets, err := a.owned(ctx, u, "ReplicaSet")
	if err != nil {
		return nil, "", err
	}
	now := u.GetAnnotations()[revisionAnnotation]
	var best *unstructured.Unstructured
	weight := func(o *unstructured.Unstructured) int {
		n, _ := strconv.Atoi(o.GetAnnotations()[revisionAnnotation])
		if number(o, "status", "availableReplicas") > 0 {
			n += 1 << 30
		}
		return n
	}
	for i := range sets {
		if o := &sets[i]; o.GetAnnotations()[revisionAnnotation] != now && (best == nil || weight(o) > weight(best)) {
			best = o
		}
	}
	if best == nil {
		return nil, "", nil
	}
	template, _, err := unstructured.NestedMap(best.Object, "spec", "template")
	unstructured.RemoveNestedField(template, "metadata", "labels", "pod-template-hash")
	withoutCreation(template)
	return template, best.GetAnnotations()[revisionAnnotation], err
}

func (a *applying) previousRevision(ctx context.Context, u *unstructured.Unstructured) (map[string]any, string, error) {
	revisions, err := a.owned(ctx, u, "ControllerRevision")
	if err != nil || len(revisions) < 2 {
		return nil, "", err
	}
	slices.SortFunc(revisions, func(x, y unstructured.Unstructured) int { return int(number(&y, "revision") - number(&x, "revision")) })
	template, _, err := unstructured.NestedMap(revisions[1].Object, "data", "spec", "template")
	delete(template, "$patch")
	withoutCreation(template)
	return template, strconv.FormatInt(number(&revisions[1], "revision"), 10), err
}

// withoutCreation drops what the API writes for a time that is not set.
func withoutCreation(template map[string]any) {
	unstructured.RemoveNestedField(template, "metadata", "creationTimestamp")
}
