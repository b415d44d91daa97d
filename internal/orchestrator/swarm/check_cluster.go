package swarm

import (
	"fmt"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

// checkCluster is the part of Check that is about the cluster.
func checkCluster(c *hclconfig.Cluster, finder *orchestrator.Finder) hclconfig.Diagnostics {
	f := orchestrator.NewFindings(hclconfig.Swarm, &c.Block, finder)
	if len(c.ControlPlane.Access) == 0 {
		f.Differs(orchestrator.At("control_plane", "access"), "The tokens that nodes join with are the Swarm's own, so apply must reach a manager's port 2376 once there is one.",
			"Write access = [\"…/32\"] with the address of the machine that runs clusterform, unless that is inside the VPC.")
	}
	return f.Diagnostics()
}

// CheckPools says what of a cluster's pools a Swarm cannot do. The finder makes the places exact and may be nil.
func CheckPools(pools []*hclconfig.NodePool, finder *orchestrator.Finder) hclconfig.Diagnostics {
	var diags hclconfig.Diagnostics
	for _, p := range pools {
		f := orchestrator.NewFindings(hclconfig.Swarm, &p.Block, finder)
		for _, t := range p.Taints {
			f.Unsupported(orchestrator.At(orchestrator.Labelled("taint", t.Key)), fmt.Sprintf("Nodes of a Swarm have no taints, such as %q.", t.Key), "Write labels for the pool, and placement { node_labels = … } in the workloads that belong there.")
		}
		diags = append(diags, f.Diagnostics()...)
	}
	return diags
}
