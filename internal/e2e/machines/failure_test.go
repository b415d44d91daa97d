//go:build linux

package machines_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// cutOff are pools whose own user-data, which runs as soon as ours is in place, cuts them off what they need.
const cutOff = `
node_pool "blind" {
  cluster       = cluster.lab
  size          = 1
  instance_type = "t3.large"
  user_data     = <<-EOT
    #!/bin/sh
    echo "127.0.0.1 %[1]s" >>/etc/hosts
  EOT

  update {
    health_timeout = "2m"
  }
}

node_pool "deaf" {
  cluster       = cluster.lab
  size          = 1
  instance_type = "t3.large"
  user_data     = <<-EOT
    #!/bin/sh
    iptables -I OUTPUT -p tcp --dport %[2]s -j REJECT
  EOT

  update {
    health_timeout = "2m"
  }
}
`

// cut writes those pools: name is what the blind one cannot resolve, port where the deaf one hears nothing.
func (k *kubernetes) cut(t *testing.T, name, port string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(k.config(), "cut.cluster.hcl"), fmt.Appendf(nil, cutOff, name, port), 0o600); err != nil {
		t.Fatal(err)
	}
}

// powerLoss cuts the power of a worker. Kubernetes finds out after half a minute and gives the node another minute, in which
// two more nodes are to join: one is cut off its software and one off the API. They are reported within their bound with
// what their consoles say, and nothing else is hurt. Then a plain apply, of corrected files, replaces the dead node and
// brings the others about.
func (k *kubernetes) powerLoss(t *testing.T) {
	const victim = "node_pool.worker[0]"
	before := k.nodes()
	dead := before[victim].ID
	k.run(0, "lab", "kill", victim)
	eventually(t, time.Minute, "the plan names the dead node and says why", func() error {
		plan := k.try(nil, append([]string{"plan"}, k.args...)...).stdout
		if !strings.Contains(plan, victim) || !strings.Contains(plan, "status checks fail") {
			return fmt.Errorf("it says:\n%s", plan)
		}
		return nil
	})
	k.cut(t, "artifacts.lab", "6443")
	failing := k.start(t, append([]string{"apply", "-auto-approve", "-target=node_pool.blind", "-target=node_pool.deaf"}, k.args...)...)
	web := "http://" + before["node_pool.worker[1]"].Spec.PublicIP + ":30080/"
	eventually(t, 2*time.Minute, "nobody is sent to the dead node any more", func() error {
		for range 20 {
			if _, err := get(web); err != nil {
				return err
			}
		}
		return nil
	})
	client := k.ask(t, web)
	eventually(t, 4*time.Minute, "the workload is back on other workers", func() error {
		elsewhere := 0
		for _, p := range k.pods(t, "web").Items {
			if p.ready() && p.Spec.NodeName != dead {
				elsewhere++
			}
		}
		if elsewhere < 3 {
			return fmt.Errorf("%d of 3 replicas are ready elsewhere", elsewhere)
		}
		return nil
	})
	code := failing.endedWithin(t, 4*time.Minute)
	client.stop(t)
	said := failing.out.String() + failing.err.String()
	for _, want := range []string{
		"node_pool.blind[0]", "node_pool.deaf[0]", "not ready after 2m0s",
		"refused",                // where the software is
		"waiting for the API at", // where the API is
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the failure does not say %q:\n%s", want, said)
		}
	}
	if code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for address, n := range before {
		if now := k.nodes()[address]; now.ID != n.ID || now.Phase != n.Phase {
			t.Errorf("%s was %+v and is %+v", address, n, now)
		}
	}
	k.cut(t, "nowhere.lab", "6")
	k.apply(k.args...)
	if k.nodes()[victim].ID == dead {
		t.Errorf("%s was not replaced", victim)
	}
	k.wantEmpty(k.args...)
	if n := len(strings.Fields(k.kubectl(t, "get", "nodes", "-o", "name"))); n != 5 {
		t.Errorf("%d nodes are members, want 5", n)
	}
	if err := os.Remove(filepath.Join(k.config(), "cut.cluster.hcl")); err != nil {
		t.Fatal(err)
	}
	k.apply(k.args...)
}
