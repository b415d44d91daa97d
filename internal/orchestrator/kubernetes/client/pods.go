package client

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/clusterform/clusterform/planner/resource"
)

// instanceLabel is on every pod of a workload, with the name of its objects.
const instanceLabel = "app.kubernetes.io/instance"

// podsOf lists a workload's pods by name.
func (k *Client) podsOf(ctx context.Context, rec *resource.Record) ([]corev1.Pod, error) {
	w, ok := rec.Spec.(*resource.Workload)
	if !ok {
		return nil, fmt.Errorf("%s is no workload: it has no pods of its own", rec.Address)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := k.api.CoreV1().Pods(w.Namespace).List(ctx, metav1.ListOptions{
		LabelSelector: labels.SelectorFromSet(labels.Set{instanceLabel: w.Name}).String(),
	})
	if err != nil {
		return nil, k.failed("list the pods of "+string(rec.Address), err)
	}
	slices.SortFunc(list.Items, func(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	return list.Items, nil
}

// containersOf are the names of a pod's containers: its own first, then sidecars and what runs before it starts.
func containersOf(p *corev1.Pod) []string {
	var names []string
	for i := range p.Spec.Containers {
		names = append(names, p.Spec.Containers[i].Name)
	}
	for i := range p.Spec.InitContainers {
		names = append(names, p.Spec.InitContainers[i].Name)
	}
	return names
}
