package workload

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes/controlplane"
	"github.com/clusterform/clusterform/planner/resource"
)

const withSecret = `
  replicas = 2
  container "app" {
    image = "hello:1"
    env   = { COLOR = "blue" }
    secret_env "PASSWORD" {
      secret = "db"
      key    = "password"
    }
    port "http" { container = 8080 }
    mount "settings" { path = "/etc/web" }
  }
  sidecar "log" { image = "tail:1" }
  config "settings" { files = { "a.conf" = "one" } }
  secret "db" { files = { password = "s3cret-marker" } }
  expose "http" { port = 80 }
`

func (w *world) deployment(name string) *appsv1.Deployment {
	w.t.Helper()
	d, err := w.cp.Client.AppsV1().Deployments(w.namespace).Get(w.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func TestAWorkloadsLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &controlplane.Kubelet{})
	w.apply(web(withSecret))
	rec := w.records["workload.web"]
	if d := w.deployment("web"); d.Status.AvailableReplicas != 2 {
		t.Errorf("it did not wait: %+v", d.Status)
	}
	objects := strings.Join(rec.Spec.(*resource.Workload).Objects, " ")
	want(t, objects, "Deployment/"+w.namespace+"/web ", "Service/"+w.namespace+"/web", "ConfigMap/", "Secret/")
	if d := w.drift("workload.web"); d != "" {
		t.Errorf("drift right after the apply: %s", d)
	}

	// Applied again, nothing moves.
	generation := w.deployment("web").Generation
	w.apply(web(withSecret))
	if g := w.deployment("web").Generation; g != generation {
		t.Errorf("an apply without a change made generation %d of %d", g, generation)
	}

	// Another file and no sidecar: the old file goes after the rollout.
	w.apply(web(strings.NewReplacer(`"one"`, `"two"`, `  sidecar "log" { image = "tail:1" }`, "").Replace(withSecret)))
	maps, err := w.cp.Client.CoreV1().ConfigMaps(w.namespace).List(t.Context(), metav1.ListOptions{LabelSelector: madeByUs})
	if err != nil || len(maps.Items) != 1 || maps.Items[0].Data["a.conf"] != "two" {
		t.Errorf("%v %v", maps, err)
	}
	if n := len(w.deployment("web").Spec.Template.Spec.InitContainers); n != 0 {
		t.Errorf("%d sidecars are left", n)
	}
	if d := w.drift("workload.web"); d != "" {
		t.Errorf("drift: %s", d)
	}

	if err := w.delete("workload.web"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.cp.Client.AppsV1().Deployments(w.namespace).Get(t.Context(), "web", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the deployment is there: %v", err)
	}
	services, err := w.cp.Client.CoreV1().Services(w.namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil || len(services.Items) > 0 {
		t.Errorf("%v %v", services, err)
	}
}

func TestDriftIsSeenAndPutRight(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &controlplane.Kubelet{})
	w.apply(web(withSecret))
	deployments := w.cp.Client.AppsV1().Deployments(w.namespace)
	patch := func(text string) {
		t.Helper()
		if _, err := deployments.Patch(t.Context(), "web", types.StrategicMergePatchType, []byte(text), metav1.PatchOptions{FieldManager: "kubectl-edit"}); err != nil {
			t.Fatal(err)
		}
	}
	patch(`{"metadata":{"annotations":{"note":"of somebody"}}}`)
	if d := w.drift("workload.web"); d != "" {
		t.Errorf("what is not ours is drift: %s", d)
	}
	patch(`{"spec":{"replicas":5,"template":{"spec":{"containers":[{"name":"app","image":"other:1"}]}}}}`)
	want(t, w.drift("workload.web"), "live.Deployment/"+w.namespace+"/web", "kubectl-edit set", "spec.replicas")
	w.apply(web(withSecret))
	d := w.deployment("web")
	if *d.Spec.Replicas != 2 || d.Spec.Template.Spec.Containers[0].Image != "hello:1" || d.Annotations["note"] != "of somebody" {
		t.Errorf("%+v", d.Spec)
	}
	if d := w.drift("workload.web"); d != "" {
		t.Errorf("drift after it was put right: %s", d)
	}

	if err := w.cp.Client.CoreV1().Services(w.namespace).Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	want(t, w.drift("workload.web"), "live.Service/"+w.namespace+"/web", "was deleted outside clusterform")
	w.apply(web(withSecret))
	if d := w.drift("workload.web"); d != "" {
		t.Errorf("drift: %s", d)
	}
	background := metav1.DeletePropagationBackground
	for _, o := range keysOf(w.records["workload.web"].Spec) {
		list := mustAPI(t, w).objects.Resource(workloadKinds[o.kind]).Namespace(o.namespace)
		if err := list.Delete(t.Context(), o.name, metav1.DeleteOptions{PropagationPolicy: &background}); err != nil {
			t.Fatal(err)
		}
	}
	if d := w.drift("workload.web"); d != "gone" {
		t.Errorf("all of it was deleted, and it is %q", d)
	}
}

func mustAPI(t *testing.T, w *world) *api {
	t.Helper()
	a, err := newAPI(&fakeClient{config: w.config})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestOthersObjectsAreNotTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &controlplane.Kubelet{})
	labels := map[string]string{"app": "theirs"}
	_, err := w.cp.Client.AppsV1().Deployments(w.namespace).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels}, Replicas: new(int32(1)),
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "theirs:1"}}}},
		},
	}, metav1.CreateOptions{FieldManager: "kubectl-create"})
	if err != nil {
		t.Fatal(err)
	}
	err = w.try(web("  replicas = 2\n  container \"app\" { image = \"hello:1\" }"))
	if err == nil {
		t.Fatal("it was taken over")
	}
	want(t, err.Error(), "workload.web", "kubernetes:Apply", `"kubectl-create" manages`, "spec.replicas", "kubectl delete deployment web -n "+w.namespace)
	if _, ok := w.Record("workload.web"); ok {
		t.Error("it is recorded")
	}
}

