package kubernetes

import (
	"fmt"
	"math/big"

	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

// CheckManifest says what keeps a manifest from being made into an object. One with values that are known only after apply
// passes.
func CheckManifest(m *hclconfig.Manifest, finder *orchestrator.Finder) hclconfig.Diagnostics {
	f := orchestrator.NewFindings(hclconfig.Kubernetes, &m.Block, finder)
	if len(m.Unknown) > 0 { // nothing can be said yet
		return nil
	}
	u, err := ManifestObject(m, false)
	switch {
	case err != nil:
		f.Unsupported(orchestrator.At("object"), err.Error()+".", "")
	case u.GetName() == "" && u.GetGenerateName() == "":
		f.Unsupported(orchestrator.At("object"), "The object has no name.", "Write metadata = { name = \"…\" }.")
	case u.IsList():
		f.Unsupported(orchestrator.At("object"), "It is a list of objects, and a manifest is one.", "Write a manifest with for_each over the list's items.")
	}
	return f.Diagnostics()
}

// ManifestObject makes the object of a manifest block as it is written. hide replaces what the files mark as sensitive; Hide does
// the same for the data of Secrets.
func ManifestObject(m *hclconfig.Manifest, hide bool) (*unstructured.Unstructured, error) {
	v, err := plainValue(m.Object, hide)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s is no object with apiVersion, kind and metadata", m.Address)
	}
	return &unstructured.Unstructured{Object: object}, nil
}

// plainValue gives a value the types that JSON decoding gives it.
func plainValue(v cty.Value, hide bool) (any, error) {
	if v == cty.NilVal {
		return nil, nil
	}
	if v.IsMarked() {
		if hide {
			return orchestrator.Hidden, nil
		}
		v, _ = v.Unmark()
	}
	t := v.Type()
	switch {
	case !v.IsKnown():
		return nil, fmt.Errorf("a part of it is known only after apply")
	case v.IsNull():
		return nil, nil
	case t == cty.String:
		return v.AsString(), nil
	case t == cty.Bool:
		return v.True(), nil
	case t == cty.Number:
		return number(v.AsBigFloat()), nil
	case t.IsObjectType() || t.IsMapType():
		out := make(map[string]any, v.LengthInt())
		for k, e := range v.Elements() {
			x, err := plainValue(e, hide)
			if err != nil {
				return nil, err
			}
			key, _ := k.Unmark()
			out[key.AsString()] = x
		}
		return out, nil
	case t.IsTupleType() || t.IsListType() || t.IsSetType():
		out := make([]any, 0, v.LengthInt())
		for _, e := range v.Elements() {
			x, err := plainValue(e, hide)
			if err != nil {
				return nil, err
			}
			out = append(out, x)
		}
		return out, nil
	default:
		return nil, fmt.Errorf("a %s has no form in a Kubernetes object", t.FriendlyName())
	}
}

func number(f *big.Float) any {
	if n, accuracy := f.Int64(); accuracy == big.Exact {
		return n
	}
	n, _ := f.Float64()
	return n
}
