package client_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes/controlplane"
)

// deploy makes a deployment and waits for its pods to run.
func deploy(t *testing.T, cp *controlplane.ControlPlane, namespace, name string, replicas int32) {
	t.Helper()
	labels := map[string]string{"app.kubernetes.io/instance": name}
	api := cp.Client.AppsV1().Deployments(namespace)
	if _, err := api.Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "hello:1"}, {Name: "log", Image: "tail:1"}}},
			},
		},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the deployment", func(ctx context.Context) bool {
		d, err := api.Get(ctx, name, metav1.GetOptions{})
		return err == nil && d.Status.AvailableReplicas == replicas
	})
}

// budget allows the disruption of pods as long as so many are available, and waits for the API to know.
func budget(t *testing.T, cp *controlplane.ControlPlane, namespace, name string, available int) {
	t.Helper()
	api := cp.Client.PolicyV1().PodDisruptionBudgets(namespace)
	if _, err := api.Create(t.Context(), &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MinAvailable: new(intstr.FromInt(available)),
			Selector:     &metav1.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/instance": name}},
		},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the budget", func(ctx context.Context) bool {
		b, err := api.Get(ctx, name, metav1.GetOptions{})
		return err == nil && b.Status.ObservedGeneration > 0 && int(b.Status.CurrentHealthy) >= available
	})
}

// bare makes a pod that nothing replaces and waits for it to run.
func bare(t *testing.T, cp *controlplane.ControlPlane, namespace, name string) {
	t.Helper()
	api := cp.Client.CoreV1().Pods(namespace)
	if _, err := api.Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "hello:1"}}},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pod", func(ctx context.Context) bool {
		p, err := api.Get(ctx, name, metav1.GetOptions{})
		return err == nil && p.Status.Phase == corev1.PodRunning
	})
}

// said collects progress.
type said struct {
	mu    sync.Mutex
	lines []string
}

func (s *said) add(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, text)
}

func (s *said) has(part string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.lines, func(l string) bool { return strings.Contains(l, part) })
}

// on lists the pods of a node.
func on(t *testing.T, cp *controlplane.ControlPlane, namespace, node string) []string {
	t.Helper()
	list, err := cp.Client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	return names
}

func TestDrainMovesWorkAsItsBudgetAllows(t *testing.T) {
	t.Parallel()
	cp := plane.Get(t)
	k := connect(t, cp)
	ns := cp.Namespace(t)
	full, spare := "i-0full-"+ns, "i-0spare-"+ns
	cp.Play(t, controlplane.Kubelet{Node: full, Namespace: ns})
	deploy(t, cp, ns, "web", 3)
	budget(t, cp, ns, "web", 2)
	var progress said
	done := make(chan error, 1)
	go func() {
		done <- k.Drain(t.Context(), orchestrator.Member{Instance: full}, orchestrator.DrainOptions{Timeout: time.Minute, Grace: -1, Progress: progress.add})
	}()
	// The first pod's replacement has nowhere to run yet, so the budget holds the other two.
	eventually(t, "a budget that holds", func(context.Context) bool { return progress.has("budget web allows no more") })
	if n := len(on(t, cp, ns, full)); n != 2 {
		t.Errorf("%d pods are on the node while the budget wants 2", n)
	}
	cp.Play(t, controlplane.Kubelet{Node: spare, Namespace: ns})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if left := on(t, cp, ns, full); len(left) != 0 {
		t.Errorf("left on the node: %v", left)
	}
	n, err := cp.Client.CoreV1().Nodes().Get(t.Context(), full, metav1.GetOptions{})
	if err != nil || !n.Spec.Unschedulable {
		t.Errorf("the drained node takes new work (%v)", err)
	}
}

func TestDrainEndsAtItsBound(t *testing.T) {
	t.Parallel()
	cp := plane.Get(t)
	k := connect(t, cp)
	ns := cp.Namespace(t)
	node := "i-0bound-" + ns
	cp.Play(t, controlplane.Kubelet{Node: node, Namespace: ns})
	deploy(t, cp, ns, "web", 1)
	budget(t, cp, ns, "web", 1)
	drain := func(force bool) error {
		return k.Drain(t.Context(), orchestrator.Member{Instance: node}, orchestrator.DrainOptions{Timeout: 2 * time.Second, Grace: -1, Force: force})
	}
	err := drain(false)
	d, ok := errors.AsType[*orchestrator.DrainError](err)
	if !ok {
		t.Fatalf("error %v", err)
	}
	if d.Member != node || len(d.Waiting) != 1 || !strings.HasPrefix(d.Waiting[0], ns+"/web-") || !strings.Contains(d.Waiting[0], "budget web") {
		t.Errorf("%+v", d)
	}
	if err := drain(true); err != nil {
		t.Errorf("forced: %v", err)
	}
}

func TestDrainAsksBeforeItEndsBarePods(t *testing.T) {
	t.Parallel()
	cp := plane.Get(t)
	k := connect(t, cp)
	ns := cp.Namespace(t)
	node := "i-0bare-" + ns
	cp.Play(t, controlplane.Kubelet{Node: node, Namespace: ns})
	bare(t, cp, ns, "alone")
	deploy(t, cp, ns, "web", 1)
	err := k.Drain(t.Context(), orchestrator.Member{Instance: node}, orchestrator.DrainOptions{Grace: -1})
	d, ok := errors.AsType[*orchestrator.DrainError](err)
	if !ok || len(d.Waiting) != 1 || !strings.HasPrefix(d.Waiting[0], ns+"/alone: ") || !strings.Contains(err.Error(), "cannot be emptied") {
		t.Fatalf("error %v", err)
	}
	if n := len(on(t, cp, ns, node)); n != 2 {
		t.Errorf("%d of 2 pods are there after a drain that was refused", n)
	}
	if err := k.Drain(t.Context(), orchestrator.Member{Instance: node}, orchestrator.DrainOptions{Grace: 0, Force: true}); err != nil {
		t.Errorf("forced: %v", err)
	}
}

func TestDrainOfADeadNodeAsksNobody(t *testing.T) {
	t.Parallel()
	for name, off := range map[string]bool{"that the cluster has noticed": false, "that only the cloud knows of": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cp := plane.Get(t)
			k := connect(t, cp)
			ns := cp.Namespace(t)
			node := "i-0dead-" + ns
			// Its pods never confirm that they ended.
			cp.Play(t, controlplane.Kubelet{Node: node, Namespace: ns, NotReady: !off, Holds: make(chan struct{})})
			bare(t, cp, ns, "alone")
			deploy(t, cp, ns, "web", 1)
			budget(t, cp, ns, "web", 1)
			o := orchestrator.DrainOptions{Timeout: 20 * time.Second, Grace: -1, Off: off}
			if err := k.Drain(t.Context(), orchestrator.Member{Instance: node}, o); err != nil {
				t.Fatal(err)
			}
			if left := on(t, cp, ns, node); len(left) != 0 {
				t.Errorf("left on the node: %v", left)
			}
		})
	}
}

func TestDrainOfAnAbsentNodeIsDone(t *testing.T) {
	t.Parallel()
	k := connect(t, plane.Get(t))
	if err := k.Drain(t.Context(), orchestrator.Member{Instance: "i-0nobody"}, orchestrator.DrainOptions{}); err != nil {
		t.Error(err)
	}
}
