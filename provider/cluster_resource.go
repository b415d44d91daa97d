package provider

import (
	"time"

	"github.com/hashicorp/terraform-plugin-framework/resource"
)

func newCluster() resource.Resource {
	return &managed{
		block:     "cluster",
		describe:  "A cluster: its network, its control plane and its firewall. Changes are made in place wherever the engine can, node by node; only another name or region is another cluster.",
		protected: true, create: time.Hour, update: 2 * time.Hour, remove: time.Hour,
	}
}
