package swarm

import (
	"fmt"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

// CheckCluster says what of a cluster and its pools a Swarm cannot do. The finder makes the places exact and may be nil.
func CheckCluster(c *hclconfig.Cluster, pools []*hclconfig.NodePool, finder *orchestrator.Finder) hclconfig.Diagnostics {
	f := orchestrator.NewFindings(hclconfig.Swarm, &c.Block, finder)
	if len(c.ControlPlane.Access) == 0 {
		f.Differs(orchestrator.At("control_plane", "access"), "The tokens that nodes join with are the Swarm's own, so apply must reach a manager's port 2376 once there is one.",
			"Write access = [\"…/32\"] with the address of the machine that runs clusterform, unless that is inside the VPC.")
	}
	diags := f.Diagnostics()
	for _, p := range pools {
		f := orchestrator.NewFindings(hclconfig.Swarm, &p.Block, finder)
		for _, t := range p.Taints {
			f.Unsupported(orchestrator.At(orchestrator.Labelled("taint", t.Key)), fmt.Sprintf("Nodes of a Swarm have no taints, such as %q.", t.Key), "Write labels for the pool, and placement { node_labels = … } in the workloads that belong there.")
		}
		diags = append(diags, f.Diagnostics()...)
	}
	return diags
}
