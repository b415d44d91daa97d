package client_test

import (
	"maps"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes/controlplane"
	"github.com/clusterform/clusterform/planner/resource"
)

func TestConfigureKeepsToWhatClusterformSet(t *testing.T) {
	t.Parallel()
	cp := plane.Get(t)
	k := connect(t, cp)
	const node = "i-0configure"
	cp.Play(t, controlplane.Kubelet{Node: node, Namespace: "none", Labels: map[string]string{"foreign": "yes", "tier": "old"}})
	nodes := cp.Client.CoreV1().Nodes()
	n, err := nodes.Get(t.Context(), node, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n.Spec.Taints = []corev1.Taint{{Key: "foreign", Effect: corev1.TaintEffectNoSchedule}}
	if _, err := nodes.Update(t.Context(), n, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	settings := func(labels map[string]string, taints ...resource.Taint) orchestrator.NodeSettings {
		return orchestrator.NodeSettings{Address: "node_pool.worker[1]", Pool: "worker", Zone: "zone-a", Labels: labels, Taints: taints}
	}
	gpu := resource.Taint{Key: "gpu", Value: "a", Effect: "NoSchedule"}
	gpuB := resource.Taint{Key: "gpu", Value: "b", Effect: "NoSchedule"}
	for _, step := range []struct {
		name     string
		settings orchestrator.NodeSettings
		labels   map[string]string
		taints   []string
		writes   bool
	}{
		{"at first", settings(map[string]string{"tier": "web"}, gpu), map[string]string{"tier": "web"}, []string{"foreign=:NoSchedule", "gpu=a:NoSchedule"}, true},
		{"nothing to do", settings(map[string]string{"tier": "web"}, gpu), map[string]string{"tier": "web"}, []string{"foreign=:NoSchedule", "gpu=a:NoSchedule"}, false},
		{"another value", settings(map[string]string{"tier": "db", "disk": "ssd"}, gpuB), map[string]string{"tier": "db", "disk": "ssd"}, []string{"foreign=:NoSchedule", "gpu=b:NoSchedule"}, true},
		{"all removed", settings(nil), nil, []string{"foreign=:NoSchedule"}, true},
	} {
		before, err := nodes.Get(t.Context(), node, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Configure(t.Context(), orchestrator.Member{Instance: node}, step.settings); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		after, err := nodes.Get(t.Context(), node, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{
			"foreign": "yes", "kubernetes.io/hostname": node, "clusterform.io/pool": "worker",
			"topology.kubernetes.io/zone": "zone-a", "topology.kubernetes.io/region": "ap-northeast-2",
		}
		maps.Copy(want, step.labels)
		if !maps.Equal(after.Labels, want) {
			t.Errorf("%s: labels %v, want %v", step.name, after.Labels, want)
		}
		var taints []string
		for _, taint := range after.Spec.Taints {
			taints = append(taints, taint.Key+"="+taint.Value+":"+string(taint.Effect))
		}
		if !slices.Equal(taints, step.taints) {
			t.Errorf("%s: taints %v, want %v", step.name, taints, step.taints)
		}
		if a := after.Annotations["clusterform.io/address"]; a != "node_pool.worker[1]" {
			t.Errorf("%s: address %q", step.name, a)
		}
		if wrote := before.ResourceVersion != after.ResourceVersion; wrote != step.writes {
			t.Errorf("%s: wrote %t, want %t", step.name, wrote, step.writes)
		}
	}
	if err := k.Configure(t.Context(), orchestrator.Member{Instance: "i-0absent"}, settings(nil)); err == nil {
		t.Error("a node that does not exist was configured")
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	cp := plane.Get(t)
	k := connect(t, cp)
	cp.Play(t, controlplane.Kubelet{Node: "i-0ready", Namespace: "none", ControlPlane: true})
	cp.Play(t, controlplane.Kubelet{Node: "i-0silent", Namespace: "none", NotReady: true})
	if err := k.Cordon(t.Context(), orchestrator.Member{Instance: "i-0silent"}, true); err != nil {
		t.Fatal(err)
	}
	list, err := k.Members(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]orchestrator.Member{}
	for _, m := range list {
		by[m.Instance] = m
	}
	ready, silent := by["i-0ready"], by["i-0silent"]
	if !ready.Ready || !ready.ControlPlane || ready.Version != cp.Version || ready.Address != cp.Host || ready.ID == "" || ready.Since.IsZero() || ready.Cordoned {
		t.Errorf("the ready member: %+v", ready)
	}
	if silent.Ready || silent.Reason != "its kubelet does not report any more" || !silent.Cordoned {
		t.Errorf("the silent member: %+v", silent)
	}
}
