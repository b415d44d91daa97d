package machine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api"
	"github.com/clusterform/clusterform/internal/lab/machine"
	"github.com/clusterform/clusterform/internal/lab/machine/hostcheck"
	"github.com/clusterform/clusterform/internal/lab/machine/require"
)

// cacheDir is where a lab keeps the image by default: tests share it, as labs do.
const cacheDir = "/var/cache/clusterform"

// needMachines skips a test on a host that cannot run machines, unless that is demanded.
func needMachines(t testing.TB) {
	t.Helper()
	demanded := os.Getenv("CLUSTERFORM_REQUIRE_MACHINES") == "1"
	if testing.Short() && !demanded {
		t.Skip("boots machines; not in -short")
	}
	err := require.Check()
	if err != nil && demanded {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip(err)
	}
}

// testLab is a lab without the endpoint: a topology by hand and a metadata service of a few lines.
type testLab struct {
	t        testing.TB
	name     string
	dir      string
	machines *machine.Machines
	topology api.Topology

	mu       sync.Mutex
	userData map[string]string
	tokens   map[string]bool
	changes  []string
	health   []string
}

// newLab brings up a lab that leaves the host as it found it; a test that fails is no exception.
func newLab(t testing.TB, name string) *testLab {
	t.Helper()
	needMachines(t)
	hostcheck.Guard(t)
	return startLab(t, name)
}

// startLab brings up a lab on a host that is guarded already.
func startLab(t testing.TB, name string) *testLab {
	t.Helper()
	l := &testLab{t: t, name: name, dir: labDir(t, name), userData: map[string]string{}, tokens: map[string]bool{}}
	l.machines = l.open()
	t.Cleanup(func() {
		if err := l.machines.Close(); err != nil {
			t.Error(err)
		}
		if err := machine.Sweep(context.Background(), machine.SweepOptions{Name: name, Dir: l.dir}); err != nil {
			t.Error(err)
		}
	})
	if err := l.machines.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l
}

// labDir is not t.TempDir: that may lie on a file system without overlays, and is removed before the lab is swept.
func labDir(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "clusterform-test-"+name+"-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (l *testLab) open() *machine.Machines {
	l.t.Helper()
	m, err := machine.New(machine.Options{
		Name: l.name, Dir: l.dir, CacheDir: cacheDir,
		Logger:   slog.New(slog.NewTextHandler(l.t.Output(), nil)),
		Progress: func(line string) { l.t.Log(line) },
		Metadata: l.metadata,
		OnChange: func(id string, state api.MachineState, reason string) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.changes = append(l.changes, fmt.Sprintf("%s %s %s", id, state, reason))
		},
		OnTargetHealth: func(group, id string, port int, healthy bool, reason string) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.health = append(l.health, fmt.Sprintf("%s:%d %v", id, port, healthy))
		},
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return m
}

// metadata speaks just enough IMDSv2 for cloud-init.
func (l *testLab) metadata(w http.ResponseWriter, r *http.Request, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.URL.Path == "/latest/api/token" && r.Method == http.MethodPut {
		token := fmt.Sprintf("token-%d", len(l.tokens))
		l.tokens[token] = true
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"))
		io.WriteString(w, token)
		return
	}
	if !l.tokens[r.Header.Get("X-Aws-Ec2-Metadata-Token")] {
		http.Error(w, "no token", http.StatusUnauthorized)
		return
	}
	_, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch strings.TrimSuffix(path, "/") {
	case "meta-data":
		io.WriteString(w, "instance-id\nlocal-hostname\n")
	case "meta-data/instance-id":
		io.WriteString(w, id)
	case "meta-data/local-hostname":
		io.WriteString(w, hostname(l.iface(id).PrivateIP))
	case "user-data":
		io.WriteString(w, l.userData[id])
	case "dynamic/instance-identity":
		io.WriteString(w, "document")
	case "dynamic/instance-identity/document":
		fmt.Fprintf(w, `{"instanceId": %q, "region": "lab-1", "availabilityZone": "lab-1a"}`, id)
	default:
		http.NotFound(w, r)
	}
}

