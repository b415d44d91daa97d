package e2e_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/internal/lab/api"
)

func client(endpoint string) *ec2.Client {
	return ec2.New(ec2.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(endpoint),
		Credentials: credentials.NewStaticCredentialsProvider(testKeyID, testSecret, ""),
	})
}

// startLab serves the lab's endpoint, without machines, on loopback.
func startLab(t *testing.T, faults api.Faults) (endpoint string, server *api.Server) {
	t.Helper()
	server, err := api.New(api.Options{Region: "us-east-1", Keys: []api.Key{{AccessKeyID: testKeyID, SecretAccessKey: testSecret}}, Seed: 1, Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	return listener.URL, server
}

// startMoto serves an EC2 implementation that is not ours. It skips without one, unless CI demands it.
func startMoto(t *testing.T) (endpoint string) {
	t.Helper()
	path, err := exec.LookPath("moto_server")
	if err != nil {
		if os.Getenv("CLUSTERFORM_REQUIRE_MOTO") == "1" {
			t.Fatal("moto_server is required here (CLUSTERFORM_REQUIRE_MOTO=1) and not on the PATH")
		}
		t.Skip("moto_server is not on the PATH")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-H", "127.0.0.1", "-p", fmt.Sprint(port))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	endpoint = fmt.Sprintf("http://127.0.0.1:%d", port)
	deadline := time.Now().Add(time.Minute)
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/moto-api/", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(req)
		cancel()
		if err == nil {
			_ = answer.Body.Close()
			return endpoint
		}
		if time.Now().After(deadline) {
			t.Fatalf("moto_server does not answer within a minute: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func TestStoryAgainstMoto(t *testing.T) {
	t.Parallel()
	endpoint := startMoto(t)
	tellStory(t, endpoint, client(endpoint))
}

func TestStoryAgainstTheLab(t *testing.T) {
	t.Parallel()
	instant := api.Range{}
	endpoint, _ := startLab(t, api.Faults{Boot: &instant, Shutdown: &instant})
	c := client(endpoint)
	tellStory(t, endpoint, c, "image="+anyImage(t, c))
}

// anyImage is an image for x86-64 that the endpoint knows.
func anyImage(t *testing.T, c *ec2.Client) string {
	t.Helper()
	images, err := c.DescribeImages(t.Context(), &ec2.DescribeImagesInput{Filters: []types.Filter{
		{Name: aws.String("architecture"), Values: []string{"x86_64"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(images.Images) == 0 {
		t.Fatal("the endpoint knows no image")
	}
	return aws.ToString(images.Images[0].ImageId)
}
