package workload

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes/controlplane"
	"github.com/clusterform/clusterform/planner/resource"
)

func manifest(name, object string) string {
	return "manifest \"" + name + "\" {\n  cluster = cluster.lab\n  object = yamldecode(<<-EOT\n" + object + "\n  EOT\n  )\n}\n"
}

// A type of its own, then an object of it: the type is known as soon as it is established.
const customType = `
    apiVersion: apiextensions.k8s.io/v1
    kind: CustomResourceDefinition
    metadata: {name: widgets.NS.example.com}
    spec:
      group: NS.example.com
      scope: Namespaced
      names: {plural: widgets, singular: widget, kind: Widget}
      versions:
      - name: v1
        served: true
        storage: true
        subresources: {status: {}}
        schema:
          openAPIV3Schema:
            type: object
            x-kubernetes-preserve-unknown-fields: true`

func TestACustomTypeAndItsObject(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	typ := manifest("type", customType)
	w.apply(typ)
	widget := "\n    apiVersion: NS.example.com/v1\n    kind: Widget\n    metadata: {name: w, namespace: NS}\n    spec: {size: 3}"
	w.apply(manifest("widget", widget))
	for _, a := range []resource.Address{"manifest.type", "manifest.widget"} {
		if d := w.drift(a); d != "" {
			t.Errorf("%s: drift: %s", a, d)
		}
	}
	if id := w.records["manifest.widget"].ID; id != "Widget."+w.namespace+".example.com/"+w.namespace+"/w@01234567" {
		t.Errorf("its id is %s", id)
	}
	// Nothing of an unknown type is ever there.
	if err := w.delete("manifest.type"); err != nil {
		t.Fatal(err)
	}
	if d := w.drift("manifest.widget"); d != "gone" {
		t.Errorf("its type is gone, and it is %q", d)
	}
	if err := w.delete("manifest.widget"); err != nil {
		t.Error(err)
	}
	err := w.try(manifest("other", strings.Replace(widget, "Widget", "Gadget", 1)))
	if err == nil {
		t.Fatal("an object without a type was applied")
	}
	want(t, err.Error(), "manifest.other", "no such type", "depends_on")
}

func TestAManifestsDriftAndConflict(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	text := manifest("m", "\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: m, namespace: NS}\n    data: {a: one}")
	w.apply(text)
	maps := w.cp.Client.CoreV1().ConfigMaps(w.namespace)
	if _, err := maps.Patch(t.Context(), "m", types.MergePatchType, []byte(`{"data":{"a":"two","b":"theirs"}}`), metav1.PatchOptions{FieldManager: "kubectl-patch"}); err != nil {
		t.Fatal(err)
	}
	want(t, w.drift("manifest.m"), "live.ConfigMap/"+w.namespace+"/m", "kubectl-patch set data")
	w.apply(text)
	m, err := maps.Get(t.Context(), "m", metav1.GetOptions{})
	if err != nil || m.Data["a"] != "one" || m.Data["b"] != "theirs" {
		t.Errorf("%v %v", m.Data, err)
	}
	// Without a namespace it is in "default".
	w.apply(manifest("free", "\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: free-NS}\n    data: {a: one}"))
	if d := w.drift("manifest.free"); d != "" {
		t.Errorf("drift: %s", d)
	}
	if err := w.delete("manifest.free"); err != nil {
		t.Error(err)
	}
	// What somebody else put in its place is not deleted with it.
	if err := maps.Delete(t.Context(), "m", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := maps.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "m"}}, metav1.CreateOptions{FieldManager: "kubectl-create"}); err != nil {
		t.Fatal(err)
	}
	if err := w.delete("manifest.m"); err != nil {
		t.Fatal(err)
	}
	if _, err := maps.Get(t.Context(), "m", metav1.GetOptions{}); err != nil {
		t.Errorf("another's object: %v", err)
	}
}

func TestAManifestIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &controlplane.Kubelet{Status: pulls})
	text := `
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: raw, namespace: NS}
    spec:
      selector: {matchLabels: {app: raw}}
      template:
        metadata: {labels: {app: raw}}
        spec: {containers: [{name: app, image: "hello:1"}]}`
	w.apply(manifest("raw", text))
	if d := w.deployment("raw"); d.Status.AvailableReplicas != 1 {
		t.Errorf("%+v", d.Status)
	}
	w.driver.bounds.ready = 1
	err := w.try(manifest("raw", strings.Replace(text, "hello:1", "broken:1", 1)))
	if err == nil {
		t.Fatal("it is ready")
	}
	want(t, err.Error(), "not ready after", "wait = false")
	w.apply(strings.Replace(manifest("raw", strings.Replace(text, "hello:1", "broken:2", 1)), "  object =", "  wait = false\n  object =", 1))

	list, err := Status(t.Context(), &fakeClient{config: w.config}, []*resource.Record{w.records["manifest.raw"]})
	if err != nil || len(list) != 1 || list[0].Type != "Deployment" || list[0].Wanted != 1 || list[0].Ready != 1 || list[0].Message == "" {
		t.Errorf("%+v %v", list, err)
	}
	w.apply(web("  container \"app\" {\n    image = \"hello:1\"\n    port \"http\" { container = 8080 }\n  }\n  expose \"http\" { port = 80 }\n"))
	list, err = Status(t.Context(), &fakeClient{config: w.config}, []*resource.Record{w.records["workload.web"]})
	if err != nil || list[0].Message != "" || list[0].Ready != 1 || strings.Join(list[0].Endpoints, " ") != "web."+w.namespace+":80" {
		t.Errorf("%+v %v", list, err)
	}
}

// Whether a Secret of a manifest was changed is told by its fields, and never by a digest of its values.
func TestASecretsDriftIsSeenWithoutItsValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	text := manifest("s", "\n    apiVersion: v1\n    kind: Secret\n    metadata: {name: s, namespace: NS}\n    stringData: {a: s3cret-marker}")
	w.apply(text)
	if d := w.drift("manifest.s"); d != "" {
		t.Errorf("drift: %s", d)
	}
	live := w.records["manifest.s"].Spec.(*resource.Manifest).Live["Secret/"+w.namespace+"/s"]
	if _, err := w.cp.Client.CoreV1().Secrets(w.namespace).Patch(t.Context(), "s", types.MergePatchType, []byte(`{"stringData":{"a":"changed"}}`), metav1.PatchOptions{FieldManager: "kubectl-patch"}); err != nil {
		t.Fatal(err)
	}
	if d := w.drift("manifest.s"); d == "" {
		t.Error("another value is no drift")
	}
	w.apply(text)
	if again := w.records["manifest.s"].Spec.(*resource.Manifest).Live["Secret/"+w.namespace+"/s"]; again != live {
		t.Errorf("the digest depends on more than the fields: %s, %s", live, again)
	}
}
