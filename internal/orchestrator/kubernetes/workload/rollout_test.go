package workload

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes/controlplane"
	plan "github.com/clusterform/clusterform/planner/resource"
)

// pulls plays nodes that cannot pull images whose name says so.
func pulls(p *corev1.Pod) *corev1.PodStatus {
	c := p.Spec.Containers[0]
	if !strings.Contains(c.Image, "broken") {
		return nil
	}
	return &corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
		Name: c.Name, Image: c.Image,
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "Back-off pulling image \"" + c.Image + "\""}},
	}}}
}

// progress_deadline is short for a rollout that cannot succeed, and long enough for one that can.
const updated = `
  replicas = 2
  container "app" { image = "IMAGE" }
  update {
    max_unavailable   = 0
    progress_deadline = "4s"
    auto_revert       = REVERT
  }
`

func image(name, revert string) string {
	return web(strings.NewReplacer("IMAGE", name, "REVERT", revert).Replace(updated))
}

func TestABadUpdateIsReverted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &controlplane.Kubelet{Status: pulls})
	w.apply(image("hello:1", "true"))
	err := w.try(image("broken:2", "true"))
	if err == nil {
		t.Fatal("it succeeded")
	}
	want(t, err.Error(), "1 of 2 replicas updated", "no progress for 4s", "ImagePullBackOff: Back-off pulling image", "reverted to revision 1, which runs")
	want(t, w.heard(), "ImagePullBackOff", "going back to revision 1")
	d := w.deployment("web")
	if i := d.Spec.Template.Spec.Containers[0].Image; i != "hello:1" || d.Status.AvailableReplicas != 2 {
		t.Errorf("%s with %d available", i, d.Status.AvailableReplicas)
	}
	if r := w.records["workload.web"]; !r.Incomplete {
		t.Error("the next plan takes it for done")
	}
	// What follows is a change like any other.
	w.apply(image("hello:3", "true"))
	if d := w.drift("workload.web"); d != "" {
		t.Errorf("drift: %s", d)
	}
	if _, ok := w.deployment("web").Spec.Template.Labels["pod-template-hash"]; ok {
		t.Error("the template has a label of its ReplicaSet")
	}
}

func TestABadUpdateStaysWithoutAutoRevert(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &controlplane.Kubelet{Status: pulls})
	err := w.try(image("broken:1", "true"))
	if err == nil {
		t.Fatal("it succeeded")
	}
	want(t, err.Error(), "0 of 2 replicas ready", "there is no version before it")
	w.apply(image("hello:1", "false"))
	err = w.try(image("broken:2", "false"))
	if err == nil || strings.Contains(err.Error(), "reverted") {
		t.Fatalf("%v", err)
	}
	if i := w.deployment("web").Spec.Template.Spec.Containers[0].Image; i != "broken:2" {
		t.Errorf("it has %s", i)
	}
}

func TestAQuotaIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &controlplane.Kubelet{})
	_, err := w.cp.Client.CoreV1().ResourceQuotas(w.namespace).Create(t.Context(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "one-pod"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("1"), "count/configmaps": resource.MustParse("0")}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // the quota counts from when its controller has seen it
	err = w.try(image("hello:1", "false"))
	if err == nil {
		t.Fatal("two pods run in spite of the quota")
	}
	want(t, err.Error(), "exceeded quota: one-pod", "1 of 2 replicas")
	err = w.try(strings.Replace(web("  container \"a\" { image = \"hello:1\" }\n  config \"c\" { files = { x = \"y\" } }\n"), "web", "other", 1))
	if err == nil {
		t.Fatal("a ConfigMap was made in spite of the quota")
	}
	want(t, err.Error(), "workload.other", "exceeded quota", "Raise the quota")
}

