package provider

import (
	"time"

	"github.com/hashicorp/terraform-plugin-framework/resource"
)

func newManifest() resource.Resource {
	return &managed{
		block:    "manifest",
		describe: "One raw Kubernetes object. It stands in Terraform's state as it is: for secrets, use the `secret` blocks of a workload.",
		create:   15 * time.Minute, update: 15 * time.Minute, remove: 15 * time.Minute,
	}
}
