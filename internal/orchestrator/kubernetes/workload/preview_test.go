package workload

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// preview asks about the only manifest of a text.
func (w *world) preview(text string) (*planner.Preview, error) {
	w.t.Helper()
	o := w.desired(text)[0]
	in := planner.PreviewRequest{Cluster: "cluster.lab", After: o.Spec.(*resource.Manifest)}
	if rec, ok := w.Record(o.Address); ok {
		in.Before = rec.Spec.(*resource.Manifest)
	}
	data, _ := w.Blob(in.After.Content)
	in.Content = planner.Content{Digest: in.After.Content, Data: data}
	return w.driver.Preview(w.t.Context(), w, in)
}

// lines are a preview's fields as text.
func lines(p *planner.Preview) string {
	var out []string
	for _, f := range p.Fields {
		next := fmt.Sprint(f.New)
		if f.Unknown {
			next = "?"
		}
		out = append(out, fmt.Sprintf("%s: %v -> %s", f.Path, f.Old, next))
	}
	return strings.Join(out, "\n")
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// steady waits until the controllers have taken note of a deployment.
func (w *world) steady(name string) {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		d := w.deployment(name)
		if d.Status.ObservedGeneration == d.Generation && d.Annotations["deployment.kubernetes.io/revision"] != "" && d.Status.UpdatedReplicas == *d.Spec.Replicas {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("the deployment is not taken note of: %+v", d.Status)
		}
	}
}

const rawDeployment = `
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: raw, namespace: NS}
    spec:
      replicas: 2
      selector: {matchLabels: {app: raw}}
      template:
        metadata: {labels: {app: raw}}
        spec: {containers: [{name: app, image: "hello:1"}]}`

func TestAPreviewShowsWhatTheClusterMakesOfAManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	text := strings.Replace(manifest("raw", rawDeployment), "  object =", "  wait = false\n  object =", 1)
	got, err := w.preview(text)
	if err != nil {
		t.Fatal(err)
	}
	all := lines(got)
	want(t, all, "spec.replicas: <nil> -> 2", "spec.strategy.type: <nil> -> RollingUpdate", "spec.template.spec.containers[0].imagePullPolicy: <nil> -> IfNotPresent")
	for _, noise := range []string{"managedFields", "uid", "resourceVersion", "generation", "status", "creationTimestamp"} {
		if strings.Contains(all, noise) {
			t.Errorf("%s is in the preview:\n%s", noise, all)
		}
	}
	if _, err := w.cp.Client.AppsV1().Deployments(w.namespace).Get(t.Context(), "raw", metav1.GetOptions{}); err == nil {
		t.Fatal("a preview made the object")
	}
	w.apply(text)
	w.steady("raw")
	w.driver = New(w)
	var calls atomic.Int32
	w.config = rest.CopyConfig(w.cp.Config)
	w.config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			calls.Add(1)
			return next.RoundTrip(r)
		})
	})
	if got, err = w.preview(text); err != nil || len(got.Fields) > 0 || got.Unchanged == 0 {
		t.Errorf("the preview of what is there: %v %v", got, err)
	}
	if n := calls.Load(); n != 2 {
		t.Errorf("%d calls for one object, want one to read it and one for the dry run, at the same time", n)
	}

	// What the cluster sets by itself already is no change, and what somebody else changed of ours is undone.
	if _, err := w.cp.Client.AppsV1().Deployments(w.namespace).Patch(t.Context(), "raw", types.MergePatchType,
		[]byte(`{"spec":{"replicas":7},"metadata":{"labels":{"theirs":"stays"}}}`), metav1.PatchOptions{FieldManager: "kubectl-edit"}); err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(text, "hello:1\"", "hello:2\", imagePullPolicy: IfNotPresent", 1)
	if got, err = w.preview(changed); err != nil {
		t.Fatal(err)
	}
	if s, x := lines(got), "spec.replicas: 7 -> 2\nspec.template.spec.containers[0].image: hello:1 -> hello:2"; s != x {
		t.Errorf("got:\n%s\nwant:\n%s", s, x)
	}
}

func TestAPreviewOfAServiceLeavesOutWhatTheDryRunChose(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	got, err := w.preview(manifest("s", "\n    apiVersion: v1\n    kind: Service\n    metadata: {name: s, namespace: NS}\n    spec: {type: NodePort, ports: [{name: a, port: 80}, {name: b, port: 81, nodePort: 31999}]}"))
	if err != nil {
		t.Fatal(err)
	}
	want(t, lines(got), "spec.clusterIP: <nil> -> ?", "spec.clusterIPs[0]: <nil> -> ?", "spec.ports[0].nodePort: <nil> -> ?", "spec.ports[1].nodePort: <nil> -> 31999", "spec.type: <nil> -> NodePort")
}

