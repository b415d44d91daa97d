package conformance

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api"
)

// listening is a lab on a real connection, and the environment that makes other people's clients find it.
func listening(t *testing.T) (url string, env []string) {
	t.Helper()
	brief := &api.Range{Min: api.Duration(100 * time.Millisecond), Max: api.Duration(300 * time.Millisecond)}
	s, err := api.New(api.Options{Region: region, AccountID: "123456789012", Seed: 1, Faults: api.Faults{Boot: brief, Shutdown: brief}})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s)
	t.Cleanup(func() {
		srv.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	k := s.Keys()[0]
	home := t.TempDir()
	env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+k.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+k.SecretAccessKey, "AWS_DEFAULT_REGION="+region, "AWS_REGION="+region,
		"AWS_CONFIG_FILE="+home+"/config", "AWS_SHARED_CREDENTIALS_FILE="+home+"/credentials", "AWS_PAGER=", "AWS_ENDPOINT_URL="+srv.URL, "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1")
	return srv.URL, env
}

func TestBoto3(t *testing.T) {
	t.Parallel()
	if out, err := exec.Command("python3", "-c", "import boto3").CombinedOutput(); err != nil {
		missing(t, "python3 with boto3: "+strings.TrimSpace(string(out)), err)
	}
	url, env := listening(t)
	cmd := exec.CommandContext(t.Context(), "python3", "testdata/tour.py", url)
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "done" {
		t.Errorf("boto3: %v\n%s", err, out)
	}
}

func TestAWSCLI(t *testing.T) {
	t.Parallel()
	if out, err := exec.Command("aws", "--version").CombinedOutput(); err != nil {
		missing(t, "the AWS CLI: "+strings.TrimSpace(string(out)), err)
	}
	_, env := listening(t)
	aws := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "aws", append(args, "--output", "json")...)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := aws("ec2", "create-vpc", "--cidr-block", "10.88.0.0/16", "--tag-specifications", "ResourceType=vpc,Tags=[{Key=Name,Value=cli}]")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var made struct{ Vpc struct{ VpcID string } }
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err = aws("ec2", "describe-vpcs", "--filters", "Name=tag:Name,Values=cli", "--query", "Vpcs[].VpcId")
	if err != nil || !strings.Contains(out, made.Vpc.VpcID) {
		t.Errorf("describe-vpcs: %v\n%s", err, out)
	}
	out, err = aws("ssm", "get-parameters-by-path", "--path", "/aws/service/debian/release", "--recursive", "--query", "Parameters[].Name")
	if err != nil || !strings.Contains(out, "/aws/service/debian/release/12/latest/amd64") {
		t.Errorf("get-parameters-by-path: %v\n%s", err, out)
	}
	out, err = aws("ec2", "delete-subnet", "--subnet-id", "subnet-00000000000000000")
	if err == nil || !strings.Contains(out, "InvalidSubnetID.NotFound") {
		t.Errorf("delete-subnet of an unknown one: %v\n%s", err, out)
	}
}