func (l *testLab) iface(id string) api.InterfaceTopology {
	for _, i := range l.topology.Interfaces {
		if i.InstanceID == id {
			return i
		}
	}
	return api.InterfaceTopology{}
}

func hostname(a netip.Addr) string { return "ip-" + strings.ReplaceAll(a.String(), ".", "-") }

// vpc adds a VPC whose subnets are given as their ranges; the first has a way to the Internet.
func (l *testLab) vpc(id, cidr string, subnets ...string) {
	v := api.VPCTopology{ID: id, CIDR: netip.MustParsePrefix(cidr)}
	for n, s := range subnets {
		p := netip.MustParsePrefix(s)
		v.Subnets = append(v.Subnets, api.SubnetTopology{
			ID: fmt.Sprintf("subnet-%s-%d", id, n), CIDR: p, Gateway: p.Addr().Next(), Internet: n == 0,
		})
	}
	l.topology.VPCs = append(l.topology.VPCs, v)
}

// instance adds an interface for an instance to be.
func (l *testLab) instance(id, vpc string, subnet int, addr string, groups ...string) {
	l.topology.Interfaces = append(l.topology.Interfaces, api.InterfaceTopology{
		ID: "eni-" + id, InstanceID: id, VPCID: vpc, SubnetID: fmt.Sprintf("subnet-%s-%d", vpc, subnet),
		MAC:       fmt.Sprintf("02:00:00:00:%02x:%02x", len(l.topology.Interfaces), id[len(id)-1]),
		PrivateIP: netip.MustParseAddr(addr), Groups: groups, SourceDestCheck: true,
	})
}

func (l *testLab) group(id, vpc string, ingress ...api.RuleTopology) {
	l.topology.Groups = append(l.topology.Groups, api.GroupTopology{
		ID: id, VPCID: vpc, Ingress: ingress, Egress: []api.RuleTopology{{Protocol: "-1", Peer: anywhere}},
	})
}

var anywhere = netip.MustParsePrefix("0.0.0.0/0")

func (l *testLab) apply() {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 30*time.Second)
	defer cancel()
	if err := l.machines.Network(ctx, l.topology); err != nil {
		l.t.Fatal(err)
	}
}

func (l *testLab) machine(id string) api.Machine {
	i := l.iface(id)
	return api.Machine{
		InstanceID: id, VCPUs: 2, MemoryMiB: 2048, DiskGiB: 8, VPCID: i.VPCID, SubnetID: i.SubnetID, ENI: i.ID,
		MAC: i.MAC, PrivateIP: i.PrivateIP, PublicIP: i.PublicIP, Hostname: hostname(i.PrivateIP), Groups: i.Groups,
	}
}

// launch boots machines at once.
func (l *testLab) launch(ids ...string) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	errs := make([]error, len(ids))
	var wg sync.WaitGroup
	for n, id := range ids {
		wg.Go(func() { errs[n] = l.machines.Launch(ctx, l.machine(id)) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		l.t.Fatal(err)
	}
}

// sh runs a script in a machine and returns what it printed and its exit code.
func (l *testLab) sh(id, script string) (string, int) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 30*time.Second)
	defer cancel()
	var out strings.Builder
	code, err := l.machines.Exec(ctx, id, machine.ExecOptions{Argv: []string{"sh", "-c", script}, Stdout: &out, Stderr: &out})
	if err != nil {
		l.t.Fatalf("%s: %s: %v\n%s", id, script, err, out.String())
	}
	return strings.TrimSpace(out.String()), code
}

// eventually waits until a condition holds.
func (l *testLab) eventually(what string, limit time.Duration, ok func() bool) {
	l.t.Helper()
	deadline := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(deadline) {
			l.t.Fatalf("not within %s: %s", limit, what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// awaitFile waits until a machine has a file, as its user-data makes one when it is through.
func (l *testLab) awaitFile(id, path string) {
	l.t.Helper()
	file := filepath.Join(l.dir, "machines", id, "upper", path)
	defer func() {
		if l.t.Failed() {
			console, _ := l.machines.Console(context.Background(), id)
			l.t.Logf("console of %s:\n%s", id, console)
		}
	}()
	l.eventually(id+" has "+path, 60*time.Second, func() bool { _, err := os.Stat(file); return err == nil })
}
