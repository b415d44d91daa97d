package e2e_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/clusterform/clusterform/internal/cli"
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner/resource"
)

func readState(t *testing.T, dir string) *resource.Snapshot {
	t.Helper()
	f, err := state.Open(filepath.Join(dir, cli.DefaultState), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	snap, err := f.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

// sameAsRecorded compares what is recorded with what the endpoint really has: each object once, none besides.
func sameAsRecorded(t *testing.T, what string, c *ec2.Client, snap *resource.Snapshot) {
	t.Helper()
	if len(snap.Intents) > 0 {
		t.Errorf("%s: %d intents are open", what, len(snap.Intents))
	}
	var uid string
	for _, cluster := range snap.Clusters {
		uid = cluster.UID
	}
	if uid == "" {
		t.Fatalf("%s: no cluster is recorded", what)
	}
	want := map[string]int{}
	nodes := map[string]bool{}
	for _, r := range snap.Records {
		want[string(r.Kind)]++
		if r.Kind == resource.KindNode {
			nodes[r.ID] = true
		}
	}
	instances, err := liveInstances(t.Context(), c, uid)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range instances {
		if id := aws.ToString(i.InstanceId); !nodes[id] {
			t.Errorf("%s: instance %s is not recorded: a duplicate or a leak", what, id)
		} else {
			delete(nodes, id)
		}
	}
	for id := range nodes {
		t.Errorf("%s: recorded instance %s does not run", what, id)
	}
	have := map[string]int{}
	for _, line := range leftovers(t, c, uid) {
		kind, _, _ := strings.Cut(line, " ")
		have[kind]++
	}
	for _, kind := range []resource.Kind{
		resource.KindVPC, resource.KindSubnet, resource.KindInternetGateway, resource.KindRouteTable,
		resource.KindSecurityGroup, resource.KindElasticIP,
	} {
		word, _, _ := strings.Cut(string(kind), "_")
		if have[word] != want[string(kind)] {
			t.Errorf("%s: %d of kind %s on the endpoint, %d recorded", what, have[word], kind, want[string(kind)])
		}
	}
}
