package provider_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// nothingLeft is what every case must end with, after terraform destroy: no tagged object, no role, no parameter, no
// record, no journal.
func (l *lab) nothingLeft(t *testing.T) {
	t.Helper()
	for _, name := range l.inventory(t) {
		t.Errorf("destroy left %s", name)
	}
	files, err := filepath.Glob(filepath.Join(l.stateDir, "*", "*", "state.json*"))
	if err != nil {
		t.Error(err)
	}
	for _, f := range files {
		t.Errorf("destroy left %s", f)
	}
	if data, err := os.ReadFile(filepath.Join(l.stateDir, testRegion, "lab", "blocks.json")); err == nil {
		t.Errorf("destroy left these blocks: %s", data)
	}
	_ = os.RemoveAll(l.stateDir)
}

// inventory lists what clusterform made in the account, sorted, in words that are the same for another cluster of the same
// shape: "2 × instance", "parameter worker/join".
func (l *lab) inventory(t *testing.T) []string {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	out, err := l.client().DescribeTags(ctx, &ec2.DescribeTagsInput{Filters: []types.Filter{
		{Name: aws.String("key"), Values: []string{"clusterform:cluster"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	terminated := map[string]bool{} // those show for a while
	gone, err := l.client().DescribeInstances(ctx, &ec2.DescribeInstancesInput{Filters: []types.Filter{
		{Name: aws.String("instance-state-name"), Values: []string{"shutting-down", "terminated"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range gone.Reservations {
		for _, i := range r.Instances {
			terminated[aws.ToString(i.InstanceId)] = true
		}
	}
	count := map[string]int{}
	for _, tag := range out.Tags {
		if !terminated[aws.ToString(tag.ResourceId)] {
			count[string(tag.ResourceType)]++
		}
	}
	roles, err := l.iam().ListRoles(ctx, &iam.ListRolesInput{})
	if err != nil {
		t.Fatal(err)
	}
	profiles, err := l.iam().ListInstanceProfiles(ctx, &iam.ListInstanceProfilesInput{})
	if err != nil {
		t.Fatal(err)
	}
	count["role"], count["instance profile"] = len(roles.Roles), len(profiles.InstanceProfiles)
	var list []string
	for kind, n := range count {
		if n > 0 {
			list = append(list, fmt.Sprintf("%d × %s", n, kind))
		}
	}
	for name := range l.parameters(t) {
		parts := strings.SplitN(name, "/", 4) // "", "clusterform", UID, the rest
		list = append(list, "parameter "+parts[len(parts)-1])
	}
	slices.Sort(list)
	return list
}

func (l *lab) iam() *iam.Client {
	return iam.New(iam.Options{
		Region: testRegion, BaseEndpoint: aws.String(l.url), Credentials: credentials.NewStaticCredentialsProvider(testKeyID, testSecret, ""),
	})
}
