package provider_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
)

// TestARefusedManifestIsAnErrorOfThePlan: the cluster is asked by a dry run, before anything is applied.
func TestARefusedManifestIsAnErrorOfThePlan(t *testing.T) {
	t.Parallel()
	l := startLive(t)
	base := clusterWith(`control_plane = { access = ["0.0.0.0/0"] }`) + poolWith("size = 1")
	fixed := strings.Replace(manifestWith("settings", "green"), `kind       = "ConfigMap"`, "kind       = \"ConfigMap\"\n    immutable  = true", 1)
	config := func(manifest string) string { return l.config(base + manifest) }
	acceptance(t,
		resource.TestStep{Config: config(fixed)},
		resource.TestStep{
			Config:      config(strings.Replace(fixed, "green", "red", 1)),
			ExpectError: regexp.MustCompile(`(?s)The cluster refuses this.*immutable`),
		},
		resource.TestStep{Config: config(fixed), PlanOnly: true},
	)
}
