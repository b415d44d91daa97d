package provider_test

import (
	"strings"
	"testing"
)

func TestUnknownValues(t *testing.T) {
	l := startLab(t)
	w := newWorkspace(t, l.config(`
resource "terraform_data" "office" {
  input = "192.0.2.0/24"
}

resource "terraform_data" "size" {
  input = 2
}
`+clusterWith(`control_plane = { access = [terraform_data.office.output] }`)+poolWith(`size = terraform_data.size.output`)))
	w.run(0, "validate")
	if out := w.run(2, "plan", "-detailed-exitcode"); !strings.Contains(out, "(known after apply)") {
		t.Errorf("the plan shows nothing as unknown:\n%s", out)
	}
	w.run(0, "apply", "-auto-approve")
	w.run(0, "plan", "-detailed-exitcode")
	if n := len(l.instances(t)); n != 3 {
		t.Errorf("%d instances run, want 3", n)
	}
	w.run(0, "destroy", "-auto-approve")
}

func TestUnknownProviderSettings(t *testing.T) {
	l := startLab(t)
	config := strings.Replace(l.provider(), `region       = "us-east-1"`, `region = terraform_data.region.output`, 1) + `
resource "terraform_data" "region" {
  input = "us-east-1"
}
` + clusterWith("") + poolWith("size = 1")
	w := newWorkspace(t, config)
	w.run(0, "validate")
	w.run(2, "plan", "-detailed-exitcode")
	w.run(0, "apply", "-auto-approve")
	w.run(0, "plan", "-detailed-exitcode")
	w.run(0, "destroy", "-auto-approve")
}

func TestTerraformTest(t *testing.T) {
	l := startLab(t)
	w := newWorkspace(t, l.config(clusterWith("")+poolWith("size = 1")+`
output "nodes" { value = length(clusterform_node_pool.worker.nodes) }
`))
	w.write("main.tftest.hcl", `
run "plan" {
  command = plan
  assert {
    condition     = clusterform_cluster.lab.id == "us-east-1/lab"
    error_message = "another id"
  }
}

run "apply" {
  assert {
    condition     = output.nodes == 1
    error_message = "another number of nodes"
  }
}
`)
	if out := w.run(0, "test"); !strings.Contains(out, "2 passed, 0 failed") {
		t.Errorf("terraform test says:\n%s", out)
	}
}
