package drivers

import (
	"fmt"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/release"
	"github.com/clusterform/clusterform/internal/bootstrap/userdata"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes"
	"github.com/clusterform/clusterform/internal/orchestrator/swarm"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// Orchestration is what planning asks of the orchestrators. It is pure: it calls nobody.
type Orchestration struct {
	// Key is the installation's and stays the same: digests of what may hold secrets are made under it.
	Key []byte
}

var _ planner.Orchestration = Orchestration{}

// UserData implements planner.Orchestration.
func (o Orchestration) UserData(in planner.NodeSetup) (string, error) { return userdata.Render(in) }

// Workload implements planner.Orchestration.
func (o Orchestration) Workload(c *hclconfig.Cluster, w *hclconfig.Workload) (*resource.Workload, planner.Content, error) {
	switch c.Orchestrator {
	case hclconfig.Kubernetes:
		return kubernetes.Workload(c, w, o.Key)
	case hclconfig.Swarm:
		return swarm.Workload(c, w, o.Key)
	default:
		return nil, planner.Content{}, unsupported(c, w.Address)
	}
}

// Manifest implements planner.Orchestration.
func (o Orchestration) Manifest(c *hclconfig.Cluster, m *hclconfig.Manifest) (*resource.Manifest, planner.Content, error) {
	if c.Orchestrator != hclconfig.Kubernetes {
		return nil, planner.Content{}, unsupported(c, m.Address)
	}
	return kubernetes.Manifest(c, m, o.Key)
}

func unsupported(c *hclconfig.Cluster, a hclconfig.Address) error {
	return fmt.Errorf("%s: %s runs %s, which this version of clusterform applies nothing like it to", a, c.Address, orchestrator.Title(c.Orchestrator))
}

// DefaultVersion implements planner.Orchestration.
func (o Orchestration) DefaultVersion(name hclconfig.Orchestrator) string {
	if name != hclconfig.Kubernetes {
		return ""
	}
	return release.Newest().Kubernetes
}

// Check implements planner.Orchestration.
func (o Orchestration) Check(cfg *hclconfig.Configuration, d *hclconfig.Desired) hclconfig.Diagnostics {
	var sources hclconfig.Sources
	if cfg != nil {
		sources = cfg.Sources()
	}
	finder := orchestrator.NewFinder(sources)
	var diags hclconfig.Diagnostics
	for _, c := range d.Clusters {
		var workloads []*hclconfig.Workload
		for _, w := range d.Workloads {
			if w.Cluster == c.Address {
				workloads = append(workloads, w)
			}
		}
		var manifests []*hclconfig.Manifest
		for _, m := range d.Manifests {
			if m.Cluster == c.Address {
				manifests = append(manifests, m)
			}
		}
		switch c.Orchestrator {
		case hclconfig.Kubernetes:
			diags = append(diags, kubernetes.Check(c, workloads, manifests, finder)...)
		case hclconfig.Swarm:
			var pools []*hclconfig.NodePool
			for _, p := range d.NodePools {
				if p.Cluster == c.Address {
					pools = append(pools, p)
				}
			}
			diags = append(diags, swarm.Check(c, workloads, manifests, finder)...)
			diags = append(diags, swarm.CheckPools(pools, finder)...)
		default:
			at := finder.Find(c.Range, orchestrator.At("orchestrator"))
			diags = append(diags, hclconfig.Diagnostic{
				Severity: hclconfig.Error, Summary: "Orchestrator without support", Subject: &at, Address: c.Address,
				Detail: fmt.Sprintf("%s asks for %s, which this version of clusterform cannot put up. Write orchestrator = \"kubernetes\" or \"swarm\".", c.Address, orchestrator.Title(c.Orchestrator)),
			})
		}
	}
	return diags
}
