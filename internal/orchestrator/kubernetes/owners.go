package kubernetes

import (
	"cmp"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

// owners are the blocks that objects were made of, by what a cluster tells objects apart by.
type owners map[identity]hclconfig.Address

type identity struct{ kind, namespace, name string }

// add finds two blocks that make one object, as `web` with key "eu" and `web-eu` do.
func (o owners) add(of hclconfig.Address, u *unstructured.Unstructured) error {
	if u.GetName() == "" {
		return nil // the cluster chooses one
	}
	k := identity{u.GroupVersionKind().GroupKind().String(), cmp.Or(u.GetNamespace(), "default"), u.GetName()}
	if other, ok := o[k]; ok {
		return fmt.Errorf("%s and %s both make the %s %q in namespace %q; give one of them another name or namespace", other, of, u.GetKind(), k.name, k.namespace)
	}
	o[k] = of
	return nil
}

// checkOwners does it for all blocks that are known already.
func checkOwners(workloads []*hclconfig.Workload, manifests []*hclconfig.Manifest, finder *orchestrator.Finder) hclconfig.Diagnostics {
	made := owners{}
	var diags hclconfig.Diagnostics
	add := func(b *hclconfig.Block, objects ...*unstructured.Unstructured) {
		for _, u := range objects {
			if err := made.add(b.Address, u); err != nil {
				r := finder.Find(b.Range, nil)
				diags = append(diags, hclconfig.Diagnostic{
					Severity: hclconfig.Error, Summary: "Two blocks make one object", Subject: &r, Address: b.Address, Detail: err.Error() + ".",
				})
				return
			}
		}
	}
	for _, m := range manifests {
		if len(m.Unknown) == 0 {
			if u, err := ManifestObject(m, true); err == nil {
				add(&m.Block, u)
			}
		}
	}
	for _, w := range workloads {
		if len(w.Unknown) == 0 {
			if objects, err := Objects(w, Options{}); err == nil {
				add(&w.Block, objects...)
			}
		}
	}
	return diags
}
