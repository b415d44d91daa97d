//go:build linux

package machines_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestControlPlane brings up three control-plane nodes of the previous minor version; one dies and is replaced, and then
// the cluster is upgraded with the workload answering throughout.
func TestControlPlane(t *testing.T) {
	needs(t, previous, current)
	w := newWorld(t, "testdata/web")
	k := &kubernetes{world: w}
	args := []string{"-var=control_planes=3", "-var=workers=1", "-var=kubernetes=" + previous}
	w.apply(args...)
	w.wantEmpty(args...)
	t.Run("one of three dies", func(t *testing.T) { k.controlPlaneDies(t, args) })
	if t.Failed() {
		return
	}
	t.Run("to the next minor version", func(t *testing.T) {
		args[2] = "-var=kubernetes=" + current
		client := w.ask(t, fmt.Sprintf("http://%s:30080/", w.nodes()["node_pool.worker[0]"].Spec.PublicIP))
		stop := client.end // the worker that is asked goes, too: until then
		w.apply(append(args, "-target=cluster.lab")...)
		client.stop(t)
		stop()
		w.apply(args...)
		w.answers(t, fmt.Sprintf("http://%s:30080/", w.nodes()["node_pool.worker[0]"].Spec.PublicIP), "hello")
		versions := strings.Fields(k.kubectl(t, "get", "nodes", "-o", `jsonpath={range .items[*]}{.status.nodeInfo.kubeletVersion}{" "}{end}`))
		for _, v := range versions {
			if v != "v"+current {
				t.Errorf("nodes run %v, want v%s everywhere", versions, current)
			}
		}
		var server struct {
			ServerVersion struct {
				GitVersion string `json:"gitVersion"`
			} `json:"serverVersion"`
		}
		if err := json.Unmarshal([]byte(k.kubectl(t, "version", "-o", "json")), &server); err != nil || server.ServerVersion.GitVersion != "v"+current {
			t.Errorf("the API is %q (%v), want v%s", server.ServerVersion.GitVersion, err, current)
		}
		w.wantEmpty(args...)
	})
	t.Run("destroy leaves nothing", func(t *testing.T) {
		w.run(0, append([]string{"destroy", "-auto-approve"}, args...)...)
		if left := w.leftovers(t); len(left) > 0 {
			t.Errorf("destroy left:\n%s", strings.Join(left, "\n"))
		}
	})
}

func (k *kubernetes) controlPlaneDies(t *testing.T, args []string) {
	k.kubectl(t, "get", "--raw", "/readyz")
	dead := k.nodes()["cluster.lab.control_plane[1]"].ID
	k.run(0, "lab", "kill", "cluster.lab.control_plane[1]")
	// It answers at once, by the balancer's other targets; what was on its way to the dead one may fail.
	eventually(t, time.Minute, "the API goes on answering", func() error {
		o := k.try(nil, "status", "-json")
		if o.code != 0 {
			return fmt.Errorf("%v", o)
		}
		return nil
	})
	eventually(t, 4*time.Minute, "the plan names the dead node", func() error {
		plan := k.try(nil, append([]string{"plan"}, args...)...).stdout
		if !strings.Contains(plan, "cluster.lab.control_plane[1]") {
			return fmt.Errorf("it says:\n%s", plan)
		}
		return nil
	})
	k.apply(args...)
	if k.nodes()["cluster.lab.control_plane[1]"].ID == dead {
		t.Error("cluster.lab.control_plane[1] was not replaced")
	}
	members := k.kubectl(t, "-n", "kube-system", "get", "pods", "-l", "component=etcd", "--field-selector=status.phase=Running", "-o", "name")
	if n := len(strings.Fields(members)); n != 3 {
		t.Errorf("%d etcd members run, want 3:\n%s", n, members)
	}
	if health := k.kubectl(t, "get", "--raw", "/readyz/etcd"); health != "ok" {
		t.Errorf("etcd is %q", health)
	}
	k.wantEmpty(args...)
}
