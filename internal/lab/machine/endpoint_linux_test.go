package machine_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/internal/lab/api"
	"github.com/clusterform/clusterform/internal/lab/machine"
	"github.com/clusterform/clusterform/internal/lab/machine/hostcheck"
)

// cloud is an endpoint with machines behind it, and a client of it.
type cloud struct {
	*ec2.Client
	t        *testing.T
	server   *api.Server
	machines *machine.Machines
}

func newCloud(t *testing.T, name string) *cloud {
	t.Helper()
	needMachines(t)
	hostcheck.Guard(t)
	dir := labDir(t, name)
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	c := &cloud{t: t}
	var err error
	c.machines, err = machine.New(machine.Options{
		Name: name, Dir: dir, CacheDir: cacheDir, Logger: log, Progress: func(line string) { t.Log(line) },
		Metadata: func(w http.ResponseWriter, r *http.Request, id string) {
			c.server.IMDS().ServeHTTP(w, r.WithContext(api.WithMachine(r.Context(), id)))
		},
		OnChange: func(id string, state api.MachineState, reason string) { c.server.MachineChanged(id, state, reason) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.machines.Close(); err != nil {
			t.Error(err)
		}
		if err := machine.Sweep(context.Background(), machine.SweepOptions{Name: name, Dir: dir}); err != nil {
			t.Error(err)
		}
	})
	if err := c.machines.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.server, err = api.New(api.Options{Machines: c.machines, Logger: log}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.server.Close(); err != nil {
			t.Error(err)
		}
	})
	key := c.server.Keys()[0]
	c.Client = ec2.New(ec2.Options{
		Region: c.server.Region(), HTTPClient: &http.Client{Transport: c.server.Transport()},
		Credentials: credentials.NewStaticCredentialsProvider(key.AccessKeyID, key.SecretAccessKey, ""),
	})
	return c
}

// must is for calls of which only the answer matters.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// describe returns the one instance.
func (c *cloud) describe(id string) types.Instance {
	c.t.Helper()
	out := must[*ec2.DescribeInstancesOutput](c.t)(c.DescribeInstances(c.t.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{id}}))
	return out.Reservations[0].Instances[0]
}

func (c *cloud) await(id string, state types.InstanceStateName) {
	c.t.Helper()
	c.eventually(fmt.Sprintf("%s is %s", id, state), func() bool { return c.describe(id).State.Name == state })
}

func (c *cloud) eventually(what string, ok func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(90 * time.Second); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("not within 90 s: %s", what)
		}
	}
}

func (c *cloud) console(id string) string {
	c.t.Helper()
	out := must[*ec2.GetConsoleOutputOutput](c.t)(c.GetConsoleOutput(c.t.Context(), &ec2.GetConsoleOutputInput{InstanceId: &id, Latest: aws.Bool(true)}))
	text, err := base64.StdEncoding.DecodeString(aws.ToString(out.Output))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

func (c *cloud) sh(id, script string) (string, int) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
	defer cancel()
	var out strings.Builder
	code, err := c.machines.Exec(ctx, id, machine.ExecOptions{Argv: []string{"sh", "-c", script}, Stdout: &out, Stderr: &out})
	if err != nil {
		c.t.Fatalf("%s: %v\n%s", script, err, out.String())
	}
	return strings.TrimSpace(out.String()), code
}

