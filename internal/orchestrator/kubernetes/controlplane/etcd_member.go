package controlplane

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// FreeHost is a loopback address that nobody uses.
func FreeHost() string { return freeHost() }

// RunEtcd runs another member, which has been added to the store's members before (others are "name=peer URL", all of
// them with the new one), and returns what ends it.
func (cp *ControlPlane) RunEtcd(tb testing.TB, name, host string, members []string) (stop func()) {
	tb.Helper()
	dir, err := os.MkdirTemp(cp.dir, "member-")
	if err != nil {
		tb.Fatal(err)
	}
	if err := cp.files.writeEtcd(cp.dir, "etcd-"+name, name, host); err != nil {
		tb.Fatal(err)
	}
	args := append(cp.etcdFlags(name, host, "etcd-"+name), "--data-dir="+dir, "--initial-cluster-state=existing", "--initial-cluster="+strings.Join(members, ","))
	pr, err := start(dir, cp.programs, etcd, args...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pr.stop)
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	if err := pr.wait(ctx, func(ctx context.Context) error { return cp.etcdHealth(ctx, host) }); err != nil {
		tb.Fatal(err)
	}
	return pr.stop
}

// EtcdPod makes the API know a member as kubeadm's static pod of a node, which is played beside it.
func (cp *ControlPlane) EtcdPod(tb testing.TB, node string) {
	tb.Helper()
	labels := map[string]string{"component": "etcd", "tier": "control-plane"}
	_, err := cp.Client.CoreV1().Pods(metav1.NamespaceSystem).Create(tb.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "etcd-" + node, Labels: labels, Annotations: map[string]string{"kubernetes.io/config.mirror": "x"}},
		Spec:       corev1.PodSpec{NodeName: node, HostNetwork: true, Containers: []corev1.Container{{Name: "etcd", Image: "etcd"}}},
	}, metav1.CreateOptions{})
	if err != nil {
		tb.Fatal(fmt.Errorf("etcd's pod on %s: %w", node, err))
	}
}
