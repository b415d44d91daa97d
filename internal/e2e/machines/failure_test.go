//go:build linux

package machines_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
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

// TestNodeThatCannotJoin cuts one node off its software and one off the API: they are reported within their bound with what
// their consoles say, nothing else is hurt, and corrected files bring everything about.
func TestNodeThatCannotJoin(t *testing.T) {
	needs(t, current)
	w := newWorld(t, "testdata/web")
	k := &kubernetes{world: w}
	const args = "-var=workers=1"
	w.apply(args)
	before := w.nodes()
	write := func(name, port string) {
		if err := os.WriteFile(filepath.Join(w.config(), "cut.cluster.hcl"), fmt.Appendf(nil, cutOff, name, port), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("artifacts.lab", "6443")
	client := w.ask(t, "http://"+before["node_pool.worker[0]"].Spec.PublicIP+":30080/")
	o := w.run(1, "apply", "-auto-approve", args)
	for _, want := range []string{
		"node_pool.blind[0]", "node_pool.deaf[0]", "not ready after 2m0s",
		"refused",                // where the software is
		"waiting for the API at", // where the API is
	} {
		if !strings.Contains(o.stdout+o.stderr, want) {
			t.Errorf("the failure does not say %q:\n%v", want, o)
		}
	}
	client.stop(t)
	for address, n := range before {
		if now := w.nodes()[address]; now.ID != n.ID || now.Phase != n.Phase {
			t.Errorf("%s was %+v and is %+v", address, n, now)
		}
	}
	write("nowhere.lab", "6")
	w.apply(args)
	w.wantEmpty(args)
	if n := len(strings.Fields(k.kubectl(t, "get", "nodes", "-o", "name"))); n != 4 {
		t.Errorf("%d nodes are members, want 4", n)
	}
	w.run(0, "destroy", "-auto-approve", args)
	if left := w.leftovers(t); len(left) > 0 {
		t.Errorf("destroy left:\n%s", strings.Join(left, "\n"))
	}
}
