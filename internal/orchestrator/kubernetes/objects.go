package kubernetes

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/clusterform/clusterform/hclconfig"
)

// builder makes the objects of one workload.
type builder struct {
	w       *hclconfig.Workload
	options Options
	name    string // of the workload's objects
	content content
}

// Objects makes the objects of a workload that Check has no error for, in the order in which they are to be applied: what is
// referred to comes first. Secrets hold their values in clear; Hide takes them out. The namespace is not among them, see
// Namespaces.
func Objects(w *hclconfig.Workload, o Options) ([]*unstructured.Unstructured, error) {
	b := newBuilder(w, o)
	var list []runtime.Object
	for _, m := range b.content.maps {
		list = append(list, m)
	}
	for _, s := range b.content.secrets {
		list = append(list, s)
	}
	for _, c := range b.claims() {
		list = append(list, c)
	}
	list = append(list, b.controller())
	for _, s := range b.services() {
		list = append(list, s)
	}
	if w.Autoscale != nil {
		list = append(list, b.autoscaler())
	}
	if d := b.disruption(); d != nil {
		list = append(list, d)
	}
	return plainObjects(w.Address, list)
}

// builtIn are namespaces that every cluster has.
func builtIn(namespace string) bool {
	switch namespace {
	case "default", "kube-system", "kube-public", "kube-node-lease":
		return true
	}
	return false
}

// Namespaces makes the namespaces of workloads, in order of their first use, without those that every cluster has.
func Namespaces(workloads []*hclconfig.Workload) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	seen := map[string]bool{}
	for _, w := range workloads {
		if seen[w.Namespace] || builtIn(w.Namespace) {
			continue
		}
		seen[w.Namespace] = true
		made, err := plainObjects(w.Address, []runtime.Object{&corev1.Namespace{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
			ObjectMeta: metav1.ObjectMeta{Name: w.Namespace, Labels: map[string]string{managedByLabel: manager}},
		}})
		if err != nil {
			return nil, err
		}
		out = append(out, made...)
	}
	return out, nil
}

// plainObjects turns typed objects into maps, without what only a cluster fills in.
func plainObjects(of hclconfig.Address, list []runtime.Object) ([]*unstructured.Unstructured, error) {
	out := make([]*unstructured.Unstructured, 0, len(list))
	for _, o := range list {
		m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
		if err != nil {
			return nil, fmt.Errorf("%s: making a %s: %w", of, o.GetObjectKind().GroupVersionKind().Kind, err)
		}
		delete(m, "status")
		out = append(out, &unstructured.Unstructured{Object: withoutNull(m)})
	}
	return out, nil
}

// withoutNull drops creation times that are not set, and the like.
func withoutNull(m map[string]any) map[string]any {
	for k, v := range m {
		switch v := v.(type) {
		case nil:
			delete(m, k)
		case map[string]any:
			withoutNull(v)
		case []any:
			for _, e := range v {
				if inner, ok := e.(map[string]any); ok {
					withoutNull(inner)
				}
			}
		}
	}
	return m
}
