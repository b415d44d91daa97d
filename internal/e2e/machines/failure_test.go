//go:build linux

package machines_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNodeThatCannotJoin cuts a pool's nodes off their software: they are reported within their bound with what their
// consoles say, nothing else is hurt, and corrected files bring everything about.
func TestNodeThatCannotJoin(t *testing.T) {
	needs(t, current)
	w := newWorld(t, "testdata/web")
	w.apply("-var=workers=1")
	// The pool's own user-data makes the node unable to find the artifacts: what comes first wins.
	broken := `
node_pool "broken" {
  cluster       = cluster.lab
  size          = 1
  instance_type = "t3.large"
  labels        = { tier = "broken" }
  user_data     = <<-EOT
    #!/bin/sh
    echo 192.0.2.1 artifacts.lab registry.lab >>/etc/hosts
  EOT

  update {
    join_timeout = "45s"
  }
}
`
	file := filepath.Join(w.config(), "broken.cluster.hcl")
	if err := os.WriteFile(file, []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	o := w.run(1, "apply", "-auto-approve", "-var=workers=1")
	for _, want := range []string{"node_pool.broken[0]", "clusterform: ", "45s"} {
		if !strings.Contains(o.stdout+o.stderr, want) {
			t.Errorf("the failure does not say %q:\n%v", want, o)
		}
	}
	w.answers(t, "http://"+w.nodes()["node_pool.worker[0]"].Spec.PublicIP+":30080/", "hello")
	fixed := strings.Replace(broken, "192.0.2.1 artifacts.lab registry.lab", "192.0.2.1 nowhere.lab", 1)
	if err := os.WriteFile(file, []byte(fixed), 0o600); err != nil {
		t.Fatal(err)
	}
	w.apply("-var=workers=1")
	w.wantEmpty("-var=workers=1")
	w.run(0, "destroy", "-auto-approve")
	if left := w.leftovers(t); len(left) > 0 {
		t.Errorf("destroy left:\n%s", strings.Join(left, "\n"))
	}
}
