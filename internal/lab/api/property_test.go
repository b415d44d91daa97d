package api_test

import (
	"context"
	"encoding/json"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"pgregory.net/rapid"

	"github.com/clusterform/clusterform/internal/lab/api"
)

// handClock is a clock that the test moves.
type handClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) Sleep(_ context.Context, d time.Duration) error {
	c.move(d)
	return nil
}

func (c *handClock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// TestAnyLifeLeavesNothing lives random lives of instances and checks after each step that what is there hangs together,
// and at the end that a second server that reads the first one's state says the same.
func TestAnyLifeLeavesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "lab")
		if err != nil {
			rt.Fatal(err)
		}
		clock := &handClock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
		opt := api.Options{Region: testRegion, Seed: 9, Dir: dir, Clock: clock, AcceptAnyKey: true, Faults: api.Faults{NeverBoot: 0.1}}
		s, err := api.New(opt)
		if err != nil {
			rt.Fatal(err)
		}
		defer s.Close()
		l := clients(s, nil).as("any", "key", "")
		n := makeNetwork(t, l)
		ctx := t.Context()
		var ids []string
		some := func() []string {
			if len(ids) == 0 {
				return []string{"i-00000000000000000"}
			}
			return rapid.SliceOfNDistinct(rapid.SampledFrom(ids), 1, min(len(ids), 3), rapid.ID[string]).Draw(rt, "ids")
		}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			// What EC2 refuses in the present state is refused; only the invariants count.
			switch rapid.SampledFrom([]string{"run", "stop", "start", "terminate", "wait", "long wait", "tag", "power loss"}).Draw(rt, "step") {
			case "run":
				if out, err := l.ec2.RunInstances(ctx, n.run(rapid.Int32Range(1, 4).Draw(rt, "count"))); err == nil {
					for _, i := range out.Instances {
						ids = append(ids, *i.InstanceId)
					}
				}
			case "stop":
				_, _ = l.ec2.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: some()})
			case "start":
				_, _ = l.ec2.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: some()})
			case "terminate":
				_, _ = l.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: some()})
			case "wait":
				clock.move(time.Duration(rapid.IntRange(0, 6).Draw(rt, "seconds")) * time.Second)
			case "long wait":
				clock.move(40 * time.Minute)
			case "tag":
				_, _ = l.ec2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: some(), Tags: []types.Tag{{Key: new("k"), Value: new("v")}}})
			case "power loss":
				_ = l.Disturb(some()[0], api.PowerLoss)
			}
			consistent(t, rt, l)
		}
		before := consistent(t, rt, l)
		opt.Dir = copyDir(t, dir)
		again, err := api.New(opt)
		if err != nil {
			rt.Fatal(err)
		}
		defer again.Close()
		if after := consistent(t, rt, clients(again, nil).as("any", "key", "")); before != after {
			rt.Fatalf("the server said\n%s\nand one that read its state\n%s", before, after)
		}
	})
}

// consistent checks that interfaces, volumes and free addresses are those of the instances, and gives all of it as text.
func consistent(t *testing.T, rt *rapid.T, l *lab) string {
	t.Helper()
	ctx := t.Context()
	instances := must(l.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{}))(t)
	nics := must(l.ec2.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{}))(t)
	volumes := must(l.ec2.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{}))(t)
	subnets := must(l.ec2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: []types.Filter{{Name: new("default-for-az"), Values: []string{"false"}}}}))(t)
	live := 0
	addresses := map[string]bool{}
	for _, r := range instances.Reservations {
		for _, i := range r.Instances {
			if i.State.Name == types.InstanceStateNameTerminated {
				if len(i.NetworkInterfaces)+len(i.BlockDeviceMappings) > 0 || i.PublicIpAddress != nil {
					rt.Fatalf("%s is terminated and still has something", *i.InstanceId)
				}
				continue
			}
			live++
			if addresses[*i.PrivateIpAddress] {
				rt.Fatalf("two instances have the address %s", *i.PrivateIpAddress)
			}
			addresses[*i.PrivateIpAddress] = true
			if i.State.Name == types.InstanceStateNameStopped && i.PublicIpAddress != nil {
				rt.Fatalf("%s is stopped and has the public address %s", *i.InstanceId, *i.PublicIpAddress)
			}
		}
	}
	if len(nics.NetworkInterfaces) != live || len(volumes.Volumes) != live {
		rt.Fatalf("%d instances live, with %d interfaces and %d volumes", live, len(nics.NetworkInterfaces), len(volumes.Volumes))
	}
	if got, want := int(*subnets.Subnets[0].AvailableIpAddressCount), 4096-5-live; got != want {
		rt.Fatalf("%d addresses are free, want %d", got, want)
	}
	text, err := json.Marshal([]any{instances.Reservations, nics.NetworkInterfaces, volumes.Volumes, subnets.Subnets})
	if err != nil {
		rt.Fatal(err)
	}
	return string(text)
}
