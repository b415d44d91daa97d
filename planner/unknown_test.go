package planner

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clusterform/clusterform/planner/resource"
)

const referring = `
cluster "lab" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "ap-northeast-2"
}

node_pool "worker" {
  cluster   = cluster.lab
  size      = 1
  user_data = "#!/bin/sh\necho ${cluster.lab.endpoint}"
  labels    = { vpc = cluster.lab.vpc_id }
}

node_pool "second" {
  cluster = cluster.lab
  size    = 1
  tags    = { first = node_pool.worker.nodes[0].private_ip }
}

node_pool "empty" {
  cluster = cluster.lab
  size    = 0
}

output "endpoint" { value = cluster.lab.endpoint_url }
output "count" { value = length(node_pool.empty.nodes) }
output "uid" { value = cluster.lab.uid }
output "plain" { value = "text" }
`

func TestValuesKnownAfterApply(t *testing.T) {
	t.Parallel()
	w := newWorld(t, referring)
	p := w.plan()
	node := p.Steps[position(t, p, resource.Create, "node_pool.worker[0]")]
	if diff := cmp.Diff([]string{"labels.vpc", "user_data"}, node.Unknown); diff != "" {
		t.Errorf("unknown of the first pool (-want +got):\n%s", diff)
	}
	second := position(t, p, resource.Create, "node_pool.second[0]")
	if diff := cmp.Diff([]string{"tags.first"}, p.Steps[second].Unknown); diff != "" {
		t.Errorf("unknown of the second pool (-want +got):\n%s", diff)
	}
	if !reaches(p, int(node.ID), position(t, p, resource.Create, "cluster.lab.elastic_ip")) {
		t.Error("the node does not wait for the address that its user-data holds")
	}
	if !reaches(p, second, int(node.ID)) {
		t.Error("the second pool does not wait for the node that its tags name")
	}
	w.apply(p)
	n := w.state.Records["node_pool.worker[0]"].Spec.(*resource.Node)
	if vpc := w.state.Records["cluster.lab.vpc"].ID; n.Labels["vpc"] != vpc {
		t.Errorf("the label is %q, want %q", n.Labels["vpc"], vpc)
	}
	if again := w.plan(); again.HasChanges() {
		t.Errorf("the next plan is not empty: %v %+v", summary(again), again.Outputs)
	}
	if got := string(w.state.Outputs["count"].Value); got != "0" {
		t.Errorf("output count is %s", got)
	}
}

// A change of what values come from makes them unknown again, and so changes what they go into.
func TestChangesFollowValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t, referring)
	w.apply(w.plan())
	p := w.plan(func(r *Request) { r.Replace = []string{"cluster.lab.elastic_ip"} })
	want := []string{
		"cluster.lab.elastic_ip replace create replace_requested", "cluster.lab.elastic_ip replace delete replace_requested",
		"cluster.lab.elastic_ip_association replace create replaced_because_of", "cluster.lab.elastic_ip_association replace delete replaced_because_of",
		"node_pool.second[0] update update config_changed",
		"node_pool.worker[0] roll create config_changed", "node_pool.worker[0] roll delete config_changed",
	}
	if diff := cmp.Diff(want, summary(p)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if len(p.Outputs) != 1 || p.Outputs[0].Name != "endpoint" || !p.Outputs[0].Unknown {
		t.Errorf("outputs: %+v", p.Outputs)
	}
	w.apply(p)
	if again := w.plan(); again.HasChanges() {
		t.Errorf("the next plan is not empty: %v %+v", summary(again), again.Outputs)
	}
}

func TestResolveBeforeItsTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, referring)
	p := w.plan()
	e := NewEvaluator(w.request().Config, p)
	s := &p.Steps[position(t, p, resource.Create, "node_pool.worker[0]")]
	_, _, err := e.Resolve(context.Background(), s, w.state)
	if err == nil || !strings.Contains(err.Error(), "still not known") {
		t.Errorf("err is %v", err)
	}
}

func TestUserDataIsKeptOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, strings.Replace(small, "size          = 3", "size = 3\nuser_data = \"#!/bin/sh\\necho hello\"", 1))
	p := w.plan()
	if len(p.Blobs) != 1 {
		t.Fatalf("%d blobs", len(p.Blobs))
	}
	n := p.Steps[position(t, p, resource.Create, "node_pool.worker[0]")].After.Spec.(*resource.Node)
	if !strings.Contains(p.Blobs[n.UserData], "echo hello") {
		t.Errorf("blob: %q", p.Blobs[n.UserData])
	}
}

func TestOutputs(t *testing.T) {
	t.Parallel()
	const sensitive = "\nvariable \"secret\" {\ntype = string\ndefault = \"hush\"\nsensitive = true\n}\noutput \"s\" {\nvalue = var.secret\nsensitive = true\n}\n"
	w := newWorld(t, "output \"a\" { value = [1, \"x\"] }\n"+sensitive)
	p := w.plan()
	if len(p.Outputs) != 2 || string(p.Outputs[0].After) != `[1,"x"]` || p.Outputs[1].After != nil {
		t.Fatalf("outputs: %+v", p.Outputs)
	}
	w.apply(p)
	s := w.state.Outputs["s"]
	s.Sealed, s.Value = "sealed", nil
	w.state.Outputs["s"] = s
	open := func(r *Request) { r.Open = func(string) ([]byte, error) { return []byte(`"hush"`), nil } }
	if again := w.plan(open); again.HasChanges() {
		t.Errorf("outputs: %+v", again.Outputs)
	}
	w.edit(`"hush"`, `"other"`)
	w.edit("output \"a\" { value = [1, \"x\"] }", "")
	p = w.plan(open)
	if len(p.Outputs) != 2 || p.Outputs[0].Action != ActionDestroy || p.Outputs[1].Action != ActionUpdate {
		t.Errorf("outputs: %+v", p.Outputs)
	}
}
