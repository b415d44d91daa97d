package api_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/clusterform/clusterform/internal/lab/api"
)

// fakeMachines records what the server asks for; each boot takes a second.
type fakeMachines struct {
	mu       sync.Mutex
	log      []string
	launched []api.Machine
	busy     map[string]bool
	overlaps int
	topology api.Topology
	networks int
	launch   error
	network  error
}

func (f *fakeMachines) do(id, what string, d time.Duration) {
	f.mu.Lock()
	if f.busy == nil {
		f.busy = map[string]bool{}
	}
	if f.busy[id] {
		f.overlaps++
	}
	f.busy[id] = true
	f.log = append(f.log, what)
	f.mu.Unlock()
	time.Sleep(d)
	f.mu.Lock()
	f.busy[id] = false
	f.mu.Unlock()
}

func (f *fakeMachines) Launch(_ context.Context, m api.Machine) error {
	f.set(func() { f.launched = append(f.launched, m) })
	f.do(m.InstanceID, "launch "+m.Hostname, time.Second)
	return f.launch
}

func (f *fakeMachines) Start(_ context.Context, m api.Machine) error {
	f.do(m.InstanceID, "start", time.Second)
	return nil
}

func (f *fakeMachines) Stop(_ context.Context, id string, _ bool) error {
	f.do(id, "stop", time.Second)
	return nil
}

func (f *fakeMachines) Reboot(_ context.Context, id string) error {
	f.do(id, "reboot", time.Second)
	return nil
}

func (f *fakeMachines) Terminate(_ context.Context, id string) error {
	f.do(id, "terminate", time.Second)
	return nil
}

func (f *fakeMachines) Console(context.Context, string) ([]byte, error) { return []byte("login:"), nil }

func (f *fakeMachines) Network(_ context.Context, t api.Topology) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.topology = t
	f.networks++
	return f.network
}

func (f *fakeMachines) steps() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.log)
}

func (f *fakeMachines) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func TestMachinesFollowTheAPI(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := new(fakeMachines)
		l := newLab(t, api.Options{Machines: f})
		n := makeNetwork(t, l)
		ctx := t.Context()
		id := *must(l.ec2.RunInstances(ctx, n.run(1)))(t).Instances[0].InstanceId
		state := func() types.InstanceStateName {
			return must(l.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}}))(t).Reservations[0].Instances[0].State.Name
		}
		want := func(s types.InstanceStateName) {
			t.Helper()
			if got := state(); got != s {
				t.Errorf("%s, want %s", got, s)
			}
		}
		want(types.InstanceStateNamePending)
		time.Sleep(1100 * time.Millisecond)
		want(types.InstanceStateNameRunning)
		out := must(l.ec2.GetConsoleOutput(ctx, &ec2.GetConsoleOutputInput{InstanceId: &id}))(t)
		if text, err := base64.StdEncoding.DecodeString(*out.Output); err != nil || string(text) != "login:" {
			t.Errorf("console %q %v", text, err)
		}
		must(l.ec2.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{id}}))(t)
		want(types.InstanceStateNameStopping)
		time.Sleep(1100 * time.Millisecond)
		want(types.InstanceStateNameStopped)
		must(l.ec2.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: []string{id}}))(t)
		time.Sleep(1100 * time.Millisecond)
		want(types.InstanceStateNameRunning)
		must(l.ec2.RebootInstances(ctx, &ec2.RebootInstancesInput{InstanceIds: []string{id}}))(t)
		must(l.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}}))(t)
		want(types.InstanceStateNameShuttingDown)
		time.Sleep(2200 * time.Millisecond)
		want(types.InstanceStateNameTerminated)
		if got, want := strings.Join(f.steps(), ", "), "launch ip-10-88-0-4, stop, start, reboot, terminate"; got != want {
			t.Errorf("the machine layer did %q, want %q", got, want)
		}
		if f.overlaps > 0 {
			t.Errorf("%d calls for one instance overlapped", f.overlaps)
		}
	})
}

