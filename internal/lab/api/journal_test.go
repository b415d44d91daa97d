package api_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/clusterform/clusterform/internal/lab/api"
)

// copyDir gives the files as a killed process would leave them: without anybody closing anything.
func copyDir(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestKilledServerLosesNothingItAnswered(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := newLab(t, api.Options{Dir: dir})
	n := makeNetwork(t, l)
	must(l.ec2.RunInstances(t.Context(), n.run(7)))(t)
	count := func(l *lab) int {
		got := 0
		for _, r := range must(l.ec2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{}))(t).Reservations {
			got += len(r.Instances)
		}
		return got
	}
	if got := count(newLab(t, api.Options{Dir: copyDir(t, dir)})); got != 7 {
		t.Errorf("%d of 7 instances after a kill", got)
	}

	file := filepath.Join(dir, "state.jsonl")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("the state has mode %o, want 600", got)
	}
	torn := copyDir(t, dir)
	if err := os.WriteFile(filepath.Join(torn, "state.jsonl"), whole[:len(whole)-10], 0o600); err != nil {
		t.Fatal(err)
	}
	if got := count(newLab(t, api.Options{Dir: torn})); got != 0 {
		t.Errorf("%d instances of a launch whose record is torn, want none of them", got)
	}

	damaged := copyDir(t, dir)
	if err := os.WriteFile(filepath.Join(damaged, "state.jsonl"), append([]byte("[{]\n"), whole...), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := api.New(api.Options{Dir: damaged, Region: testRegion}); err == nil || !strings.Contains(err.Error(), "line 1") {
		if s != nil {
			s.Close()
		}
		t.Errorf("damage in the middle: %v, want the file and the line", err)
	}
	if s, err := api.New(api.Options{Dir: copyDir(t, dir), Region: "eu-west-1"}); err == nil || !strings.Contains(err.Error(), testRegion) {
		if s != nil {
			s.Close()
		}
		t.Errorf("another region: %v, want the region of the state", err)
	}
}

func TestStateIsRewrittenWhenMostOfItIsOld(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := newLab(t, api.Options{Dir: dir})
	var sizes []int64
	for i := range 4000 {
		value := strings.Repeat(string(rune('a'+i%26)), 4000)
		must(l.ssm.PutParameter(t.Context(), &ssm.PutParameterInput{Name: new("/c/x"), Value: &value, Type: "String", Overwrite: new(true)}))(t)
		must(l.ssm.DeleteParameter(t.Context(), &ssm.DeleteParameterInput{Name: new("/c/x")}))(t)
		info, err := os.Stat(filepath.Join(dir, "state.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, info.Size())
	}
	if most, last := slices.Max(sizes), sizes[len(sizes)-1]; most > 9<<20 || last >= most {
		t.Errorf("16 MB of changes made a file of %d bytes, now %d; want it rewritten at 8 MiB", most, last)
	}
	if got := len(must(newLab(t, api.Options{Dir: copyDir(t, dir)}).ec2.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{}))(t).Vpcs); got != 1 {
		t.Errorf("%d VPCs in the rewritten state, want the default one", got)
	}
}
