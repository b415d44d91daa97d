package state

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/clusterform/clusterform/planner/resource"
)

// testTime is when everything in these tests was recorded.
var testTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const testUID = "0123456789abcdef"

func nodeAddress(i int) resource.Address { return resource.Address("node_pool.worker").Index(i) }

// nodeRecord is a worker as the engine records it.
func nodeRecord(i int) *resource.Record {
	return &resource.Record{
		Object: resource.Object{
			Address: nodeAddress(i), Kind: resource.KindNode, Cluster: "cluster.lab", UID: testUID, Region: "eu-central-1",
			ID: fmt.Sprintf("i-%017x", i+1),
			Spec: &resource.Node{
				Pool: "node_pool.worker", Role: "worker", InstanceTypes: []string{"t3.large", "t3a.large"}, InstanceType: "t3.large",
				Image: "ami-0123456789abcdef0", Subnet: `cluster.lab.subnet["eu-central-1a"]`,
				Subnets: []resource.Ref{`cluster.lab.subnet["eu-central-1a"]`, `cluster.lab.subnet["eu-central-1b"]`}, Zone: "eu-central-1a",
				SecurityGroups: []resource.Ref{`cluster.lab.security_group["worker"]`}, Profile: `cluster.lab.role["worker"]`,
				PublicIP: true, DiskGiB: 20, Tags: resource.Tags{"Name": fmt.Sprintf("lab-01234567-worker-%d", i), "owner": "platform"},
				Labels: map[string]string{"tier": "web"}, PrivateIP: fmt.Sprintf("10.88.%d.%d", i/250, i%250+4),
				PublicAddr: fmt.Sprintf("198.51.%d.%d", i/250, i%250+4), PrivateDNS: fmt.Sprintf("ip-10-88-%d-%d.internal", i/250, i%250+4),
				LaunchToken: "89abcdef0123456789abcdef01234567",
			},
		},
		Generation: 1, Phase: resource.PhaseReady, UpdatedAt: testTime,
	}
}

func vpcRecord() *resource.Record {
	return &resource.Record{
		Object: resource.Object{
			Address: "cluster.lab.vpc", Kind: resource.KindVPC, Cluster: "cluster.lab", UID: testUID, Region: "eu-central-1",
			ID: "vpc-0123456789abcdef0", Spec: &resource.VPC{CIDR: "10.88.0.0/16", DNSSupport: true, Tags: resource.Tags{"Name": "lab <&> é"}},
		},
		Generation: 1, Protected: true, UpdatedAt: testTime,
	}
}

func launchIntent(addresses ...resource.Address) resource.Intent {
	return resource.Intent{
		Operation: resource.Create, Kind: resource.KindNode, UID: testUID, Region: "eu-central-1", Addresses: addresses,
		Token: "89abcdef0123456789abcdef01234567", Generation: 1, Detail: map[string]string{"zone": "eu-central-1a"}, At: testTime,
	}
}

// testOptions are of a user without fsync: most tests are not about the loss of power.
func testOptions() Options {
	return Options{
		Now:         func() time.Time { return testTime },
		Owner:       Owner{User: "alice", Host: "build"},
		ToolVersion: "0.1.0",
		NoSync:      true,
	}
}

// open names a state in dir and fails the test at any warning, unless warn is given.
func open(t testing.TB, dir string, change ...func(*Options)) *File {
	t.Helper()
	o := testOptions()
	o.Warn = func(message string) { t.Errorf("unexpected warning: %s", message) }
	for _, c := range change {
		c(&o)
	}
	f, err := Open(filepath.Join(dir, "clusterform.state.json"), o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// silent is for tests that expect warnings and do not look at them.
func silent(o *Options) { o.Warn = func(string) {} }

func lock(t testing.TB, f *File) *Session {
	t.Helper()
	s, err := f.Lock(context.Background(), LockRequest{Operation: "apply"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

func commit(t testing.TB, s *Session, entries ...Entry) {
	t.Helper()
	if err := s.Commit(context.Background(), true, entries...); err != nil {
		t.Fatal(err)
	}
}

func closeSession(t testing.TB, s *Session) {
	t.Helper()
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, f *File) *resource.Snapshot {
	t.Helper()
	s, err := f.Read(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// export is the canonical form of a snapshot: equal texts are equal states.
func export(t testing.TB, s *resource.Snapshot) string {
	t.Helper()
	data, err := Export(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func readBytes(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeBytes(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, fileMode); err != nil {
		t.Fatal(err)
	}
}

// fill records n nodes and closes the session, so that they are in the snapshot.
func fill(t testing.TB, f *File, n int) {
	t.Helper()
	s := lock(t, f)
	entries := []Entry{SetCluster("cluster.lab", resource.ClusterRecord{UID: testUID, Region: "eu-central-1"}), Put(vpcRecord())}
	for i := range n {
		entries = append(entries, Put(nodeRecord(i)))
	}
	commit(t, s, entries...)
	closeSession(t, s)
}
