package provider_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

func (l *lab) client() *ec2.Client {
	return ec2.New(ec2.Options{
		Region: testRegion, BaseEndpoint: aws.String(l.url), Credentials: credentials.NewStaticCredentialsProvider(testKeyID, testSecret, ""),
	})
}

// instances are the ids of those that run.
func (l *lab) instances(t *testing.T) []string {
	t.Helper()
	out, err := l.client().DescribeInstances(context.WithoutCancel(t.Context()), &ec2.DescribeInstancesInput{Filters: []types.Filter{
		{Name: aws.String("instance-state-name"), Values: []string{"pending", "running"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, r := range out.Reservations {
		for _, i := range r.Instances {
			ids = append(ids, aws.ToString(i.InstanceId))
		}
	}
	return ids
}

func TestNodePool(t *testing.T) {
	l := startLab(t)
	firstNode := tfjsonpath.New("nodes").AtSliceIndex(0).AtMapKey("id")
	same := statecheck.CompareValue(compare.ValuesSame())
	acceptance(t,
		resource.TestStep{
			Config: l.config(clusterWith("") + poolWith(`size = 2
  instance_type = "t3.large"`)),
			ConfigPlanChecks:  settled(action(thePool, plancheck.ResourceActionCreate), plancheck.ExpectUnknownValue(thePool, tfjsonpath.New("nodes"))),
			ConfigStateChecks: []statecheck.StateCheck{value(thePool, "nodes", knownvalue.ListSizeExact(2)), same.AddStateValue(thePool, firstNode)},
		},
		resource.TestStep{ // tags and labels change in place
			Config: l.config(clusterWith("") + poolWith(`size = 2
  instance_type = ["t3.large", "t3a.large"]
  tags   = { owner = "billing" }
  labels = { tier = "web" }`)),
			ConfigPlanChecks:  settled(action(thePool, plancheck.ResourceActionUpdate), action(theCluster, plancheck.ResourceActionNoop)),
			ConfigStateChecks: []statecheck.StateCheck{same.AddStateValue(thePool, firstNode)},
		},
		resource.TestStep{ // more nodes leave the first ones alone
			Config: l.config(clusterWith("") + poolWith(`size = 3
  instance_type = ["t3.large", "t3a.large"]
  tags   = { owner = "billing" }
  labels = { tier = "web" }`)),
			ConfigPlanChecks: settled(action(thePool, plancheck.ResourceActionUpdate)),
			ConfigStateChecks: []statecheck.StateCheck{
				value(thePool, "nodes", knownvalue.ListSizeExact(3)), same.AddStateValue(thePool, firstNode),
			},
		},
		resource.TestStep{ // fewer nodes leave the first one alone
			Config: l.config(clusterWith("") + poolWith(`size = 1
  instance_type = ["t3.large", "t3a.large"]
  tags   = { owner = "billing" }
  labels = { tier = "web" }`)),
			ConfigPlanChecks:  settled(action(thePool, plancheck.ResourceActionUpdate)),
			ConfigStateChecks: []statecheck.StateCheck{value(thePool, "nodes", knownvalue.ListSizeExact(1)), same.AddStateValue(thePool, firstNode)},
		},
		resource.TestStep{ // a disk is replaced with its node, by the engine: Terraform sees an update
			Config: l.config(clusterWith("") + poolWith(`size = 1
  disk_gib = 30`)),
			ConfigPlanChecks:  settled(action(thePool, plancheck.ResourceActionUpdate), plancheck.ExpectUnknownValue(thePool, tfjsonpath.New("nodes"))),
			ConfigStateChecks: []statecheck.StateCheck{value(thePool, "phase", knownvalue.StringExact("ready"))},
		},
		resource.TestStep{
			ResourceName: thePool, ImportState: true, ImportStateId: "us-east-1/lab/worker", ImportStateVerify: true,
		},
		resource.TestStep{ // an empty pool is one
			Config:            l.config(clusterWith("") + poolWith(`size = 0`)),
			ConfigPlanChecks:  settled(),
			ConfigStateChecks: []statecheck.StateCheck{value(thePool, "nodes", knownvalue.ListSizeExact(0))},
		},
	)
}

func TestPoolsOfOneCluster(t *testing.T) {
	l := startLab(t)
	config := l.config(clusterWith(`firewall = { allow = { metrics = { to = "b", ports = ["9100"], from = ["cluster"] } } }`))
	for _, name := range []string{"a", "b", "c"} {
		config += fmt.Sprintf(`
resource "clusterform_node_pool" %[1]q {
  name    = %[1]q
  cluster = clusterform_cluster.lab.id
  size    = 2
}
`, name)
	}
	acceptance(t, resource.TestStep{Config: config, ConfigPlanChecks: settled()}, resource.TestStep{Config: config, PlanOnly: true})
}

func TestNodeTerminatedOutside(t *testing.T) {
	l := startLab(t)
	config := l.config(clusterWith("") + poolWith(`size = 2`))
	acceptance(t,
		resource.TestStep{Config: config, ConfigPlanChecks: settled()},
		resource.TestStep{
			PreConfig: func() {
				var ids []string
				for _, n := range l.instances(t) {
					if !l.isControlPlane(t, n) {
						ids = append(ids, n)
					}
				}
				if _, err := l.client().TerminateInstances(t.Context(), &ec2.TerminateInstancesInput{InstanceIds: ids[:1]}); err != nil {
					t.Fatal(err)
				}
			},
			Config:            config,
			ConfigPlanChecks:  settled(action(thePool, plancheck.ResourceActionUpdate), action(theCluster, plancheck.ResourceActionNoop)),
			ConfigStateChecks: []statecheck.StateCheck{value(thePool, "nodes", knownvalue.ListSizeExact(2)), value(thePool, "phase", knownvalue.StringExact("ready"))},
		},
	)
}

// TestAddressChangedOutside: what the refresh before a plan found holds for its apply too, which refreshes nothing.
func TestAddressChangedOutside(t *testing.T) {
	l := startLab(t)
	acceptance(t,
		resource.TestStep{Config: l.config(clusterWith("") + poolWith(`size = 1`)), ConfigPlanChecks: settled()},
		resource.TestStep{
			PreConfig: func() {
				for _, id := range l.instances(t) {
					if !l.isControlPlane(t, id) {
						l.restart(t, id)
					}
				}
			},
			Config:            l.config(clusterWith("") + poolWith("size = 1\n  labels = { tier = \"web\" }\n  tags = { owner = \"billing\" }")),
			ConfigPlanChecks:  settled(action(thePool, plancheck.ResourceActionUpdate)),
			ConfigStateChecks: []statecheck.StateCheck{value(thePool, "phase", knownvalue.StringExact("ready"))},
		},
	)
}

// restart gives an instance another public address.
func (l *lab) restart(t *testing.T, id string) {
	t.Helper()
	ids := []string{id}
	if _, err := l.client().StopInstances(t.Context(), &ec2.StopInstancesInput{InstanceIds: ids}); err != nil {
		t.Fatal(err)
	}
	if err := ec2.NewInstanceStoppedWaiter(l.client(), quickly).Wait(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: ids}, time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := l.client().StartInstances(t.Context(), &ec2.StartInstancesInput{InstanceIds: ids}); err != nil {
		t.Fatal(err)
	}
	if err := ec2.NewInstanceRunningWaiter(l.client(), func(o *ec2.InstanceRunningWaiterOptions) { o.MinDelay = 50 * time.Millisecond }).
		Wait(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: ids}, time.Minute); err != nil {
		t.Fatal(err)
	}
}

func quickly(o *ec2.InstanceStoppedWaiterOptions) { o.MinDelay = 50 * time.Millisecond }

func (l *lab) isControlPlane(t *testing.T, id string) bool {
	t.Helper()
	out, err := l.client().DescribeTags(t.Context(), &ec2.DescribeTagsInput{Filters: []types.Filter{
		{Name: aws.String("resource-id"), Values: []string{id}}, {Name: aws.String("key"), Values: []string{"clusterform:address"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Tags) == 1 && aws.ToString(out.Tags[0].Value) == "cluster.lab.control_plane"
}
