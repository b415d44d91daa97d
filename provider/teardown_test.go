package provider_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// nothingLeft is what every case must end with, after terraform destroy: no tagged object, no record, no journal.
func (l *lab) nothingLeft(t *testing.T) {
	t.Helper()
	out, err := l.client().DescribeTags(context.WithoutCancel(t.Context()), &ec2.DescribeTagsInput{Filters: []types.Filter{
		{Name: aws.String("key"), Values: []string{"clusterform:cluster"}},
	}})
	if err != nil {
		t.Error(err)
		return
	}
	running := map[string]bool{}
	for _, id := range l.instances(t) {
		running[id] = true
	}
	for _, tag := range out.Tags {
		id := aws.ToString(tag.ResourceId)
		if tag.ResourceType == types.ResourceTypeInstance && !running[id] {
			continue // terminated ones show for a while
		}
		t.Errorf("destroy left %s %s", tag.ResourceType, id)
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