// Who applies declared objects would set the field again: that is for people to settle.
func TestAConflictNamesManagerAndField(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &controlplane.Kubelet{})
	text := web("  replicas = 2\n  container \"app\" { image = \"hello:1\" }")
	w.apply(text)
	_, err := w.cp.Client.AppsV1().Deployments(w.namespace).Patch(t.Context(), "web", types.ApplyPatchType,
		[]byte(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"replicas":4}}`), metav1.PatchOptions{FieldManager: "other-tool", Force: new(true)})
	if err != nil {
		t.Fatal(err)
	}
	err = w.try(text)
	if err == nil {
		t.Fatal("the field was taken")
	}
	want(t, err.Error(), `"other-tool" manages spec.replicas`, "Take the fields out of the block")
	if r := w.records["workload.web"]; !r.Incomplete || r.LastError == "" {
		t.Errorf("%+v", r)
	}
}

func TestAnAutoscalerKeepsItsReplicas(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &controlplane.Kubelet{})
	fixed := "  replicas = 3\n  container \"app\" {\n    image = \"hello:1\"\n    resources { cpu = \"10m\" }\n  }\n"
	scaled := strings.Replace(fixed, "replicas = 3\n", "autoscale {\n min = 2\n max = 9\n}\n", 1)
	w.apply(web(fixed))
	w.apply(web(scaled))
	if n := *w.deployment("web").Spec.Replicas; n != 3 {
		t.Errorf("handing over made it %d replicas", n)
	}
	w.apply(web(strings.Replace(fixed, "replicas = 3", "replicas = 4", 1)))
	if n := *w.deployment("web").Spec.Replicas; n != 4 {
		t.Errorf("taking over made it %d replicas", n)
	}
	w.apply(web(scaled))
	scale, err := w.cp.Client.AppsV1().Deployments(w.namespace).GetScale(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	scale.Spec.Replicas = 5
	if _, err := w.cp.Client.AppsV1().Deployments(w.namespace).UpdateScale(t.Context(), "web", scale, metav1.UpdateOptions{FieldManager: "kube-controller-manager"}); err != nil {
		t.Fatal(err)
	}
	if d := w.drift("workload.web"); d != "" {
		t.Errorf("what the autoscaler does is drift: %s", d)
	}
	w.apply(web(strings.Replace(scaled, "hello:1", "hello:2", 1)))
	if n := *w.deployment("web").Spec.Replicas; n != 5 {
		t.Errorf("an update made it %d replicas", n)
	}
	w.apply(web(fixed))
	if n := *w.deployment("web").Spec.Replicas; n != 3 {
		t.Errorf("without an autoscaler it has %d replicas", n)
	}
}
