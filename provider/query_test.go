package provider_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestQuery lists what is on record with `terraform query`, and imports it by identity, with a Terraform that can: the one on
// the PATH or the one that CLUSTERFORM_TEST_TERRAFORM names.
func TestQuery(t *testing.T) {
	l := startLab(t)
	program := os.Getenv("TF_ACC_TERRAFORM_PATH")
	if other := os.Getenv(anotherTerraform); other != "" {
		program = other
	}
	if program == "" {
		t.Skip("terraform is not on the PATH")
	}
	w := newWorkspaceFor(t, program, l.config(clusterWith("")+poolWith("size = 2")))
	if out, _ := w.try(nil, "-help"); !strings.Contains(out, "\n  query ") {
		t.Skipf("%s has no `query`, which Terraform 1.14 has", w.version())
	}
	w.run(0, "apply", "-auto-approve")
	w.write("all.tfquery.hcl", `
list "clusterform_cluster" "all" {
  provider = clusterform
}

list "clusterform_node_pool" "pools" {
  provider = clusterform
  config {
    cluster = "us-east-1/lab"
  }
}
`)
	out := w.run(0, "query")
	for _, want := range []string{"us-east-1/lab", "us-east-1/lab/worker"} {
		if !strings.Contains(out, want) {
			t.Errorf("%s is not listed:\n%s", want, out)
		}
	}
	if err := os.Remove(filepath.Join(w.dir, "all.tfquery.hcl")); err != nil {
		t.Fatal(err)
	}

	w.run(0, "state", "rm", thePool)
	w.write("import.tf", `
import {
  to       = clusterform_node_pool.worker
  identity = { id = "us-east-1/lab/worker" }
}
`)
	if out := w.run(0, "apply", "-auto-approve"); !strings.Contains(out, "1 imported, 0 added, 0 changed, 0 destroyed") {
		t.Errorf("the import by identity says\n%s", out)
	}
	w.run(0, "plan", "-detailed-exitcode")
	w.run(0, "destroy", "-auto-approve")
}

// version is the program's.
func (w *workspace) version() string {
	w.t.Helper()
	var v struct {
		Version string `json:"terraform_version"`
	}
	if err := json.Unmarshal([]byte(w.run(0, "version", "-json")), &v); err != nil {
		w.t.Fatal(err)
	}
	return "Terraform " + v.Version
}