// An AMI stands for what machines run.
func TestMachinesRunWhatTheirImageHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := new(fakeMachines)
		l := newLab(t, api.Options{Machines: f})
		n := makeNetwork(t, l)
		for _, c := range []struct{ parameter, want string }{
			{"debian/release/12/latest/amd64", "debian-12"},
			{"debian/release/13/latest/amd64", "debian-13"},
			{"canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id", "ubuntu-22.04"},
			{"canonical/ubuntu/server/22.04/stable/current/arm64/hvm/ebs-gp2/ami-id", "ubuntu-22.04"},
			{"canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id", "ubuntu-24.04"},
			{"ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64", "amazon-linux-2023"},
		} {
			out := must(l.ssm.GetParameter(t.Context(), &ssm.GetParameterInput{Name: new("/aws/service/" + c.parameter)}))(t)
			in := n.run(1)
			in.ImageId = out.Parameter.Value
			if strings.Contains(c.parameter, "arm64") {
				in.InstanceType = types.InstanceTypeT4gMedium
			}
			must(l.ec2.RunInstances(t.Context(), in))(t)
			time.Sleep(3 * time.Second)
			f.set(func() {
				if last := f.launched[len(f.launched)-1]; last.System != c.want || last.ImageID != *in.ImageId {
					t.Errorf("%s boots %q, want %q", c.parameter, last.System, c.want)
				}
			})
		}
	})
}

func TestMachineThatCannotBoot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeMachines{launch: errors.New("no space left\x1b[31m on device")}
		l := newLab(t, api.Options{Machines: f})
		n := makeNetwork(t, l)
		id := *must(l.ec2.RunInstances(t.Context(), n.run(1)))(t).Instances[0].InstanceId
		time.Sleep(3 * time.Second)
		i := must(l.ec2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{id}}))(t).Reservations[0].Instances[0]
		if i.State.Name != types.InstanceStateNameTerminated || i.StateReason == nil || *i.StateReason.Code != "Server.InternalError" || !strings.Contains(*i.StateReason.Message, "no space left") {
			t.Errorf("%s for the reason %+v", i.State.Name, i.StateReason)
		}
		if got := f.steps(); !slices.Contains(got, "terminate") {
			t.Errorf("what was half made stays: %v", got)
		}
	})
}

func TestMachineThatEndsByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, api.Options{Machines: new(fakeMachines)})
		n := makeNetwork(t, l)
		ctx := t.Context()
		rs := must(l.ec2.RunInstances(ctx, n.run(2)))(t)
		killed, off := *rs.Instances[0].InstanceId, *rs.Instances[1].InstanceId
		time.Sleep(2 * time.Second)
		l.MachineChanged(killed, api.MachineGone, "killed")
		l.MachineChanged(off, api.MachineGone, "poweroff")
		time.Sleep(2 * time.Second)
		st := must(l.ec2.DescribeInstanceStatus(ctx, &ec2.DescribeInstanceStatusInput{IncludeAllInstances: new(true)}))(t)
		got := map[string]string{}
		for _, s := range st.InstanceStatuses {
			got[*s.InstanceId] = string(s.InstanceState.Name) + " " + string(s.InstanceStatus.Status)
		}
		if got[killed] != "running impaired" {
			t.Errorf("a machine that was killed is %q, want running impaired", got[killed])
		}
		if got[off] != "stopped not-applicable" {
			t.Errorf("a machine that was powered off is %q, want stopped", got[off])
		}
	})
}

