package machine_test

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/lab/api"
	"github.com/clusterform/clusterform/internal/lab/machine"
	"github.com/clusterform/clusterform/internal/lab/machine/hostcheck"
)

// childDir makes this test binary run a lab in that directory instead of tests, until it is killed.
const childDir = "CLUSTERFORM_TEST_LAB_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := runLab(dir); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// childTopology is one VPC with two machines of a group that may talk.
func childTopology() api.Topology {
	subnet := netip.MustParsePrefix("10.77.0.0/24")
	t := api.Topology{
		VPCs: []api.VPCTopology{{ID: "vpc-1", CIDR: netip.MustParsePrefix("10.77.0.0/16"), Subnets: []api.SubnetTopology{
			{ID: "subnet-1", CIDR: subnet, Gateway: subnet.Addr().Next(), Internet: true},
		}}},
		Groups: []api.GroupTopology{{ID: "sg-1", VPCID: "vpc-1",
			Ingress: []api.RuleTopology{{Protocol: "-1", Group: "sg-1"}}, Egress: []api.RuleTopology{{Protocol: "-1", Peer: anywhere}}}},
	}
	for n := range 2 {
		t.Interfaces = append(t.Interfaces, api.InterfaceTopology{
			ID: fmt.Sprintf("eni-%d", n), InstanceID: fmt.Sprintf("i-%d", n), SubnetID: "subnet-1", VPCID: "vpc-1",
			MAC: fmt.Sprintf("02:00:00:00:00:%02x", n), PrivateIP: netip.AddrFrom4([4]byte{10, 77, 0, byte(10 + n)}),
			Groups: []string{"sg-1"}, SourceDestCheck: true,
		})
	}
	return t
}

func runLab(dir string) error {
	ctx := context.Background()
	m, err := machine.New(machine.Options{Name: filepath.Base(dir), Dir: dir, CacheDir: cacheDir})
	if err != nil {
		return err
	}
	if err := m.Up(ctx); err != nil {
		return err
	}
	fmt.Println("up")
	topology := childTopology()
	if err := m.Network(ctx, topology); err != nil {
		return err
	}
	fmt.Println("network")
	for _, i := range topology.Interfaces {
		if err := m.Launch(ctx, api.Machine{InstanceID: i.InstanceID, VCPUs: 1, MemoryMiB: 1024, VPCID: i.VPCID, SubnetID: i.SubnetID,
			ENI: i.ID, MAC: i.MAC, PrivateIP: i.PrivateIP, Hostname: hostname(i.PrivateIP)}); err != nil {
			return err
		}
		fmt.Println("launched", i.InstanceID)
	}
	select {}
}

// killLab runs a lab in a process of its own, waits until it has said `at`, and a moment longer, and kills it.
func killLab(t *testing.T, dir, at string, later time.Duration) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	watchdog := time.AfterFunc(2*time.Minute, func() { cmd.Process.Kill() })
	defer watchdog.Stop()
	said := false
	for scanner := bufio.NewScanner(out); !said && scanner.Scan(); {
		if strings.HasPrefix(scanner.Text(), "failed") {
			t.Error(scanner.Text())
		}
		said = scanner.Text() == at
	}
	time.Sleep(later)
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // killed
	if !said {
		t.Fatalf("the lab ended before it said %q", at)
	}
}

func TestSweepAfterKill(t *testing.T) {
	needMachines(t)
	for _, c := range []struct {
		at    string
		later time.Duration
	}{
		{"up", 0},
		{"up", 30 * time.Millisecond},
		{"network", 20 * time.Millisecond},
		{"network", 80 * time.Millisecond},
		{"launched i-0", 0},
		{"launched i-0", 60 * time.Millisecond},
		{"launched i-1", time.Second},
	} {
		t.Run(fmt.Sprintf("%s and %s", c.at, c.later), func(t *testing.T) {
			hostcheck.Guard(t)
			dir := filepath.Join(labDir(t, "sweep"), "sweep")
			sweep := func() {
				if err := machine.Sweep(context.Background(), machine.SweepOptions{Name: "sweep"}); err != nil {
					t.Error(err)
				}
			}
			t.Cleanup(sweep)
			killLab(t, dir, c.at, c.later)
			sweep()
			sweep() // nothing to do is no error
			if entries, _ := os.ReadDir(filepath.Join(dir, "machines")); len(entries) > 0 {
				t.Errorf("disks left behind: %v", entries)
			}
		})
	}
}

