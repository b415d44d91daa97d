package userdata_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// labFromEnvironment is the lab that `lab env` tells of: these tests look at the nodes' side alone, in a lab that is there
// and stays for looking around. What a release must show runs in internal/e2e.
func labFromEnvironment(t *testing.T, variable string) aws.Config {
	t.Helper()
	if os.Getenv(variable) == "" || os.Getenv("AWS_ENDPOINT_URL") == "" {
		t.Skipf("for use by hand: set %s and the variables of `clusterform lab env`", variable)
	}
	return aws.Config{
		Region: os.Getenv("AWS_REGION"), BaseEndpoint: new(os.Getenv("AWS_ENDPOINT_URL")),
		Credentials: credentials.NewStaticCredentialsProvider(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
	}
}

func TestNodesJoin(t *testing.T) {
	config := labFromEnvironment(t, "CLUSTERFORM_TEST_NODES") // "3,2": control planes, workers
	var cps, workers int
	if _, err := fmt.Sscanf(os.Getenv("CLUSTERFORM_TEST_NODES"), "%d,%d", &cps, &workers); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	s := newSite(ctx, t, config)
	s.pins(ctx, "1.34.4")
	s.began = time.Now()
	s.controlPlanes = s.launch(ctx, "control_plane", cps)
	s.put(ctx, "control-plane/leader", s.controlPlanes[0])
	ids := s.launch(ctx, "worker", workers)
	s.endpoints(ctx)
	s.await(ctx, append(ids, s.controlPlanes...), "clusterform: ready", 4*time.Minute)
}

// A control plane of a newer minor joins one of an older, and raises what runs on all nodes; then another old one joins.
func TestNewerControlPlaneJoins(t *testing.T) {
	ctx := t.Context()
	s := newSite(ctx, t, labFromEnvironment(t, "CLUSTERFORM_TEST_UPGRADE"))
	s.pins(ctx, "1.33.13")
	s.began = time.Now()
	s.controlPlanes = s.launch(ctx, "control_plane", 1)
	s.put(ctx, "control-plane/leader", s.controlPlanes[0])
	s.endpoints(ctx)
	s.await(ctx, s.controlPlanes, "clusterform: ready", 4*time.Minute)
	s.put(ctx, "control-plane/initialised", "yes")
	s.pins(ctx, "1.34.4")
	s.controlPlanes = append(s.controlPlanes, s.launch(ctx, "control_plane", 1)...)
	s.endpoints(ctx)
	s.await(ctx, s.controlPlanes[1:], "clusterform: ready", 5*time.Minute)
}
