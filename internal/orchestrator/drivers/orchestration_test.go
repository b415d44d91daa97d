package drivers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner"
)

// evaluate reads one file.
func evaluate(t *testing.T, text string) (*hclconfig.Configuration, *hclconfig.Desired) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.cluster.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, diags := hclconfig.Load(dir, hclconfig.Options{})
	if diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	d, diags := cfg.Evaluate(nil)
	if diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	return cfg, d
}

const oneWorkload = `
cluster "lab" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "eu-central-1"
  network { cidr = "10.88.0.0/16" }
}

workload "web" {
  cluster  = cluster.lab
  replicas = 2
  container "app" {
    image = "registry.example.com/web:1"
    env   = { API = cluster.lab.endpoint }
  }
}
`

// TestOneWordChooses: the same file is checked and made for another orchestrator when one word changes.
func TestOneWordChooses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ orchestrator, version, want string }{
		{"kubernetes", "1.34.4", ""},
		{"swarm", "1.34.4", ""},
		{"mesos", "1.34.4", "without support"},
		{"kubernetes", "1.2.3", "1.34.4"},
	} {
		t.Run(test.orchestrator+" "+test.version, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(oneWorkload, `"kubernetes"`, `"`+test.orchestrator+`"`, 1)
			text = strings.Replace(text, `"1.34.4"`, `"`+test.version+`"`, 1)
			cfg, d := evaluate(t, text)
			diags := Orchestration{}.Check(cfg, d)
			said := ""
			for _, x := range diags {
				said += x.Summary + ": " + x.Detail + "\n"
			}
			if diags.HasErrors() != (test.want != "") || !strings.Contains(said, test.want) {
				t.Fatalf("said %q, want %q", said, test.want)
			}
			if test.want != "" {
				return
			}
			w := d.Workloads[0]
			w.Unknown, w.Containers[0].Env = nil, nil // as after the cluster is there
			spec, content, err := Orchestration{Key: []byte("key")}.Workload(d.Clusters[0], w)
			if err != nil || spec.Orchestrator != test.orchestrator || spec.Content != content.Digest || len(content.Data) == 0 {
				t.Errorf("%+v %v", spec, err)
			}
			text, err = Orchestration{}.UserData(planner.NodeSetup{Cluster: d.Clusters[0], UID: testUID, Role: "worker", Pool: "worker"})
			if test.orchestrator == "swarm" && (err != nil || !strings.HasPrefix(text, "#!")) {
				t.Errorf("user-data %.20q %v", text, err)
			}
		})
	}
}
