package provider

import (
	"time"

	"github.com/hashicorp/terraform-plugin-framework/resource"
)

func newWorkload() resource.Resource {
	return &managed{
		block:    "workload",
		describe: "Something that runs on a cluster, in the same words for every orchestrator. What stands in `secret` blocks is write-only and never in Terraform's state; everything else is, so put no secrets into `env`.",
		create:   15 * time.Minute, update: 15 * time.Minute, remove: 15 * time.Minute,
	}
}