func TestJobsDaemonsAndTheRest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &controlplane.Kubelet{Status: func(p *corev1.Pod) *corev1.PodStatus {
		if strings.Contains(p.Spec.Containers[0].Image, "fails") {
			return &corev1.PodStatus{Phase: corev1.PodFailed, ContainerStatuses: []corev1.ContainerStatus{{
				Name: "a", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 3}},
			}}}
		}
		return nil
	}})
	job := web("  kind = \"job\"\n  backoff_limit = 1\n  restart_policy = \"never\"\n  container \"a\" {\n    image = \"IMAGE\"\n  }\n")
	w.apply(strings.Replace(job, "IMAGE", "hello:1", 1))
	before, err := w.cp.Client.BatchV1().Jobs(w.namespace).Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil || before.Status.Succeeded != 1 {
		t.Fatalf("%v %v", before, err)
	}
	// A job's pods cannot be changed: it is made anew.
	w.apply(strings.Replace(job, "IMAGE", "hello:2", 1))
	after, err := w.cp.Client.BatchV1().Jobs(w.namespace).Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil || after.UID == before.UID || after.Status.Succeeded != 1 {
		t.Errorf("%v %v", after, err)
	}
	if d := w.drift("workload.web"); d != "" {
		t.Errorf("drift: %s", d)
	}
	err = w.try(strings.Replace(job, "IMAGE", "fails:1", 1))
	if err == nil {
		t.Fatal("a job that fails is a success")
	}
	want(t, err.Error(), "BackoffLimitExceeded", "exit code 3")

	for _, kind := range []string{"daemon", "pod", "cron_job"} {
		more := ""
		if kind == "cron_job" {
			more = "  schedule = \"@daily\"\n"
		}
		name := strings.ReplaceAll(kind, "_", "-")
		text := strings.Replace(web("  kind = \""+kind+"\"\n"+more+"  container \"a\" { image = \"hello:1\" }\n"), "\"web\"", "\""+name+"\"", 1)
		w.apply(text)
		if d := w.drift(plan.Address("workload." + name)); d != "" {
			t.Errorf("%s: drift: %s", kind, d)
		}
	}
}

// What is secret is in no error, no progress and no record, and no intent; not even where a program logs it.
func TestSecretsStayOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &controlplane.Kubelet{Status: func(p *corev1.Pod) *corev1.PodStatus {
		s := corev1.ContainerStatus{Name: "app", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CreateContainerError", Message: "cannot use s3cret-marker"}}}
		return &corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{s}}
	}})
	err := w.try(web(withSecret + "  update {\n    progress_deadline = \"2s\"\n  }\n"))
	if err == nil {
		t.Fatal("it succeeded")
	}
	want(t, err.Error(), "cannot use (sensitive)")
	record, _ := json.Marshal(w.records["workload.web"])
	intents, _ := json.Marshal(w.intents)
	observed, _ := json.Marshal(w.read("workload.web"))
	for what, text := range map[string]string{"error": err.Error(), "progress": w.heard(), "record": string(record), "intents": string(intents), "observation": string(observed)} {
		if strings.Contains(text, "s3cret-marker") || strings.Contains(text, "czNjcmV0LW1hcmtlc") {
			t.Errorf("the %s holds it: %s", what, text)
		}
	}
}

// An interrupt ends the waiting; what is there is recorded, and the next apply goes on.
func TestAnInterruptIsTakenUpAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil) // nobody runs pods
	text := web("  container \"a\" { image = \"hello:1\" }\n")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	o := w.desired(text)[0]
	err := w.carryOut(ctx, plan.Change{Operation: plan.Create, After: o, Generation: 1})
	if err == nil {
		t.Fatal("it succeeded without pods")
	}
	want(t, err.Error(), "interrupted at 0 of 1 replica")
	if r := w.records[o.Address]; r == nil || !r.Incomplete || len(r.Spec.(*plan.Workload).Objects) != 1 {
		t.Fatalf("%+v", r)
	}
	if err := w.carryOut(ctx, plan.Change{Operation: plan.Update, Before: w.records[o.Address], After: o}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("something was begun after the end: %v", err)
	}
	w.cp.Play(t, controlplane.Kubelet{Node: "i-" + w.namespace, Namespace: w.namespace})
	w.apply(text)
	if d := w.drift("workload.web"); d != "" {
		t.Errorf("drift: %s", d)
	}
}

func TestLaunchedDoesNotWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.launched = true
	w.apply(web("  container \"a\" { image = \"hello:1\" }\n"))
	w.deployment("web")
}
