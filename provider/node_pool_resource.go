package provider

import (
	"time"

	"github.com/hashicorp/terraform-plugin-framework/resource"
)

func newNodePool() resource.Resource {
	return &managed{
		block:    "node_pool",
		describe: "Nodes that are alike, in one cluster. What cannot be changed in place replaces nodes as the pool's `update` says; the resource itself stays.",
		create:   time.Hour, update: 2 * time.Hour, remove: time.Hour,
	}
}