// The story of issue 3: instances of the endpoint are machines.
func TestInstancesAreMachines(t *testing.T) {
	c := newCloud(t, "cloud")
	ctx := t.Context()
	vpc := must[*ec2.CreateVpcOutput](t)(c.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.88.0.0/16")})).Vpc.VpcId
	var subnets []*string
	for n, zone := range []string{"a", "b"} {
		subnets = append(subnets, must[*ec2.CreateSubnetOutput](t)(c.CreateSubnet(ctx, &ec2.CreateSubnetInput{
			VpcId: vpc, CidrBlock: aws.String(fmt.Sprintf("10.88.%d.0/24", n)), AvailabilityZone: aws.String(c.server.Region() + zone),
		})).Subnet.SubnetId)
	}
	group := func(name string, rule types.IpPermission) string {
		id := must[*ec2.CreateSecurityGroupOutput](t)(c.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{VpcId: vpc, GroupName: &name, Description: &name})).GroupId
		if rule.UserIdGroupPairs != nil {
			rule.UserIdGroupPairs[0].GroupId = id
		}
		must[*ec2.AuthorizeSecurityGroupIngressOutput](t)(c.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: id, IpPermissions: []types.IpPermission{rule}}))
		return *id
	}
	web := group("web", types.IpPermission{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80), ToPort: aws.Int32(80), IpRanges: []types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}})
	node := group("node", types.IpPermission{IpProtocol: aws.String("-1"), UserIdGroupPairs: []types.UserIdGroupPair{{}}})

	start := time.Now()
	run := func(subnet *string, group string) string {
		out := must[*ec2.RunInstancesOutput](t)(c.RunInstances(ctx, &ec2.RunInstancesInput{
			ImageId: debianImage(t, c), InstanceType: types.InstanceTypeT3Medium, MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
			SubnetId: subnet, SecurityGroupIds: []string{group}, UserData: aws.String(base64.StdEncoding.EncodeToString([]byte(userData + "echo user-data finished\n"))),
			MetadataOptions: &types.InstanceMetadataOptionsRequest{HttpTokens: types.HttpTokensStateRequired, HttpPutResponseHopLimit: aws.Int32(1)},
		}))
		return *out.Instances[0].InstanceId
	}
	a, b, d := run(subnets[0], web), run(subnets[0], node), run(subnets[1], node)
	addr := map[string]netip.Addr{}
	for _, id := range []string{a, b, d} {
		c.await(id, types.InstanceStateNameRunning)
		addr[id] = netip.MustParseAddr(*c.describe(id).PrivateIpAddress)
	}
	for _, id := range []string{a, b, d} {
		c.eventually("user-data of "+id+" has finished, says its console", func() bool { return strings.Contains(c.console(id), "user-data finished") })
	}
	t.Logf("three instances with finished user-data: %.1f s", time.Since(start).Seconds())

	for _, x := range []struct {
		name     string
		from, to string
		port     int
		want     bool
	}{
		{"a port open to all", b, a, 80, true},
		{"a port nobody opened", b, a, 8080, false},
		{"members of a group across subnets", b, d, 8080, true},
		{"no member", a, d, 8080, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			if out, code := c.sh(x.from, fetch(addr[x.to], x.port)); (code == 0) != x.want {
				t.Errorf("curl ended with %d: %s", code, out)
			}
		})
	}
	t.Run("metadata of the instance itself, with a token", func(t *testing.T) {
		out, _ := c.sh(a, `curl -s -o /dev/null -w '%{http_code} ' http://169.254.169.254/latest/meta-data/instance-id
token=$(curl -s -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)
for path in instance-id local-ipv4 placement/availability-zone; do curl -s -H "X-aws-ec2-metadata-token: $token" http://169.254.169.254/latest/meta-data/$path; echo -n ' '; done`)
		if want := fmt.Sprintf("401 %s %s %sa", a, addr[a], c.server.Region()); out != want {
			t.Errorf("got %q, want %q", out, want)
		}
	})
	t.Run("a rule that is revoked counts at once", func(t *testing.T) {
		must[*ec2.RevokeSecurityGroupIngressOutput](t)(c.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{
			GroupId: &web, IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80), ToPort: aws.Int32(80), CidrIp: aws.String("0.0.0.0/0"),
		}))
		c.eventually("the port is closed", func() bool { _, code := c.sh(b, fetch(addr[a], 80)); return code != 0 })
	})
	t.Run("a stopped instance starts with its disk", func(t *testing.T) {
		c.sh(b, "cloud-init status --wait; echo kept >/srv/kept")
		must[*ec2.StopInstancesOutput](t)(c.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{b}}))
		c.await(b, types.InstanceStateNameStopped)
		must[*ec2.StartInstancesOutput](t)(c.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: []string{b}}))
		c.await(b, types.InstanceStateNameRunning)
		if out, _ := c.sh(b, "cat /srv/kept"); out != "kept" {
			t.Errorf("got %q", out)
		}
	})
	t.Run("power loss does not stay unseen", func(t *testing.T) {
		if err := c.machines.PowerLoss(ctx, d); err != nil {
			t.Fatal(err)
		}
		c.eventually("the instance shows it", func() bool {
			out := must[*ec2.DescribeInstanceStatusOutput](t)(c.DescribeInstanceStatus(ctx, &ec2.DescribeInstanceStatusInput{InstanceIds: []string{d}, IncludeAllInstances: aws.Bool(true)}))
			s := out.InstanceStatuses[0]
			return s.InstanceState.Name != types.InstanceStateNameRunning || s.InstanceStatus.Status == types.SummaryStatusImpaired
		})
	})
	must[*ec2.TerminateInstancesOutput](t)(c.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{a, b, d}}))
	for _, id := range []string{a, b, d} {
		c.await(id, types.InstanceStateNameTerminated)
	}
}

// debianImage returns an image of the lab's own.
func debianImage(t *testing.T, c *cloud) *string {
	t.Helper()
	out := must[*ec2.DescribeImagesOutput](t)(c.DescribeImages(t.Context(), &ec2.DescribeImagesInput{Filters: []types.Filter{{Name: aws.String("name"), Values: []string{"debian-12-amd64-*"}}}}))
	if len(out.Images) == 0 {
		t.Fatal("the endpoint has no Debian image")
	}
	return out.Images[0].ImageId
}
