package workload_test

import (
	"strings"
	"testing"

	"github.com/clusterform/clusterform/internal/orchestrator/swarm/client"
)

// Workloads of one namespace are made at the same time, and share its network.
func TestNetworkMadeMeanwhile(t *testing.T) {
	t.Parallel()
	s, d, _ := newSwarm(t, true)
	s.Overtaken = 1
	r := newRun(t)
	if err := r.apply(t.Context(), d, r.change(web("one", "replicas = 2"), "workload.web")); err != nil {
		t.Fatal(err)
	}
	if len(s.Networks) != 1 || len(s.Services) != 1 {
		t.Errorf("%d networks and %d services", len(s.Networks), len(s.Services))
	}
}

const encryptedOverlay = `region = "us-east-1"
  network {
    overlay { encrypted = true }
  }`

func TestEncryptedNetwork(t *testing.T) {
	t.Parallel()
	plain := web("one", "replicas = 2")
	encrypted := strings.Replace(plain, `region       = "us-east-1"`, encryptedOverlay, 1)
	t.Run("is made with the option", func(t *testing.T) {
		t.Parallel()
		s, d, _ := newSwarm(t, true)
		r := newRun(t)
		if err := r.apply(t.Context(), d, r.change(encrypted, "workload.web")); err != nil {
			t.Fatal(err)
		}
		if o := s.Networks[0].Options; o["encrypted"] != "true" {
			t.Errorf("its options are %v", o)
		}
		if err := r.apply(t.Context(), d, r.change(strings.ReplaceAll(encrypted, `"one"`, `"two"`), "workload.web")); err != nil {
			t.Errorf("the network is as it is asked for: %v", err)
		}
		err := r.apply(t.Context(), d, r.change(plain, "workload.web"))
		if err == nil || !strings.Contains(err.Error(), "default_default is encrypted") {
			t.Errorf("%v, want to be told that it stays encrypted", err)
		}
	})
	t.Run("does not take the place of one that is not", func(t *testing.T) {
		t.Parallel()
		s, d, _ := newSwarm(t, true)
		r := newRun(t)
		if err := r.apply(t.Context(), d, r.change(plain, "workload.web")); err != nil {
			t.Fatal(err)
		}
		err := r.apply(t.Context(), d, r.change(encrypted, "workload.web"))
		if err == nil || !strings.Contains(err.Error(), "default_default is not encrypted") || !strings.Contains(err.Error(), "namespace default") {
			t.Errorf("%v, want to be told that nothing is encrypted", err)
		}
		if len(s.Networks) != 1 {
			t.Errorf("%+v", s.Networks)
		}
	})
	t.Run("is refused where a kernel cannot encrypt", func(t *testing.T) {
		t.Parallel()
		s, d, _ := newSwarm(t, true)
		s.Nodes[1].Description.Engine.Labels[client.EngineESP] = "false"
		r := newRun(t)
		err := r.apply(t.Context(), d, r.change(encrypted, "workload.web"))
		if err == nil || !strings.Contains(err.Error(), "the kernel of a node (i-1) has no IPsec") {
			t.Errorf("%v, want the node named", err)
		}
		if len(s.Networks)+len(s.Services) > 0 {
			t.Errorf("made: %+v %+v", s.Networks, s.Services)
		}
	})
}
