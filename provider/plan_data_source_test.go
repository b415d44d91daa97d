package provider_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const managedElsewhere = `
variable "size" {
  type    = number
  default = 1
}

variable "password" {
  type      = string
  sensitive = true
  default   = ""
}

cluster "lab" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "us-east-1"
}

node_pool "worker" {
  cluster = cluster.lab
  size    = var.size
}

output "password" {
  value     = var.password
  sensitive = true
}
`

// planOf is a data source with everything of it as outputs.
func planOf(dir, more string) string {
	return fmt.Sprintf(`
data "clusterform_plan" "elsewhere" {
  directory = %q
  %s
}

output "empty" { value = data.clusterform_plan.elsewhere.empty }
output "summary" { value = data.clusterform_plan.elsewhere.summary }
output "changes" { value = data.clusterform_plan.elsewhere.changes }
output "json" { value = data.clusterform_plan.elsewhere.json }
`, dir, more)
}

// outputs are the values of the outputs after an apply.
func (w *workspace) outputs() (out struct {
	Empty   struct{ Value bool }
	Summary struct{ Value map[string]int }
	Changes struct{ Value []map[string]string }
	JSON    struct{ Value string }
},
) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(w.run(0, "output", "-json")), &out); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// TestPlanOfADirectory follows a cluster that the command line manages through the eyes of Terraform.
func TestPlanOfADirectory(t *testing.T) {
	l := startLab(t)
	dir := filepath.Join(filepath.Dir(l.stateDir), "cli")
	files := func() []string {
		var out []string
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			out = append(out, e.Name())
		}
		return out
	}
	commandLine(t, l, managedElsewhere, "fmt")
	w := newWorkspace(t, l.config(planOf(dir, "")))

	w.run(0, "apply", "-auto-approve")
	first := w.outputs()
	if first.Empty.Value || first.Summary.Value["create"] < 10 || first.Summary.Value["destroy"] != 0 {
		t.Errorf("of a new cluster: empty %v, %v", first.Empty.Value, first.Summary.Value)
	}
	if i := slices.IndexFunc(first.Changes.Value, func(c map[string]string) bool { return c["address"] == "cluster.lab.vpc" }); i < 0 {
		t.Errorf("no VPC in %v", first.Changes.Value)
	} else if c := first.Changes.Value[i]; c["kind"] != "vpc" || c["action"] != "create" || c["reason"] != "created" {
		t.Errorf("the VPC: %v", c)
	}
	if n := len(l.instances(t)); n != 0 || !slices.Equal(files(), []string{"main.cluster.hcl"}) {
		t.Errorf("a plan left %d instances, and %v", n, files())
	}

	commandLine(t, l, "", "apply", "-auto-approve")
	w.run(0, "apply", "-auto-approve")
	if done := w.outputs(); !done.Empty.Value || len(done.Changes.Value) != 0 || done.Summary.Value["no_op"] == 0 {
		t.Errorf("of an applied cluster: empty %v, %v", done.Empty.Value, done.Changes.Value)
	}
	w.run(0, "plan", "-detailed-exitcode") // what is as it was is no change of an output

	w.write("main.tf", l.config(planOf(dir, fmt.Sprintf(`variables = { size = 2, password = %q }`, marker))))
	w.run(0, "apply", "-auto-approve")
	wider := w.outputs()
	if len(wider.Changes.Value) != 1 || wider.Changes.Value[0]["address"] != "node_pool.worker[1]" || wider.Summary.Value["create"] != 1 {
		t.Errorf("of one node more: %v", wider.Changes.Value)
	}
	if strings.Contains(wider.JSON.Value, marker) {
		t.Error("a sensitive value is in the document")
	}
	doc := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(wider.JSON.Value), &doc); err != nil || doc["resource_changes"] == nil {
		t.Errorf("the document has %v, %v", slices.Sorted(maps.Keys(doc)), err)
	}

	w.write("main.tf", l.config(planOf(dir, `
  variables = { size = 2 }
  targets   = ["cluster.lab"]`)))
	w.run(0, "apply", "-auto-approve")
	if left := w.outputs(); len(left.Changes.Value) != 0 {
		t.Errorf("of the cluster alone: %v", left.Changes.Value)
	}
	w.write("main.tf", l.config(planOf(dir, "destroy = true\n  refresh = false")))
	w.run(0, "apply", "-auto-approve")
	if end := w.outputs(); end.Summary.Value["destroy"] < 10 || end.Summary.Value["nodes_disrupted"] != 2 {
		t.Errorf("of the end: %v", end.Summary.Value)
	}
	commandLine(t, l, "", "destroy", "-auto-approve")
}

// TestPlanOfAWrongDirectory: messages say which file and line, or what there is not.
func TestPlanOfAWrongDirectory(t *testing.T) {
	l := startLab(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.cluster.hcl"), []byte("cluster \"lab\" {\n  orchestrator = \"kubernetes\"\n  colour = \"red\"\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, dir, more, want string }{
		{"a mistake in a file", dir, "", "main.cluster.hcl:3"},
		{"no such directory", dir + "/nowhere", "", "nowhere"},
		{"no object of variables", dir, "variables = [1]", "an object with the variables' names"},
		{"no such variable", dir, "variables = { colour = 1 }", "colour"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorkspace(t, l.config(planOf(test.dir, test.more)))
			if out := w.run(1, "plan"); !strings.Contains(strings.Join(strings.Fields(out), " "), test.want) {
				t.Errorf("%q is missing in:\n%s", test.want, out)
			}
		})
	}
}
