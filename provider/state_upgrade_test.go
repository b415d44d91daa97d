package provider_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// older makes Terraform's state one that an earlier version of the provider left: change gets each resource's attributes.
func (w *workspace) older(change func(name string, attributes map[string]any)) {
	w.t.Helper()
	path := filepath.Join(w.dir, "terraform.tfstate")
	data, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	var state map[string]any
	if err := json.Unmarshal(data, &state); err != nil {
		w.t.Fatal(err)
	}
	resources, _ := state["resources"].([]any)
	for _, r := range resources {
		r, _ := r.(map[string]any)
		instances, _ := r["instances"].([]any)
		for _, i := range instances {
			i, _ := i.(map[string]any)
			attributes, _ := i["attributes"].(map[string]any)
			name, _ := r["name"].(string)
			i["schema_version"] = 0
			i["private"] = "eyJsYXRlciI6ImUzMD0ifQ==" // {"later":"{}"}: a key that only another version knows
			change(name, attributes)
		}
	}
	if len(resources) == 0 {
		w.t.Fatal("the state has no resources")
	}
	if data, err = json.Marshal(state); err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestOlderState: what an earlier version left is taken over, and there is nothing to do.
func TestOlderState(t *testing.T) {
	l := startLab(t)
	w := newWorkspace(t, l.config(clusterWith(`control_plane = { access = ["192.0.2.0/24"] }`)+poolWith(`
  size          = 2
  instance_type = ["t3.large"]
  public_ip     = true
  labels        = { tier = "web" }`)+`
resource "clusterform_cluster_ready" "lab" {
  cluster  = clusterform_cluster.lab.id
  triggers = { pool = clusterform_node_pool.worker.phase }
}
`))
	w.run(0, "apply", "-auto-approve")
	w.older(func(name string, attributes map[string]any) {
		attributes["colour"] = "red" // what there is no more
		delete(attributes, "last_error")
		if name == "worker" {
			attributes["size"], attributes["public_ip"], attributes["instance_type"] = "2", "true", []any{"t3.large"}
			return
		}
		if plane, ok := attributes["control_plane"].(map[string]any); ok {
			plane["access"] = "192.0.2.0/24"
			attributes["control_plane"] = []any{plane}
		}
	})
	w.run(0, "plan", "-detailed-exitcode")
	w.run(0, "apply", "-auto-approve", "-refresh-only")
	var after struct {
		Resources []struct {
			Instances []struct {
				Version int `json:"schema_version"`
			}
		}
	}
	data, err := os.ReadFile(filepath.Join(w.dir, "terraform.tfstate"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &after); err != nil || len(after.Resources) != 3 || after.Resources[0].Instances[0].Version != 1 {
		t.Errorf("the state is now %+v (%v)", after, err)
	}
	w.run(0, "destroy", "-auto-approve")
}

// TestOlderStateOfEveryResource: each resource takes a state of each earlier version, also one with hardly anything in it.
func TestOlderStateOfEveryResource(t *testing.T) {
	t.Parallel()
	server, err := factories()["clusterform"]()
	if err != nil {
		t.Fatal(err)
	}
	all, err := server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for name, schema := range all.ResourceSchemas {
		if schema.Version == 0 {
			t.Errorf("%s is of version 0", name)
		}
		for version := range schema.Version {
			resp, err := server.UpgradeResourceState(t.Context(), &tfprotov6.UpgradeResourceStateRequest{
				TypeName: name, Version: version, RawState: &tfprotov6.RawState{JSON: []byte(`{"id": "us-east-1/lab", "name": 7, "replicas": [2], "timeouts": "never", "cluster": null}`)},
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range resp.Diagnostics {
				if d.Severity == tfprotov6.DiagnosticSeverityError {
					t.Errorf("%s of version %d: %s", name, version, d.Detail)
				}
			}
			if resp.UpgradedState == nil {
				t.Fatalf("%s of version %d is lost", name, version)
			}
			value, err := resp.UpgradedState.Unmarshal(schema.ValueType())
			if err != nil {
				t.Fatal(err)
			}
			var fields map[string]tftypes.Value
			if err := value.As(&fields); err != nil {
				t.Fatal(err)
			}
			if !fields["id"].Equal(tftypes.NewValue(tftypes.String, "us-east-1/lab")) || !fields["timeouts"].IsNull() || len(resp.Diagnostics) != 1 {
				t.Errorf("%s of version %d is %v, with %d warnings", name, version, value, len(resp.Diagnostics))
			}
			if _, named := fields["name"]; named && !fields["name"].Equal(tftypes.NewValue(tftypes.String, "7")) {
				t.Errorf("%s of version %d has the name %v", name, version, fields["name"])
			}
		}
	}
}
