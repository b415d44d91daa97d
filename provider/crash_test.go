package provider_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TestKilledProvider kills the provider (SIGKILL, by itself) at moments spread over a create, a change and a destroy.
// Terraform then knows nothing of what was made; the next apply finds it by UID and token, and nothing is there twice.
func TestKilledProvider(t *testing.T) {
	t.Parallel()
	small := clusterWith("") + poolWith("size = 1")
	large := clusterWith(`tags = { owner = "billing" }`) + poolWith("size = 3")
	for _, tt := range []struct {
		name          string
		before, after string
		args          []string
		instances     int
	}{
		{"create", "", small, []string{"apply", "-auto-approve"}, 2},
		{"change", small, large, []string{"apply", "-auto-approve"}, 4},
		{"destroy", small, small, []string{"destroy", "-auto-approve"}, 0},
	} {
		// A first run tells how many moments there are.
		measured := startLabOnly(t)
		w := newWorkspace(t, measured.config(tt.before))
		prepare(w, measured, tt.before, tt.after)
		count := filepath.Join(w.dir, "moments")
		if out, code := w.try([]string{"CLUSTERFORM_FAILPOINT_COUNT=" + count}, tt.args...); code != 0 {
			t.Fatalf("exit code %d\n%s", code, out)
		}
		data, err := os.ReadFile(count)
		if err != nil {
			t.Fatal(err)
		}
		moments := longestRun(string(data))
		if moments < 10 {
			t.Fatalf("only %d moments", moments)
		}
		for _, part := range []float64{0.3, 0.85} {
			t.Run(fmt.Sprintf("%s at %.0f%%", tt.name, part*100), func(t *testing.T) {
				t.Parallel()
				l := startLabOnly(t)
				w := newWorkspace(t, l.config(tt.before))
				prepare(w, l, tt.before, tt.after)
				at := max(1, int(part*float64(moments)))
				if out, code := w.try([]string{fmt.Sprintf("CLUSTERFORM_FAILPOINT=journal:%d", at)}, tt.args...); code == 0 {
					t.Fatalf("the provider was not killed at moment %d of %d\n%s", at, moments, out)
				}
				w.run(0, tt.args...)
				if n := len(l.instances(t)); n != tt.instances {
					t.Errorf("%d instances run, want %d", n, tt.instances)
				}
				if tt.instances == 0 {
					l.nothingLeft(t)
					return
				}
				if n := l.vpcs(t); n != 1 {
					t.Errorf("%d VPCs, want 1", n)
				}
				w.run(0, "plan", "-detailed-exitcode")
				w.run(0, "destroy", "-auto-approve")
				l.nothingLeft(t)
			})
		}
	}
}

// longestRun is how many moments the longest run of the engine has: each locks the state first.
func longestRun(moments string) int {
	longest := 0
	for run := range strings.SplitSeq(moments, "lock.taken\n") {
		longest = max(longest, 1+strings.Count(run, "\n"))
	}
	return longest
}

func prepare(w *workspace, l *lab, before, after string) {
	w.t.Helper()
	if before != "" {
		w.run(0, "apply", "-auto-approve")
	}
	w.write("main.tf", l.config(after))
}

func (l *lab) vpcs(t *testing.T) int {
	t.Helper()
	out, err := l.client().DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{Filters: []types.Filter{
		{Name: aws.String("tag-key"), Values: []string{"clusterform:cluster"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Vpcs)
}
