package client_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes/client"
	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes/controlplane"
)

var plane controlplane.Shared

func TestMain(m *testing.M) { os.Exit(plane.Main(m)) }

// connect makes a client of a control plane as the engine does. Hosts are tried before the right one.
func connect(t *testing.T, cp *controlplane.ControlPlane, hosts ...string) *client.Client {
	t.Helper()
	k, err := client.Orchestrator{}.Client(t.Context(), orchestrator.Cluster{
		Address: "cluster.lab", UID: "u1", Region: "ap-northeast-2", Version: cp.Version, Hosts: append(hosts, cp.Host),
	}, cp.Parameters)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

func get(t *testing.T, p orchestrator.Parameters, name string) string {
	t.Helper()
	values, err := p.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return values[name]
}

// eventually polls until done says so.
func eventually(t *testing.T, what string, done func(context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !done(ctx) {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("%s did not come about", what)
		}
	}
}
