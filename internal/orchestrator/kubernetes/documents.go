package kubernetes

import (
	"bytes"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/clusterform/clusterform/internal/orchestrator"
)

// Hide returns objects as they may be shown: the values of Secrets are replaced. What it returns cannot be mistaken for the
// real thing by a cluster, since every value reads "(sensitive)" under stringData.
func Hide(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	out := make([]*unstructured.Unstructured, 0, len(objects))
	for _, u := range objects {
		if u.GetKind() != "Secret" || u.GetAPIVersion() != "v1" {
			out = append(out, u)
			continue
		}
		u = u.DeepCopy()
		shown := map[string]any{}
		for _, field := range []string{"data", "stringData"} {
			switch values := u.Object[field].(type) {
			case map[string]any:
				for k := range values {
					shown[k] = orchestrator.Hidden
				}
			case nil:
				continue
			}
			delete(u.Object, field)
		}
		// kubectl keeps a copy of what it applied here.
		unstructured.RemoveNestedField(u.Object, "metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")
		u.Object["stringData"] = shown
		out = append(out, u)
	}
	return out
}

// YAML writes objects as documents of one stream, each after a line of three hyphens.
func YAML(objects []*unstructured.Unstructured) ([]byte, error) {
	var b bytes.Buffer
	for _, u := range objects {
		text, err := orchestrator.YAML(u.Object)
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", u.GetKind(), u.GetName(), err)
		}
		b.WriteString("---\n")
		b.Write(text)
	}
	return b.Bytes(), nil
}

// JSON writes objects as one List, which kubectl takes like any object.
func JSON(objects []*unstructured.Unstructured) ([]byte, error) {
	items := make([]any, 0, len(objects))
	for _, u := range objects {
		items = append(items, u.Object)
	}
	text, err := json.MarshalIndent(map[string]any{"apiVersion": "v1", "kind": "List", "items": items}, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(text, '\n'), nil
}
