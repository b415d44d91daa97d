package orchestrator

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"github.com/clusterform/clusterform/hclconfig"
)

func TestFind(t *testing.T) {
	t.Parallel()
	text := `# line 1
workload "web" {
  container "app" {
    image = "x"
    env   = { A = "b" }
    resources {
      cpu = 1
    }
  }
  sidecar "log" { image = "y" }
}
`
	sources := hclconfig.Sources{Files: []hclconfig.SourceFile{
		{Path: "m.cluster.hcl", Kind: hclconfig.SourceConfig, Data: []byte(text)},
		{Path: "m.cluster.json", Kind: hclconfig.SourceConfig, Data: []byte("{}")},
	}}
	block := hcl.Range{Filename: "m.cluster.hcl", Start: hcl.Pos{Line: 2, Column: 1}, End: hcl.Pos{Line: 2, Column: 15}}
	finder := NewFinder(sources)
	for _, tc := range []struct {
		at     Place
		line   int
		hidden bool
	}{
		{At(), 2, false},
		{At("replicas"), 2, false},
		{At(Labelled("sidecar", "log")), 10, false},
		{At(Labelled("sidecar", "none"), "image"), 2, false},
		{At(Labelled("container", "app"), "image"), 4, false},
		{At(Labelled("container", "app"), "env"), 5, true},
		{At(Labelled("container", "app"), "resources", "cpu"), 7, false},
		{At(Labelled("container", "app"), "resources", "memory"), 6, false},
		{placeOfPath("container.app.resources.cpu"), 7, false},
		{placeOfPath("container.app.env"), 5, true},
	} {
		r, hidden := finder.find(block, tc.at)
		if r.Start.Line != tc.line || hidden != tc.hidden {
			t.Errorf("%s: line %d, hidden %t", tc.at, r.Start.Line, hidden)
		}
		if r, hidden := (*Finder)(nil).find(block, tc.at); r != block || hidden {
			t.Errorf("%s: nothing is known, and yet %v", tc.at, r)
		}
	}
	for _, file := range []string{"m.cluster.json", "missing.cluster.hcl"} {
		other := block
		other.Filename = file
		if r := finder.Find(other, At("image")); r != other {
			t.Errorf("%s: %v", file, r)
		}
	}
}

func TestUnsupportedNamesAttributeOrchestratorAndAlternative(t *testing.T) {
	t.Parallel()
	u := Unsupported{Orchestrator: hclconfig.Swarm, Object: "workload.web", Place: At("autoscale", "cpu"), Reason: "It cannot.", Alternative: "Write replicas."}
	for _, want := range []string{"Docker Swarm", "autoscale.cpu of workload.web", "It cannot.", "Write replicas."} {
		if !strings.Contains(u.Error(), want) {
			t.Errorf("%q does not say %q", u.Error(), want)
		}
	}
}