func TestAdoptAfterKill(t *testing.T) {
	needMachines(t)
	hostcheck.Guard(t)
	dir := filepath.Join(labDir(t, "adopt"), "adopt")
	t.Cleanup(func() {
		if err := machine.Sweep(context.Background(), machine.SweepOptions{Name: "adopt", Dir: dir}); err != nil {
			t.Error(err)
		}
	})
	killLab(t, dir, "launched i-1", 500*time.Millisecond)

	l := &testLab{t: t, name: "adopt", dir: dir, userData: map[string]string{}, tokens: map[string]bool{}, topology: childTopology()}
	l.machines = l.open()
	t.Cleanup(func() { l.machines.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if code, err := machine.Exec(ctx, "adopt", "i-0", machine.ExecOptions{Argv: []string{"touch", "/srv/alive"}}); err != nil || code != 0 {
		t.Fatalf("the machine of a killed lab does not run on: %v", err)
	}
	if err := l.machines.Up(ctx); err != nil {
		t.Fatal(err)
	}
	running, err := l.machines.Adopt(ctx)
	if err != nil || len(running) != 2 {
		t.Fatalf("adopted %v, error %v; want both", running, err)
	}
	l.apply()
	if out, code := l.sh("i-0", "ping -c 1 -W 2 10.77.0.11"); code != 0 {
		t.Errorf("the machines do not reach one another: %s", out)
	}
	if out, _ := l.sh("i-0", "curl -s -m 2 -o /dev/null -w '%{http_code}' http://169.254.169.254/latest/meta-data/"); out != "401" {
		t.Errorf("metadata answers %q", out)
	}
	if err := l.machines.PowerLoss(ctx, "i-1"); err != nil {
		t.Fatal(err)
	}
	l.eventually("the power loss of an adopted machine is reported", 20*time.Second, func() bool { return len(l.gone()) == 1 })
	l.sh("i-0", "systemctl reboot")
	l.eventually("an adopted machine that reboots from inside is up again", 60*time.Second, func() bool { return l.count("i-0 booted ") == 1 })
	if out, code := l.sh("i-0", "ls /srv/alive"); code != 0 {
		t.Error(out)
	}
	for _, id := range running {
		if err := l.machines.Terminate(ctx, id); err != nil {
			t.Error(err)
		}
	}
}

func TestTwoLabsSideBySide(t *testing.T) {
	needMachines(t)
	hostcheck.Guard(t)
	var labs []*testLab
	for _, name := range []string{"one", "two"} {
		l := startLab(t, name)
		labs = append(labs, l)
		l.vpc("vpc-1", "10.88.0.0/16", "10.88.0.0/24")
		l.group("sg-1", "vpc-1", api.RuleTopology{Protocol: "tcp", FromPort: 80, ToPort: 80, Peer: anywhere})
		l.instance("i-1", "vpc-1", 0, "10.88.0.11", "sg-1")
		l.userData["i-1"] = userData
		l.apply()
		l.launch("i-1")
	}
	one, two := labs[0], labs[1]
	if said := two.machines.Collisions()["vpc-1"]; !strings.Contains(said, "another lab") {
		t.Errorf("the second lab's range collides with the first's, and it said %q", said)
	}
	if a, b := one.machines.HostAddr(), two.machines.HostAddr(); a == b {
		t.Errorf("both labs have the address %s", a)
	}
	answers := func(l *testLab) {
		t.Helper()
		at, ok := l.machines.Reach("vpc-1", netip.MustParseAddr("10.88.0.11"))
		l.eventually(fmt.Sprintf("the host reaches the machine of lab %s as %s (%v)", l.name, at, ok), 10*time.Second, func() bool { return connects(at, 80) })
	}
	for _, l := range labs {
		l.awaitFile("i-1", "srv/done")
		answers(l)
	}
	if out, code := one.sh("i-1", fetch(two.machines.HostAddr(), 80)); code == 0 {
		t.Errorf("a machine reaches into the other lab: %s", out)
	}
	if err := one.machines.Close(); err != nil {
		t.Error(err)
	}
	if err := machine.Sweep(t.Context(), machine.SweepOptions{Name: "one"}); err != nil {
		t.Error(err)
	}
	answers(two) // what one lab removes, another does not miss
}
