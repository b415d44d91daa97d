package e2e_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// story is the life of a cluster: each step changes what it says and nothing else.
var story = []struct {
	name string
	vars []string
	want []string // "action kind address", in any order
}{
	{
		"a pool grows", []string{"workers=4"},
		[]string{"create node node_pool.worker[2]", "create node node_pool.worker[3]"},
	},
	{
		"a pool shrinks", []string{"workers=3"},
		[]string{"destroy node node_pool.worker[3]"},
	},
	{
		"another instance type rolls the pool", []string{"workers=3", "type=t3.xlarge"},
		[]string{"roll node node_pool.worker[0]", "roll node node_pool.worker[1]", "roll node node_pool.worker[2]"},
	},
	{
		"a firewall rule changes rules alone", []string{"workers=3", "type=t3.xlarge", "web_ports=[80,443]"},
		[]string{`update security_group_rules cluster.shop.security_group_rules["worker"]`},
	},
	{
		"a pool goes", []string{"workers=3", "type=t3.xlarge", "web_ports=[80,443]", "batch=false"},
		[]string{"destroy node node_pool.batch[0]"},
	},
}

// tellStory runs the whole story against an endpoint with processes of clusterform.
func tellStory(t *testing.T, endpoint string, client *ec2.Client, vars ...string) {
	w := newWorkdir(t, "testdata/story", endpoint)
	flags := func(vars []string) []string {
		out := make([]string, len(vars))
		for i, v := range vars {
			out[i] = "-var=" + v
		}
		return out
	}
	base := flags(vars)

	first := w.plan(2, base...)
	if n := countKind(first, "create", "node"); n != 4 {
		t.Fatalf("the first plan creates %d nodes, want 4:\n%s", n, strings.Join(first.changes(), "\n"))
	}
	applied := w.run(0, "apply", "story.plan")
	if !strings.Contains(applied.stdout, "endpoint") {
		t.Errorf("%v\nshows no outputs", applied)
	}
	if shown := w.run(0, "show").stdout; !strings.Contains(shown, "node_pool.worker[1]") {
		t.Errorf("show does not show a node:\n%s", shown)
	}
	w.wantEmpty(base...)
	uid := uidOf(t, client)

	for _, step := range story {
		args := append(slices.Clone(base), flags(step.vars)...)
		got := w.plan(2, args...).changes()
		slices.Sort(got)
		want := slices.Sorted(slices.Values(step.want))
		if !slices.Equal(got, want) {
			t.Fatalf("%s: the plan is\n  %s\nwant\n  %s", step.name, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
		}
		w.run(0, "apply", "story.plan")
		w.wantEmpty(args...)
	}

	// Tags are on everything, and everything is updated in place.
	args := append(slices.Clone(base), flags(append(slices.Clone(story[len(story)-1].vars), "owner=billing"))...)
	retagged := w.plan(2, args...)
	for _, c := range retagged.ResourceChanges {
		if c.Action != "update" {
			t.Errorf("another tag: %s %s, want only updates", c.Action, c.Address)
		}
	}
	if n := countKind(retagged, "update", "node"); n != 4 {
		t.Errorf("another tag updates %d nodes, want 4", n)
	}
	w.run(0, "apply", "story.plan")
	w.wantEmpty(args...)
	owners := nodeTags(t, client, uid, "owner")
	if len(owners) != 4 || slices.ContainsFunc(owners, func(o string) bool { return o != "billing" }) {
		t.Errorf("owners on the endpoint are %v, want four times billing", owners)
	}

	w.run(0, append([]string{"destroy", "-auto-approve"}, args...)...)
	if left := leftovers(t, client, uid); len(left) > 0 {
		t.Errorf("destroy left:\n%s", strings.Join(left, "\n"))
	}
	if recorded := w.run(0, "state", "list").stdout; strings.TrimSpace(recorded) != "" {
		t.Errorf("destroy left in the state:\n%s", recorded)
	}
}

func countKind(p planned, action, kind string) int {
	n := 0
	for _, c := range p.ResourceChanges {
		if c.Action == action && c.Kind == kind {
			n++
		}
	}
	return n
}

const tagCluster = "clusterform:cluster"

// uidOf is the UID of the one cluster on the endpoint.
func uidOf(t *testing.T, client *ec2.Client) string {
	t.Helper()
	vpcs, err := client.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{Filters: []types.Filter{
		{Name: aws.String("tag-key"), Values: []string{tagCluster}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(vpcs.Vpcs) != 1 {
		t.Fatalf("%d VPCs are tagged %s, want 1", len(vpcs.Vpcs), tagCluster)
	}
	return tag(vpcs.Vpcs[0].Tags, tagCluster)
}

func tag(tags []types.Tag, key string) string {
	for _, t := range tags {
		if aws.ToString(t.Key) == key {
			return aws.ToString(t.Value)
		}
	}
	return ""
}

func byCluster(uid string) []types.Filter {
	return []types.Filter{{Name: aws.String("tag:" + tagCluster), Values: []string{uid}}}
}

// liveInstances are the cluster's instances that are neither terminated nor on the way there.
func liveInstances(ctx context.Context, client *ec2.Client, uid string) ([]types.Instance, error) {
	var out []types.Instance
	pages := ec2.NewDescribeInstancesPaginator(client, &ec2.DescribeInstancesInput{Filters: byCluster(uid)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Reservations {
			for _, i := range r.Instances {
				switch i.State.Name {
				case types.InstanceStateNameTerminated, types.InstanceStateNameShuttingDown:
				default:
					out = append(out, i)
				}
			}
		}
	}
	return out, nil
}

func nodeTags(t *testing.T, client *ec2.Client, uid, key string) []string {
	t.Helper()
	instances, err := liveInstances(t.Context(), client, uid)
	if err != nil {
		t.Fatal(err)
	}
	values := make([]string, len(instances))
	for i, instance := range instances {
		values[i] = tag(instance.Tags, key)
	}
	return values
}

// leftovers lists what on the endpoint still carries the cluster's tag. Terminated instances stay visible for a while and
// do not count.
func leftovers(t *testing.T, client *ec2.Client, uid string) []string {
	t.Helper()
	ctx := t.Context()
	var left []string
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	instances, err := liveInstances(ctx, client, uid)
	check(err)
	for _, i := range instances {
		left = append(left, "instance "+aws.ToString(i.InstanceId))
	}
	return append(left, networkLeftovers(t, client, byCluster(uid))...)
}

// leftoversOfAny is leftovers of whatever cluster.
func leftoversOfAny(t *testing.T, client *ec2.Client) []string {
	t.Helper()
	return networkLeftovers(t, client, []types.Filter{{Name: aws.String("tag-key"), Values: []string{tagCluster}}})
}

// networkLeftovers lists what is not an instance; instances cannot outlive their subnet.
func networkLeftovers(t *testing.T, client *ec2.Client, filters []types.Filter) []string {
	t.Helper()
	ctx := t.Context()
	var left []string
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	vpcs, err := client.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: filters})
	check(err)
	for _, x := range vpcs.Vpcs {
		left = append(left, "vpc "+aws.ToString(x.VpcId))
	}
	subnets, err := client.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: filters})
	check(err)
	for _, x := range subnets.Subnets {
		left = append(left, "subnet "+aws.ToString(x.SubnetId))
	}
	gateways, err := client.DescribeInternetGateways(ctx, &ec2.DescribeInternetGatewaysInput{Filters: filters})
	check(err)
	for _, x := range gateways.InternetGateways {
		left = append(left, "internet gateway "+aws.ToString(x.InternetGatewayId))
	}
	tables, err := client.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: filters})
	check(err)
	for _, x := range tables.RouteTables {
		left = append(left, "route table "+aws.ToString(x.RouteTableId))
	}
	groups, err := client.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: filters})
	check(err)
	for _, x := range groups.SecurityGroups {
		left = append(left, "security group "+aws.ToString(x.GroupId))
	}
	addresses, err := client.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: filters})
	check(err)
	for _, x := range addresses.Addresses {
		left = append(left, "elastic address "+aws.ToString(x.AllocationId))
	}
	return left
}
