package controlplane

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/retry"
)

// Kubelet plays a node and the scheduler: it takes pods that no node has, says of them what Status does, and lets them go
// when they are deleted. No container ever runs.
type Kubelet struct {
	// Node is the node's name.
	Node string
	// Namespace limits it to a namespace's pods, so that tests run beside one another; "" takes all.
	Namespace string
	// ControlPlane labels the node as one.
	ControlPlane bool
	// Labels and Annotations of the node.
	Labels, Annotations map[string]string
	// NotReady nodes run pods all the same: it is only said of them.
	NotReady bool
	// Status says how a pod is; nil, or a nil status, is Running. It is asked again a few times a second.
	Status func(*corev1.Pod) *corev1.PodStatus
	// Streams answer for logs, commands and ports of its pods; nil answers nothing.
	Streams *Streams
	// Holds keeps deleted pods until it is closed, as a pod that ends slowly does; nil holds none.
	Holds <-chan struct{}
}

// Play makes the node and plays it until the test ends.
func (cp *ControlPlane) Play(tb testing.TB, k Kubelet) *corev1.Node {
	tb.Helper()
	node := cp.addNode(tb, k)
	ctx, cancel := context.WithCancel(context.Background())
	tb.Cleanup(func() {
		cancel()
		_ = cp.Client.CoreV1().Nodes().Delete(context.Background(), k.Node, metav1.DeleteOptions{})
	})
	pods := cache.NewListWatchFromClient(cp.Client.CoreV1().RESTClient(), "pods", k.Namespace, fields.Everything())
	tend := func(object any) {
		if pod, ok := object.(*corev1.Pod); ok {
			cp.tend(ctx, k, pod)
		}
	}
	_, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: pods, ObjectType: &corev1.Pod{}, ResyncPeriod: 200 * time.Millisecond,
		Handler: cache.ResourceEventHandlerFuncs{AddFunc: tend, UpdateFunc: func(_, now any) { tend(now) }},
	})
	go informer.Run(ctx.Done())
	return node
}

func (cp *ControlPlane) addNode(tb testing.TB, k Kubelet) *corev1.Node {
	tb.Helper()
	ctx := tb.Context()
	labels := map[string]string{corev1.LabelHostname: k.Node}
	for name, value := range k.Labels {
		labels[name] = value
	}
	if k.ControlPlane {
		labels["node-role.kubernetes.io/control-plane"] = ""
	}
	node, err := cp.Client.CoreV1().Nodes().Create(ctx, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: k.Node, Labels: labels, Annotations: k.Annotations},
	}, metav1.CreateOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	ready := corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", LastTransitionTime: metav1.Now()}
	if k.NotReady {
		ready.Status, ready.Reason, ready.Message = corev1.ConditionUnknown, "NodeStatusUnknown", "Kubelet stopped posting node status."
	}
	much := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("16"), corev1.ResourceMemory: resource.MustParse("64Gi"), corev1.ResourcePods: resource.MustParse("200"),
	}
	status := corev1.NodeStatus{
		Capacity: much, Allocatable: much, Conditions: []corev1.NodeCondition{ready},
		Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: cp.Host}},
		NodeInfo:  corev1.NodeSystemInfo{KubeletVersion: "v" + cp.Version},
	}
	if k.Streams != nil {
		status.DaemonEndpoints.KubeletEndpoint.Port = cp.serve(tb, k.Streams)
	}
	nodes := cp.Client.CoreV1().Nodes()
	// Controllers write to new nodes, too.
	err = retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		if node, err = nodes.Get(ctx, k.Node, metav1.GetOptions{}); err != nil {
			return err
		}
		node.Status = status
		node, err = nodes.UpdateStatus(ctx, node, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return node
}

// tend does the next thing for a pod. What fails is done at the next event or resync.
func (cp *ControlPlane) tend(ctx context.Context, k Kubelet, pod *corev1.Pod) {
	pods := cp.Client.CoreV1().Pods(pod.Namespace)
	switch {
	case pod.Spec.NodeName == "" && pod.DeletionTimestamp == nil:
		if node, err := cp.Client.CoreV1().Nodes().Get(ctx, k.Node, metav1.GetOptions{}); err != nil || node.Spec.Unschedulable {
			return
		}
		_ = pods.Bind(ctx, &corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace, UID: pod.UID},
			Target:     corev1.ObjectReference{Kind: "Node", Name: k.Node},
		}, metav1.CreateOptions{})
	case pod.Spec.NodeName != k.Node:
	case pod.DeletionTimestamp != nil:
		select {
		case <-k.Holds:
		default:
			if k.Holds != nil {
				return
			}
		}
		_ = pods.Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0)), Preconditions: &metav1.Preconditions{UID: &pod.UID}})
	default:
		var status *corev1.PodStatus
		if k.Status != nil {
			status = k.Status(pod)
		}
		if status == nil {
			status = running(pod)
		}
		if status.Phase == pod.Status.Phase && len(status.Conditions) == len(pod.Status.Conditions) && sameStates(status, &pod.Status) {
			return
		}
		changed := pod.DeepCopy()
		changed.Status = *status
		_, _ = pods.UpdateStatus(ctx, changed, metav1.UpdateOptions{})
	}
}

// running is the status of a pod that runs and is ready, and of a job's pod that is done.
func running(pod *corev1.Pod) *corev1.PodStatus {
	if owner := metav1.GetControllerOf(pod); owner != nil && owner.Kind == "Job" {
		return &corev1.PodStatus{Phase: corev1.PodSucceeded}
	}
	now := metav1.NewTime(pod.CreationTimestamp.Time)
	s := &corev1.PodStatus{Phase: corev1.PodRunning, StartTime: &now, PodIP: "10.244.0.9", PodIPs: []corev1.PodIP{{IP: "10.244.0.9"}}}
	for _, t := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady} {
		s.Conditions = append(s.Conditions, corev1.PodCondition{Type: t, Status: corev1.ConditionTrue, LastTransitionTime: now})
	}
	for i := range pod.Spec.Containers {
		c := &pod.Spec.Containers[i]
		s.ContainerStatuses = append(s.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Image: c.Image, Ready: true, Started: new(true),
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
		})
	}
	return s
}

// sameStates compares what a test would change of containers.
func sameStates(a, b *corev1.PodStatus) bool {
	if len(a.ContainerStatuses) != len(b.ContainerStatuses) || a.Reason != b.Reason || a.Message != b.Message {
		return false
	}
	for i := range a.ContainerStatuses {
		x, y := &a.ContainerStatuses[i], &b.ContainerStatuses[i]
		if x.Ready != y.Ready || x.RestartCount != y.RestartCount || reason(x.State) != reason(y.State) {
			return false
		}
	}
	for i := range a.Conditions {
		if a.Conditions[i].Type != b.Conditions[i].Type || a.Conditions[i].Status != b.Conditions[i].Status {
			return false
		}
	}
	return true
}

func reason(s corev1.ContainerState) string {
	switch {
	case s.Waiting != nil:
		return "waiting: " + s.Waiting.Reason + s.Waiting.Message
	case s.Terminated != nil:
		return "terminated: " + s.Terminated.Reason
	case s.Running != nil:
		return "running"
	}
	return ""
}
