package client

import (
	"fmt"
	"strings"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

var _ orchestrator.Noticer = (*Client)(nil)

// Notices implements orchestrator.Noticer.
func (c *Client) Notices(members []orchestrator.Member) []orchestrator.Notice {
	return Notices(c.cluster.Address, members)
}

// Notices are what a Swarm with such members does not offer.
func Notices(cluster resource.Address, members []orchestrator.Member) []orchestrator.Notice {
	list := WithoutIPVS(members)
	if len(list) == 0 {
		return nil
	}
	const most = 3
	return []orchestrator.Notice{{
		Title: "Swarm without IPVS",
		Text: fmt.Sprintf("Nodes of %s have no IPVS in their kernel (%d of %d: %s), so the Swarm's routing mesh and virtual addresses do not work: ports answer only on nodes where a task runs, one task on each node, and names resolve to all tasks.",
			cluster, len(list), len(members), strings.Join(list[:min(len(list), most)], ", ")),
	}}
}
