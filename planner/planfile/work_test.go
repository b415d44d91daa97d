package planfile_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/planfile"
	"github.com/clusterform/clusterform/planner/resource"
)

// orchestration makes a workload's environment its content.
type orchestration struct{}

func (orchestration) DefaultVersion(hclconfig.Orchestrator) string { return "" }

func (orchestration) UserData(in planner.NodeSetup) (string, error) {
	return "#!/bin/bash\n# " + in.Role + "\n" + in.Extra, nil
}

func (orchestration) Workload(c *hclconfig.Cluster, w *hclconfig.Workload) (*resource.Workload, planner.Content, error) {
	var text strings.Builder
	secret := false
	for _, e := range w.Containers[0].Env {
		text.WriteString(e.Name + "=" + e.Value + "\n")
		secret = secret || e.Sensitive
	}
	sum := sha256.Sum256([]byte(text.String()))
	content := planner.Content{Digest: hex.EncodeToString(sum[:]), Data: []byte(text.String()), Secret: secret}
	return &resource.Workload{
		Orchestrator: string(c.Orchestrator), Namespace: w.Namespace, Name: w.Name, Type: string(w.Kind), Content: content.Digest,
	}, content, nil
}

func (orchestration) Manifest(*hclconfig.Cluster, *hclconfig.Manifest) (*resource.Manifest, planner.Content, error) {
	return &resource.Manifest{}, planner.Content{}, nil
}

func (orchestration) Check(*hclconfig.Configuration, *hclconfig.Desired) hclconfig.Diagnostics {
	return nil
}

// What a workload's secrets become is in no plan file, and is made again from one.
func TestSecretContentIsMadeFromTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	work := files + `
workload "web" {
  cluster = cluster.lab
  container "app" {
    image = "hello:1"
    env   = { TOKEN = var.secret }
  }
}
`
	if err := os.WriteFile(filepath.Join(dir, "main.cluster.hcl"), []byte(work), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := load(t, dir)
	p, diags := planner.Make(t.Context(), planner.Request{
		Config: cfg, Lookup: lookup{}, Orchestration: orchestration{}, NewUID: func() string { return "0123456789abcdef" },
	})
	if diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	data := written(t, &planfile.Saved{Plan: p, Sources: cfg.Sources(), Variables: cfg.Variables()})
	got, err := planfile.Read(bytes.NewReader(data), key)
	if err != nil {
		t.Fatal(err)
	}
	if plain := unpacked(t, data); bytes.Contains(plain, []byte(marker)) {
		t.Error("the secret is in the file in clear")
	}
	var vars []hclconfig.VarSource
	for _, v := range got.Variables {
		if !v.Default {
			vars = append(vars, hclconfig.VarSource{Origin: hclconfig.VarValue, Name: v.Name, Value: v.Value})
		}
	}
	again, diags := hclconfig.Load(t.TempDir(), hclconfig.Options{Snapshot: &got.Sources, Vars: vars})
	if diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	digest := ""
	for i := range got.Plan.Steps {
		if w, ok := specOf(&got.Plan.Steps[i]).(*resource.Workload); ok {
			digest = w.Content
		}
	}
	content, ok := planner.NewEvaluator(again, got.Plan).WithOrchestration(orchestration{}).Content(t.Context(), digest, resource.NewSnapshot(""))
	if !ok || string(content) != "TOKEN="+marker+"\n" {
		t.Errorf("the content made again is %q, %v", content, ok)
	}
}

func specOf(s *planner.Step) resource.Spec {
	if s.After == nil {
		return nil
	}
	return s.After.Spec
}
