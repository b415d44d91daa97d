package provider_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TestDefaultTags: the provider's tags are on everything, and a cluster's own win.
func TestDefaultTags(t *testing.T) {
	l := startLab(t)
	settings := strings.Replace(l.provider(), "region       =", "default_tags = { team = \"platform\", owner = \"nobody\" }\n  region       =", 1)
	w := newWorkspace(t, settings+clusterWith(`tags = { owner = "billing" }`)+poolWith("size = 1"))
	w.run(0, "apply", "-auto-approve")
	w.run(0, "plan", "-detailed-exitcode")
	for key, want := range map[string]string{"team": "platform", "owner": "billing"} {
		out, err := l.client().DescribeTags(t.Context(), &ec2.DescribeTagsInput{Filters: []types.Filter{{Name: aws.String("key"), Values: []string{key}}}})
		if err != nil {
			t.Fatal(err)
		}
		tagged := map[types.ResourceType]int{}
		for _, tag := range out.Tags {
			if got := aws.ToString(tag.Value); got != want {
				t.Errorf("%s is %q on %s, want %q", key, got, aws.ToString(tag.ResourceId), want)
			}
			tagged[tag.ResourceType]++
		}
		if tagged[types.ResourceTypeInstance] != 2 || tagged[types.ResourceTypeVpc] != 1 || tagged[types.ResourceTypeSubnet] == 0 {
			t.Errorf("%s is on %v, want two instances, the VPC and its subnets", key, tagged)
		}
	}
	w.run(0, "destroy", "-auto-approve")
}
