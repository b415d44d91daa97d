package operate

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/render"
)

// What the machines do not offer is shown with its cluster, and is no problem.
func TestNoticesAreShown(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := render.NewPrinter(&out, false)
	s := &status{Well: true, Clusters: []clusterStatus{{
		Address: "cluster.prod", Orchestrator: "swarm", Region: "eu-central-1", Endpoint: "203.0.113.7", Well: true,
		Notices: []noticeStatus{{Title: "Swarm without IPVS", Text: "Ports answer only on nodes where a task runs."}},
	}}}
	s.text(p, time.Now())
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	if want := "  note: Swarm without IPVS. Ports answer only on nodes where a task runs.\n"; !strings.Contains(out.String(), want) || strings.Contains(out.String(), "problem") {
		t.Errorf("shown:\n%s", out.String())
	}
}
