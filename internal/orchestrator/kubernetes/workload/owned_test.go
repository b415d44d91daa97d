package workload

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The API's form of a set of fields, and what is ours of an object by it.
func TestOwnedLeaves(t *testing.T) {
	t.Parallel()
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{"name": "p", "finalizers": []any{"a", "b"}},
		"spec": map[string]any{
			"nodeName": "of the scheduler",
			"containers": []any{
				map[string]any{"name": "log", "image": "tail:1"},
				map[string]any{"name": "app", "image": "hello:1", "ports": []any{map[string]any{"containerPort": int64(80), "protocol": "TCP", "name": "http"}}},
			},
		},
	}}
	u.SetManagedFields([]metav1.ManagedFieldsEntry{
		{Manager: "clusterform", Operation: metav1.ManagedFieldsOperationApply, FieldsV1: &metav1.FieldsV1{Raw: []byte(`{
			"f:metadata":{"f:finalizers":{"v:\"a\"":{}}},
			"f:spec":{"f:containers":{"k:{\"name\":\"app\"}":{".":{},"f:name":{},"f:image":{},
				"f:ports":{"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:name":{}}}}},"f:gone":{}}}`)}},
		{Manager: "kube-scheduler", Operation: metav1.ManagedFieldsOperationUpdate, FieldsV1: &metav1.FieldsV1{Raw: []byte(`{"f:spec":{"f:nodeName":{}}}`)}},
	})
	want := []string{
		`.metadata.finalizers[v:"a"]`,
		`.spec.containers[{"name":"app"}] exists`,
		`.spec.containers[{"name":"app"}].image="hello:1"`,
		`.spec.containers[{"name":"app"}].name="app"`,
		`.spec.containers[{"name":"app"}].ports[{"containerPort":80,"protocol":"TCP"}] exists`,
		`.spec.containers[{"name":"app"}].ports[{"containerPort":80,"protocol":"TCP"}].name="http"`,
		`.spec.gone=null`,
	}
	if got := ownedLeaves(u, fieldManager, false); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
