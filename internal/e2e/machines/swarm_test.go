//go:build linux

package machines_test

import (
	"fmt"
	"strings"
	"testing"
)

const onSwarm = "-var=orchestrator=swarm"

// TestSwarm brings up one manager and two workers from the files of TestKubernetes, with one word changed.
func TestSwarm(t *testing.T) {
	needs(t)
	w := newWorld(t, "testdata/web")
	w.apply(onSwarm)
	w.wantEmpty(onSwarm)
	t.Run("the published port answers", func(t *testing.T) {
		nodes := w.nodes()
		for _, address := range []string{"node_pool.worker[0]", "node_pool.worker[1]"} {
			w.answers(t, fmt.Sprintf("http://%s:30080/", nodes[address].Spec.PublicIP), "hello")
		}
		status := w.run(0, "status").stdout
		for _, want := range []string{"cluster.lab", "node_pool.worker[1]", "workload.web"} {
			if !strings.Contains(status, want) {
				t.Errorf("status does not say %q:\n%s", want, status)
			}
		}
	})
	t.Run("the engine is reached over mutual TLS alone", func(t *testing.T) {
		ip := w.nodes()["cluster.lab.control_plane[0]"].Spec.PrivateIP
		if text, err := get("http://" + ip + ":2375/version"); err == nil {
			t.Errorf("an open port answers %q", text)
		}
		o := w.try(nil, "lab", "exec", "node_pool.worker[0]", "--", "curl", "-sk", "-m", "3", "https://"+ip+":2376/version")
		if strings.Contains(o.stdout, "ApiVersion") {
			t.Errorf("it answers without a certificate: %v", o)
		}
	})
	t.Run("a pool grows and shrinks", func(t *testing.T) {
		w.apply(onSwarm, "-var=workers=3")
		w.wantEmpty(onSwarm, "-var=workers=3")
		w.apply(onSwarm)
		w.wantEmpty(onSwarm)
		members := w.node("cluster.lab.control_plane[0]", "docker", "node", "ls", "-q")
		if n := len(strings.Fields(members)); n != 3 {
			t.Errorf("%d nodes are members after shrinking, want 3", n)
		}
	})
	t.Run("join tokens are worth nothing after the wave", func(t *testing.T) {
		for name := range w.storedSecrets(t) {
			if strings.HasSuffix(name, "/join") {
				t.Errorf("%s is still there", name)
			}
		}
	})
	t.Run("destroy leaves nothing", func(t *testing.T) {
		w.run(0, "destroy", "-auto-approve")
		if left := w.leftovers(t); len(left) > 0 {
			t.Errorf("destroy left:\n%s", strings.Join(left, "\n"))
		}
	})
}
