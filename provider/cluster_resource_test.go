package provider_test

import (
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

const (
	theCluster = "clusterform_cluster.lab"
	thePool    = "clusterform_node_pool.worker"
)

// clusterWith is a cluster with more arguments.
func clusterWith(more string) string {
	return `
resource "clusterform_cluster" "lab" {
  name                = "lab"
  orchestrator        = "kubernetes"
  version             = "1.34.4"
  deletion_protection = false
  ` + more + `
}
`
}

// poolWith is its node pool.
func poolWith(more string) string {
	return `
resource "clusterform_node_pool" "worker" {
  name    = "worker"
  cluster = clusterform_cluster.lab.id
  ` + more + `
}
`
}

// settled is what every apply must end with: nothing more to do.
func settled(preApply ...plancheck.PlanCheck) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{
		PreApply:             preApply,
		PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
	}
}

func action(address string, a plancheck.ResourceActionType) plancheck.PlanCheck {
	return plancheck.ExpectResourceAction(address, a)
}

func value(address, attribute string, want knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New(attribute), want)
}

func TestCluster(t *testing.T) {
	l := startLab(t)
	sameVPC := statecheck.CompareValue(compare.ValuesSame())
	sameUID := statecheck.CompareValue(compare.ValuesSame())
	acceptance(t,
		resource.TestStep{
			Config: l.config(clusterWith(`
  network       = { cidr = "10.88.0.0/16", availability_zones = 2 }
  control_plane = { size = 3, instance_type = ["t3.medium", "t3a.medium"], access = ["192.0.2.0/24"] }
  firewall      = { allow = { web = { ports = [80, "30000-32767"], from = ["0.0.0.0/0"] } } }`)),
			ConfigPlanChecks: settled(
				action(theCluster, plancheck.ResourceActionCreate),
				plancheck.ExpectKnownValue(theCluster, tfjsonpath.New("id"), knownvalue.StringExact("us-east-1/lab")),
				plancheck.ExpectUnknownValue(theCluster, tfjsonpath.New("vpc_id")),
			),
			ConfigStateChecks: []statecheck.StateCheck{
				value(theCluster, "phase", knownvalue.StringExact("ready")),
				value(theCluster, "region", knownvalue.StringExact(testRegion)),
				value(theCluster, "endpoint", knownvalue.NotNull()),
				value(theCluster, "subnet_ids", knownvalue.ListSizeExact(2)),
				value(theCluster, "control_plane_nodes", knownvalue.ListSizeExact(3)),
				sameVPC.AddStateValue(theCluster, tfjsonpath.New("vpc_id")),
				sameUID.AddStateValue(theCluster, tfjsonpath.New("uid")),
			},
		},
		resource.TestStep{ // a firewall changes in place, and what it does not touch stays known
			Config: l.config(clusterWith(`
  network       = { cidr = "10.88.0.0/16", availability_zones = 2 }
  control_plane = { size = 3, instance_type = ["t3.medium", "t3a.medium"], access = ["192.0.2.0/24"] }
  firewall      = { allow = { web = { ports = [443], from = ["0.0.0.0/0"] } } }
  tags          = { owner = "billing $${literal}" }`)),
			ConfigPlanChecks: settled(
				action(theCluster, plancheck.ResourceActionUpdate),
				plancheck.ExpectKnownValue(theCluster, tfjsonpath.New("uid"), knownvalue.NotNull()),
				plancheck.ExpectKnownValue(theCluster, tfjsonpath.New("vpc_id"), knownvalue.NotNull()),
				plancheck.ExpectKnownValue(theCluster, tfjsonpath.New("control_plane_nodes"), knownvalue.ListSizeExact(3)),
			),
			ConfigStateChecks: []statecheck.StateCheck{
				sameVPC.AddStateValue(theCluster, tfjsonpath.New("vpc_id")),
				sameUID.AddStateValue(theCluster, tfjsonpath.New("uid")),
			},
		},
		resource.TestStep{ // another network: the engine replaces the VPC and the nodes, Terraform keeps the cluster
			Config: l.config(clusterWith(`
  network       = { cidr = "10.77.0.0/16" }
  control_plane = { size = 1 }`)),
			ConfigPlanChecks:  settled(action(theCluster, plancheck.ResourceActionUpdate), plancheck.ExpectUnknownValue(theCluster, tfjsonpath.New("vpc_id"))),
			ConfigStateChecks: []statecheck.StateCheck{sameUID.AddStateValue(theCluster, tfjsonpath.New("uid"))},
		},
		resource.TestStep{
			ResourceName: theCluster, ImportState: true, ImportStateId: "us-east-1/lab", ImportStateVerify: true,
			ImportStateVerifyIgnore: []string{"deletion_protection"},
		},
	)
}

func TestClusterOfAnotherNameIsAnotherCluster(t *testing.T) {
	l := startLab(t)
	other := regexp.MustCompile(`name                = "lab"`).ReplaceAllString(clusterWith(""), `name = "other"`)
	acceptance(t,
		resource.TestStep{Config: l.config(clusterWith("") + poolWith("size = 1")), ConfigPlanChecks: settled()},
		resource.TestStep{
			Config: l.config(other + poolWith("size = 1")),
			ConfigPlanChecks: settled(
				action(theCluster, plancheck.ResourceActionDestroyBeforeCreate), action(thePool, plancheck.ResourceActionDestroyBeforeCreate)),
			ConfigStateChecks: []statecheck.StateCheck{value(thePool, "id", knownvalue.StringExact("us-east-1/other/worker"))},
		},
	)
}

func TestDeletionProtection(t *testing.T) {
	l := startLab(t)
	protected := regexp.MustCompile(`deletion_protection = false`).ReplaceAllString(clusterWith(""), "")
	acceptance(t,
		resource.TestStep{Config: l.config(protected), ConfigStateChecks: []statecheck.StateCheck{value(theCluster, "deletion_protection", knownvalue.Bool(true))}},
		resource.TestStep{Config: l.config(""), ExpectError: regexp.MustCompile(`Protected from deletion`)},
		resource.TestStep{Config: l.config(clusterWith("")), ConfigPlanChecks: settled(action(theCluster, plancheck.ResourceActionUpdate))},
	)
}

func TestMistakesAreToldWhenPlanning(t *testing.T) {
	l := startLab(t)
	for name, c := range map[string]struct{ config, want string }{
		"a size that is no quorum": {clusterWith(`control_plane = { size = 2 }`), `Unsuitable value for "size"`},
		"an overlap of networks":   {clusterWith(`network = { cidr = "10.0.0.0/8" }`), `/16`},
		"a cluster that is not there": {`resource "clusterform_node_pool" "worker" {
  name = "worker"
  cluster = "us-east-1/elsewhere"
  size = 1
}`, `Cluster not found`},
		"an id that is none": {`resource "clusterform_node_pool" "worker" {
  name = "worker"
  cluster = "../../etc"
  size = 1
}`, `not a cluster's\s+id`},
	} {
		t.Run(name, func(t *testing.T) {
			acceptance(t, resource.TestStep{Config: l.config(c.config), ExpectError: regexp.MustCompile(c.want)})
		})
	}
}
