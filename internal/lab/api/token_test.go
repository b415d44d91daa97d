package api_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/internal/lab/api"
)

func TestClientTokenOfALaunch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, api.Options{Dir: t.TempDir()})
		n := makeNetwork(t, l)
		ctx := t.Context()
		in := n.run(2)
		in.ClientToken = new("node-pool-1")
		first := must(l.ec2.RunInstances(ctx, in))(t)
		again := must(l.ec2.RunInstances(ctx, in))(t)
		if *first.ReservationId != *again.ReservationId || *first.Instances[1].InstanceId != *again.Instances[1].InstanceId {
			t.Errorf("the same token and parameters gave %s and %s", *first.ReservationId, *again.ReservationId)
		}
		other := n.run(3)
		other.ClientToken = in.ClientToken
		_, err := l.ec2.RunInstances(ctx, other)
		wantCode(t, err, "IdempotentParameterMismatch")

		time.Sleep(10 * time.Second)
		again = must(l.ec2.RunInstances(ctx, in))(t)
		if got := again.Instances[0].State.Name; got != types.InstanceStateNameRunning {
			t.Errorf("a repeated launch shows the state %s, want what it is now, running", got)
		}
		ids := []string{*first.Instances[0].InstanceId, *first.Instances[1].InstanceId}
		must(l.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: ids[:1]}))(t)
		must(l.ec2.RunInstances(ctx, in))(t) // one still lives
		must(l.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: ids[1:]}))(t)
		_, err = l.ec2.RunInstances(ctx, in)
		wantCode(t, err, "IdempotentInstanceTerminated")

		all := must(l.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{}))(t)
		if got := len(all.Reservations); got != 1 {
			t.Errorf("%d reservations after six calls with one token, want 1", got)
		}
	})
}

func TestClientTokenOfOtherThings(t *testing.T) {
	t.Parallel()
	l := newLab(t, api.Options{})
	n := makeNetwork(t, l)
	ctx := t.Context()
	in := &ec2.CreateRouteTableInput{VpcId: &n.vpc, ClientToken: new("table")}
	a, b := must(l.ec2.CreateRouteTable(ctx, in))(t), must(l.ec2.CreateRouteTable(ctx, in))(t)
	if *a.RouteTable.RouteTableId != *b.RouteTable.RouteTableId {
		t.Errorf("one token made two route tables, %s and %s", *a.RouteTable.RouteTableId, *b.RouteTable.RouteTableId)
	}
}

func TestStateSurvivesARestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		opt := api.Options{Region: testRegion, Seed: 7, Dir: t.TempDir()}
		s, err := api.New(opt)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := api.New(opt); err == nil {
			t.Error("two servers opened one directory")
		}
		key := s.Keys()[0]
		l := clients(s, nil).as(key.AccessKeyID, key.SecretAccessKey, "")
		n := makeNetwork(t, l)
		in := n.run(3)
		in.ClientToken = new("before")
		before := must(l.ec2.RunInstances(t.Context(), in))(t)
		putSecret(t, l, "/clusterform/x", "hunter2")
		// A process that is killed does not close anything: the second server reads what the first wrote with each call.
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}

		l = newLab(t, opt)
		time.Sleep(10 * time.Second)
		out := must(l.ec2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{Filters: []types.Filter{{Name: new("instance-state-name"), Values: []string{"running"}}}}))(t)
		if len(out.Reservations) != 1 || len(out.Reservations[0].Instances) != 3 {
			t.Fatalf("after a restart and 10 s there are %d reservations running, want one of 3", len(out.Reservations))
		}
		again := must(l.ec2.RunInstances(t.Context(), in))(t)
		if *again.ReservationId != *before.ReservationId {
			t.Error("a client token was forgotten over a restart")
		}
		if got := l.Keys()[0]; got != key {
			t.Errorf("the access key changed from %s to %s", key, got)
		}
		if got := getSecret(t, l, "/clusterform/x"); got != "hunter2" {
			t.Errorf("the secret is %q after a restart", got)
		}
		fresh := must(l.ec2.RunInstances(t.Context(), n.run(1)))(t)
		if ip := *fresh.Instances[0].PrivateIpAddress; ip == *before.Instances[0].PrivateIpAddress || ip == *before.Instances[2].PrivateIpAddress {
			t.Errorf("the address %s was given out twice", ip)
		}
	})
}