func TestARefusalIsToldBeforeTheApply(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	configMap := "\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: m, namespace: NS}\n    immutable: true\n    data: {a: one}"
	w.apply(manifest("m", configMap))
	maps := w.cp.Client.CoreV1().ConfigMaps(w.namespace)
	if _, err := maps.Patch(t.Context(), "theirs", types.ApplyPatchType, []byte(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"theirs"},"data":{"a":"x"}}`),
		metav1.PatchOptions{FieldManager: "gitops"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text string
		code       string
		says       []string
	}{
		{"a field that cannot change", manifest("m", strings.Replace(configMap, "one", "two", 1)), "Invalid", []string{"immutable", `ConfigMap "m"`}},
		{"a value out of range", manifest("raw", strings.Replace(rawDeployment, "replicas: 2", "replicas: -2", 1)), "Invalid", []string{"spec.replicas", "must be greater than or equal to 0"}},
		{"a field that there is not", manifest("raw", strings.Replace(rawDeployment, "replicas:", "replicsa:", 1)), "BadRequest", []string{"replicsa"}},
		{"another's field", manifest("theirs", "\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: theirs, namespace: NS}\n    data: {a: mine}"), "Conflict", []string{"gitops", "data.a"}},
		{"an unknown type", manifest("w", "\n    apiVersion: NS.example.com/v1\n    kind: Gadget\n    metadata: {name: w, namespace: NS}"), planner.RefusalNoType, []string{"no such type"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := w.preview(c.text)
			r, ok := errors.AsType[*planner.Refusal](err)
			if !ok || r.Code != c.code {
				t.Fatalf("%+v, %v", got, err)
			}
			want(t, r.Message, c.says...)
		})
	}
	got, err := w.preview(manifest("late", "\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: late, namespace: NS-later}\n    data: {a: one}"))
	if !errors.Is(err, planner.ErrNoPreview) {
		t.Errorf("in a namespace that the apply makes: %v, %v", got, err)
	}
}

func TestAPreviewShowsNoSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	const marker = "s3cret-marker"
	secret := "\n    apiVersion: v1\n    kind: Secret\n    metadata: {name: s, namespace: NS}\n    stringData: {password: " + marker + ", user: admin}"
	marked := "manifest \"c\" {\n  cluster = cluster.lab\n  object = {\n    apiVersion = \"v1\"\n    kind = \"ConfigMap\"\n" +
		"    metadata = { name = \"c\", namespace = \"NS\", annotations = { copy = sensitive(\"of " + marker + "\") } }\n    data = { token = sensitive(\"" + marker + "\"), plain = \"shown\" }\n  }\n}\n"
	check := func(text string, parts ...string) {
		t.Helper()
		got, err := w.preview(text)
		if err != nil {
			t.Fatal(err)
		}
		all := lines(got)
		want(t, all, parts...)
		for _, hidden := range []string{"s3cret", "czNjcmV0", "admin"} {
			if strings.Contains(all, hidden) {
				t.Errorf("%q is shown:\n%s", hidden, all)
			}
		}
	}
	check(manifest("s", secret), "data.password: <nil> -> (sensitive)")
	check(marked, "data.token: <nil> -> (sensitive)", "metadata.annotations.copy: <nil> -> (sensitive)", "data.plain: <nil> -> shown")
	w.apply(manifest("s", secret))
	w.apply(marked)
	check(manifest("s", strings.Replace(secret, marker, marker+"-2", 1)), "data.password: (sensitive) -> (sensitive)")
	check(strings.ReplaceAll(marked, marker, marker+"-2"), "data.token: (sensitive) -> (sensitive)")
	// No longer said to be sensitive, the old value still is.
	got, err := w.preview(strings.Replace(marked, "sensitive(\""+marker+"\")", "\"public\"", 1))
	if err != nil || !strings.Contains(lines(got), "data.token: (sensitive) -> ") || strings.Contains(lines(got), marker) {
		t.Errorf("%v %v", got, err)
	}
	// What the API says of a value does not say the value.
	_, err = w.preview(manifest("s", strings.Replace(secret, "password: "+marker, "\"a/"+marker+"\": "+marker, 1)))
	if r, ok := errors.AsType[*planner.Refusal](err); !ok || strings.Contains(r.Message, ": "+marker) {
		t.Errorf("%v", err)
	}
}

func TestAClusterThatDoesNotAnswerGivesNoPreview(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	text := manifest("m", "\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: m, namespace: NS}")
	w.config = &rest.Config{Host: "https://127.0.0.1:1"}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err := w.preview(text)
	_, refused := errors.AsType[*planner.Refusal](err)
	if err == nil || refused || errors.Is(err, planner.ErrNoPreview) || ctx.Err() != nil {
		t.Errorf("%v", err)
	}
}
