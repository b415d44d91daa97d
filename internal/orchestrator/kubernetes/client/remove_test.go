package client_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes/client"
	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes/controlplane"
)

// controlPlaneNode plays a control-plane node whose member of etcd is on host.
func controlPlaneNode(t *testing.T, cp *controlplane.ControlPlane, name, host string) {
	t.Helper()
	cp.Play(t, controlplane.Kubelet{Node: name, Namespace: metav1.NamespaceSystem, ControlPlane: true, Streams: &controlplane.Streams{
		Forward: func(string, int) (net.Conn, error) { return controlplane.DialEtcd(host) },
	}})
	cp.EtcdPod(t, name)
}

// etcdNames are the members' names; "?" is one that never started, and "-" follows one that is not healthy.
func etcdNames(ctx context.Context, k *client.Client) string {
	members, err := k.Etcd(ctx)
	if err != nil {
		return err.Error()
	}
	out := ""
	for _, m := range members {
		if m.Name == "" {
			m.Name = "?"
		}
		out += m.Name
		if !m.Healthy {
			out += "-"
		}
		out += " "
	}
	return out
}

func TestRemoveKeepsAMajorityOfTheStore(t *testing.T) {
	t.Parallel()
	cp := controlplane.New(t, controlplane.Options{WithoutControllers: true})
	k := connect(t, cp)
	k.WaitForQuorum(time.Second)
	const a, b, c = controlplane.Member, "i-1", "i-2"
	member := func(name string) orchestrator.Member { return orchestrator.Member{Instance: name, ControlPlane: true} }
	refused := func(name string, voters, healthy int) {
		t.Helper()
		err := k.Remove(t.Context(), member(name))
		q, ok := errors.AsType[*client.QuorumError](err)
		if !ok || q.Voters != voters || q.Healthy != healthy {
			t.Errorf("removing %s of %s: error %v", name, etcdNames(t.Context(), k), err)
		}
		if _, err := cp.Client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{}); err != nil {
			t.Errorf("the node %s whose removal was refused: %v", name, err)
		}
	}
	removed := func(m orchestrator.Member) {
		t.Helper()
		if err := k.Remove(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if _, err := cp.Client.CoreV1().Nodes().Get(t.Context(), m.Instance, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			t.Errorf("the node %s after its removal: %v", m.Instance, err)
		}
	}
	becomes := func(want string) {
		t.Helper()
		eventually(t, "etcd with "+want, func(ctx context.Context) bool { return etcdNames(ctx, k) == want })
	}
	controlPlaneNode(t, cp, a, cp.Host)
	becomes(a + " ")
	refused(a, 0, 0)

	hostB, hostC := controlplane.FreeHost(), controlplane.FreeHost()
	cp.AddEtcd(t, b, hostB)
	controlPlaneNode(t, cp, b, hostB)
	stopC := cp.AddEtcd(t, c, hostC)
	controlPlaneNode(t, cp, c, hostC)
	becomes(a + " " + b + " " + c + " ")

	stopC()
	refused(b, 2, 1)
	removed(member(c))
	becomes(a + " " + b + " ")
	removed(member(c)) // nothing is left of it

	// A node died while it joined: it is known by its address alone.
	lost := controlplane.FreeHost()
	cp.AnnounceEtcd(t, lost)
	becomes("?- " + a + " " + b + " ")
	removed(orchestrator.Member{Instance: "i-3", ControlPlane: true, Address: lost})
	becomes(a + " " + b + " ")
}

func TestRemoveOfTheLeader(t *testing.T) {
	t.Parallel()
	cp := controlplane.New(t, controlplane.Options{WithoutControllers: true})
	k := connect(t, cp)
	host := controlplane.FreeHost()
	cp.AddEtcd(t, "i-1", host)
	controlPlaneNode(t, cp, controlplane.Member, cp.Host)
	controlPlaneNode(t, cp, "i-1", host)
	eventually(t, "two healthy members", func(ctx context.Context) bool {
		names := etcdNames(ctx, k)
		t.Log("members:", names) // says why, when it does not come about
		return names == controlplane.Member+" i-1 "
	})
	members, err := k.Etcd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !members[0].Leader || members[1].Leader || members[0].Version == "" || members[0].Size == 0 {
		t.Fatalf("members %+v", members)
	}
	// The one to go is the leader; the one that stays is the API server's.
	cp.LeadEtcd(t, members[1].ID)
	if err := k.Remove(t.Context(), orchestrator.Member{Instance: "i-1", ControlPlane: true}); err != nil {
		t.Fatal(err)
	}
	members, err = k.Etcd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(members) != 1 || members[0].Name != controlplane.Member || !members[0].Leader {
		t.Errorf("members %+v", members)
	}
}
