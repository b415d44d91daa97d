package controlplane

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// FreeHost is a loopback address that nobody uses.
func FreeHost() string { return freeHost() }

// AddEtcd adds a member to the store and runs it, and returns what ends its process.
func (cp *ControlPlane) AddEtcd(tb testing.TB, name, host string) (stop func()) {
	tb.Helper()
	members := cp.AnnounceEtcd(tb, host)
	initial := make([]string, 0, len(members))
	for _, m := range members {
		if m.Name == "" {
			m.Name = name
		}
		initial = append(initial, m.Name+"="+m.PeerURLs[0])
	}
	dir, err := os.MkdirTemp(cp.dir, "member-")
	if err != nil {
		tb.Fatal(err)
	}
	if err := cp.files.writeEtcd(cp.dir, "etcd-"+name, name, host); err != nil {
		tb.Fatal(err)
	}
	args := append(cp.etcdFlags(name, host, "etcd-"+name), "--data-dir="+dir, "--initial-cluster-state=existing", "--initial-cluster="+strings.Join(initial, ","))
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

// AnnounceEtcd adds a member to the store that does not run yet, and returns all members.
func (cp *ControlPlane) AnnounceEtcd(tb testing.TB, host string) []*etcdserverpb.Member {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	c := cp.etcdClient(ctx, tb)
	defer func() { _ = c.Close() }()
	for {
		// It refuses for some seconds after the last change.
		resp, err := c.MemberAdd(ctx, []string{PeerURL(host)})
		if err == nil {
			return resp.Members
		}
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
			tb.Fatal(err)
		}
	}
}

// LeadEtcd makes a member the leader; the first member is the leader before.
func (cp *ControlPlane) LeadEtcd(tb testing.TB, id uint64) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	c := cp.etcdClient(ctx, tb)
	defer func() { _ = c.Close() }()
	if _, err := c.MoveLeader(ctx, id); err != nil {
		tb.Fatal(err)
	}
}

func (cp *ControlPlane) etcdClient(ctx context.Context, tb testing.TB) *clientv3.Client {
	tb.Helper()
	config, err := cp.etcdTLS()
	if err != nil {
		tb.Fatal(err)
	}
	c, err := clientv3.New(clientv3.Config{Context: ctx, Endpoints: []string{"https://" + cp.Host + ":2379"}, TLS: config, Logger: zap.NewNop()})
	if err != nil {
		tb.Fatal(err)
	}
	return c
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
