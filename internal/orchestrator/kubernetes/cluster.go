package kubernetes

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/clusterform/clusterform/hclconfig"
)

// Cluster makes all objects of one cluster, in an order in which they can be applied: namespaces, manifests, workloads. All
// of them have passed Check. hide takes out what is secret, for showing.
func Cluster(workloads []*hclconfig.Workload, manifests []*hclconfig.Manifest, o Options, hide bool) ([]*unstructured.Unstructured, error) {
	var raw []*unstructured.Unstructured
	given := map[string]bool{} // namespaces that a manifest makes
	made := owners{}
	for _, m := range manifests {
		u, err := ManifestObject(m, hide)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Address, err)
		}
		if err := made.add(m.Address, u); err != nil {
			return nil, err
		}
		if u.GetKind() == "Namespace" {
			given[u.GetName()] = true
		}
		raw = append(raw, u)
	}
	slices.SortStableFunc(raw, func(a, b *unstructured.Unstructured) int {
		return cmp.Compare(rankOf(a.GetKind()), rankOf(b.GetKind()))
	})
	namespaces, err := Namespaces(workloads)
	if err != nil {
		return nil, err
	}
	out := slices.DeleteFunc(namespaces, func(u *unstructured.Unstructured) bool { return given[u.GetName()] })
	out = append(out, raw...)
	for _, w := range workloads {
		objects, err := Objects(w, o)
		if err != nil {
			return nil, err
		}
		for _, u := range objects {
			if err := made.add(w.Address, u); err != nil {
				return nil, err
			}
		}
		out = append(out, objects...)
	}
	if hide {
		out = Hide(out)
	}
	return out, nil
}

// rankOf puts first what other objects need to be there.
func rankOf(kind string) int {
	switch kind {
	case "Namespace":
		return 0
	case "CustomResourceDefinition":
		return 1
	default:
		return 2
	}
}