func TestNetworkFollowsTheAPI(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := new(fakeMachines)
		l := newLab(t, api.Options{Machines: f})
		n := makeNetwork(t, l)
		ctx := t.Context()
		id := *must(l.ec2.RunInstances(ctx, n.run(1)))(t).Instances[0].InstanceId
		time.Sleep(2 * time.Second)
		var top api.Topology
		f.set(func() { top = f.topology })
		if len(top.VPCs) != 1 || len(top.VPCs[0].Subnets) != 1 || !top.VPCs[0].Subnets[0].Internet || top.VPCs[0].Subnets[0].Gateway.String() != "10.88.0.1" {
			t.Errorf("the networks are %+v, want one with a subnet that reaches the internet, and no default VPC that nobody uses", top.VPCs)
		}
		if len(top.Interfaces) != 1 || top.Interfaces[0].InstanceID != id || !slices.Equal(top.Interfaces[0].Groups, []string{n.group}) {
			t.Errorf("the interfaces are %+v", top.Interfaces)
		}
		i := slices.IndexFunc(top.Groups, func(g api.GroupTopology) bool { return g.ID == n.group })
		if i < 0 || len(top.Groups[i].Ingress) != 1 || top.Groups[i].Ingress[0].FromPort != 22 || len(top.Groups[i].Egress) != 1 {
			t.Errorf("the groups are %+v", top.Groups)
		}
		if err := l.Disturb(id, api.Cut); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		f.set(func() { top = f.topology })
		if !top.Interfaces[0].Cut {
			t.Error("a cut did not reach the network")
		}

		f.set(func() { f.network = errors.New("10.99.0.0/16 is the host's own network (eth0)") })
		_, err := l.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new("10.99.0.0/16")})
		wantCode(t, err, "InvalidVpc.Range")
		if err == nil || !strings.Contains(err.Error(), "eth0") {
			t.Errorf("%v does not say what collides", err)
		}
		f.set(func() { f.network = nil })
		if got := len(must(l.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: []types.Filter{{Name: new("cidr"), Values: []string{"10.99.*"}}}}))(t).Vpcs); got != 0 {
			t.Error("a VPC that cannot be used stays")
		}
	})
}

func TestRestartContinuesWhatWasUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		opt := api.Options{Region: testRegion, Seed: 3, Dir: t.TempDir(), Machines: new(fakeMachines)}
		s, err := api.New(opt)
		if err != nil {
			t.Fatal(err)
		}
		k := s.Keys()[0]
		l := clients(s, nil).as(k.AccessKeyID, k.SecretAccessKey, "")
		n := makeNetwork(t, l)
		id := *must(l.ec2.RunInstances(t.Context(), n.run(1)))(t).Instances[0].InstanceId
		if err := s.Close(); err != nil { // while the machine boots
			t.Fatal(err)
		}
		f := new(fakeMachines)
		opt.Machines = f
		l = newLab(t, opt)
		time.Sleep(5 * time.Second)
		got := must(l.ec2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{id}}))(t).Reservations[0].Instances[0]
		if got.State.Name != types.InstanceStateNameRunning {
			t.Errorf("%s after a restart, want running (%v)", got.State.Name, f.steps())
		}
	})
}

// reachable is a network that the host reaches under stand-ins.
type reachable struct{ fakeMachines }

func (*reachable) Reach(_ string, addr netip.Addr) (netip.Addr, bool) {
	b := addr.As4()
	b[0] = 100
	return netip.AddrFrom4(b), true
}

func TestLoadBalancersSayWhereTheHostReachesThem(t *testing.T) {
	t.Parallel()
	for name, machines := range map[string]api.Machines{"": nil, "100.": new(reachable)} {
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, api.Options{Machines: machines})
			n := makeNetwork(t, l)
			lb := must(l.elb.CreateLoadBalancer(t.Context(), &elb.CreateLoadBalancerInput{Name: new("api"), Type: elbtypes.LoadBalancerTypeEnumNetwork, Subnets: []string{n.subnet}}))(t).LoadBalancers[0]
			address := lb.AvailabilityZones[0].LoadBalancerAddresses[0]
			_, host, _ := strings.Cut(*address.PrivateIPv4Address, ".")
			if got := aws.ToString(address.IpAddress); name == "" && got != "" || name != "" && got != name+host {
				t.Errorf("inside %s, from the host %q, want %q", *address.PrivateIPv4Address, got, name+host)
			}
		})
	}
}
