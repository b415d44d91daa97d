package api_test

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/internal/lab/api"
)

func TestEveryInstanceIsOnExactlyOnePage(t *testing.T) {
	t.Parallel()
	l := newLab(t, api.Options{})
	n := makeNetwork(t, l)
	for range 3 {
		must(l.ec2.RunInstances(t.Context(), n.run(11)))(t)
	}
	filter := []types.Filter{{Name: new("tag:cluster"), Values: []string{"l?b", "none"}}}
	for _, size := range []int32{5, 7, 33, 1000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			seen := map[string]bool{}
			p := ec2.NewDescribeInstancesPaginator(l.ec2, &ec2.DescribeInstancesInput{MaxResults: &size, Filters: filter})
			for p.HasMorePages() {
				on := 0
				for _, r := range must(p.NextPage(t.Context()))(t).Reservations {
					for _, i := range r.Instances {
						if seen[*i.InstanceId] {
							t.Errorf("%s is on two pages", *i.InstanceId)
						}
						seen[*i.InstanceId] = true
						on++
					}
				}
				if on > int(size) {
					t.Errorf("%d instances on a page of %d", on, size)
				}
			}
			if len(seen) != 33 {
				t.Errorf("%d instances on all pages, want 33", len(seen))
			}
		})
	}
}

func TestPageTokenIsBoundToItsFilter(t *testing.T) {
	t.Parallel()
	l := newLab(t, api.Options{})
	n := makeNetwork(t, l)
	must(l.ec2.RunInstances(t.Context(), n.run(11)))(t)
	page := must(l.ec2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{MaxResults: new(int32(5))}))(t)
	if page.NextToken == nil {
		t.Fatal("no token after 5 of 11 instances")
	}
	_, err := l.ec2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{
		MaxResults: new(int32(5)), NextToken: page.NextToken, Filters: []types.Filter{{Name: new("instance-type"), Values: []string{"t3.*"}}},
	})
	wantCode(t, err, "InvalidNextToken")
}

func TestFilters(t *testing.T) {
	t.Parallel()
	l := newLab(t, api.Options{})
	n := makeNetwork(t, l)
	ctx := t.Context()
	in := n.run(2)
	in.ClientToken = new("first")
	a := must(l.ec2.RunInstances(ctx, in))(t)
	in = n.run(3)
	in.InstanceType = types.InstanceTypeM5Large
	in.TagSpecifications[0].Tags = []types.Tag{{Key: new("role"), Value: new("a*b")}}
	must(l.ec2.RunInstances(ctx, in))(t)
	for _, c := range []struct {
		name, filter string
		values       []string
		want         int
	}{
		{"client token", "client-token", []string{"first"}, 2},
		{"tag with a value", "tag:cluster", []string{"lab"}, 2},
		{"tag key", "tag-key", []string{"role", "nothing"}, 3},
		{"a star is any text", "instance-type", []string{"m5.*"}, 3},
		{"a question mark is one character", "instance-type", []string{"??.medium"}, 2},
		{"an escaped star is a star", "tag:role", []string{`a\*b`}, 3},
		{"an escaped star is nothing else", "tag:role", []string{`x\*b`}, 0},
		{"two values are one or the other", "instance-type", []string{"m5.large", "t3.medium"}, 5},
		{"case matters", "tag:cluster", []string{"LAB"}, 0},
		{"subnet", "subnet-id", []string{n.subnet}, 5},
		{"reservation", "reservation-id", []string{*a.ReservationId}, 2},
		{"address", "private-ip-address", []string{"10.88.0.4"}, 1},
		{"group", "instance.group-id", []string{n.group}, 5},
		{"state", "instance-state-name", []string{"running"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := must(l.ec2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{Filters: []types.Filter{{Name: &c.filter, Values: c.values}}}))(t)
			got := 0
			for _, r := range out.Reservations {
				got += len(r.Instances)
			}
			if got != c.want {
				t.Errorf("%s=%v finds %d instances, want %d", c.filter, c.values, got, c.want)
			}
		})
	}
}
