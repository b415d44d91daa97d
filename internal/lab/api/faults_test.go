package api_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/clusterform/clusterform/internal/lab/api"
)

func TestThrottling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, api.Options{})
		n := makeNetwork(t, l)
		ctx := t.Context()
		if err := l.SetFaults(api.Faults{Throttle: 1}); err != nil {
			t.Fatal(err)
		}
		launch := func(count int32) string { _, err := l.ec2.RunInstances(ctx, n.run(count)); return code(err) }
		for i := range 5 {
			if got := launch(1); got != "" {
				t.Fatalf("launch %d of a burst of 5: %s", i+1, got)
			}
		}
		if got := launch(1); got != "RequestLimitExceeded" {
			t.Errorf("launch 6 of a burst of 5: %q, want RequestLimitExceeded", got)
		}
		time.Sleep(500 * time.Millisecond) // two a second
		if got := launch(1); got != "" {
			t.Errorf("half a second later: %s", got)
		}
		if got := launch(1); got != "RequestLimitExceeded" {
			t.Errorf("and one more: %q, want RequestLimitExceeded", got)
		}
		time.Sleep(3 * time.Second)
		if got := launch(900); got != "" {
			t.Errorf("900 instances: %s", got)
		}
		if got := launch(200); got != "RequestLimitExceeded" {
			t.Errorf("1100 instances of a bucket of 1000: %q, want RequestLimitExceeded", got)
		}
		if got := l.Stats().Errors["RequestLimitExceeded"]; got != 3 {
			t.Errorf("%d throttled calls counted, want 3", got)
		}
	})
}

func TestEventualConsistency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, api.Options{})
		n := makeNetwork(t, l)
		ctx := t.Context()
		if err := l.SetFaults(api.Faults{Consistency: api.Consistency{New: api.Duration(20 * time.Second)}}); err != nil {
			t.Fatal(err)
		}
		in := n.run(20)
		in.ClientToken = new("t")
		rs := must(l.ec2.RunInstances(ctx, in))(t)
		visible := func() int {
			got := 0
			for _, r := range must(l.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{Filters: []types.Filter{{Name: new("client-token"), Values: []string{"t"}}}}))(t).Reservations {
				got += len(r.Instances)
			}
			return got
		}
		if got := visible(); got > 5 {
			t.Errorf("%d of 20 instances are visible at once", got)
		}
		hidden := 0
		for _, i := range rs.Instances {
			if _, err := l.ec2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{*i.InstanceId}, Tags: []types.Tag{{Key: new("a"), Value: new("b")}}}); code(err) == "InvalidInstanceID.NotFound" {
				hidden++
			}
		}
		if hidden < 15 {
			t.Errorf("%d of 20 instances are NotFound right after launch, want most", hidden)
		}
		again := must(l.ec2.RunInstances(ctx, in))(t)
		if len(again.Instances) != 20 || *again.ReservationId != *rs.ReservationId {
			t.Error("the client token does not find what describes do not show yet")
		}
		time.Sleep(20 * time.Second)
		if got := visible(); got != 20 {
			t.Errorf("%d of 20 instances are visible after the longest delay", got)
		}
	})
}

func TestChangesAreSeenLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, api.Options{})
		n := makeNetwork(t, l)
		ctx := t.Context()
		id := *must(l.ec2.RunInstances(ctx, n.run(1)))(t).Instances[0].InstanceId
		time.Sleep(10 * time.Second)
		state := func() types.InstanceStateName {
			out := must(l.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}}))(t)
			return out.Reservations[0].Instances[0].State.Name
		}
		if got := state(); got != types.InstanceStateNameRunning {
			t.Fatalf("%s, want running", got)
		}
		if err := l.SetFaults(api.Faults{Consistency: api.Consistency{Change: api.Duration(time.Hour)}}); err != nil {
			t.Fatal(err)
		}
		must(l.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{id}}))(t)
		if got := state(); got != types.InstanceStateNameRunning {
			t.Errorf("right after termination %s is seen, want still running", got)
		}
	})
}

func TestLostResponseTookEffectAndLostRequestDidNot(t *testing.T) {
	t.Parallel()
	l := newLab(t, api.Options{})
	n := makeNetwork(t, l)
	ctx := t.Context()
	count := func() int {
		return len(must(l.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{}))(t).Reservations)
	}
	for _, c := range []struct {
		name   string
		faults api.Faults
		effect int
	}{
		{"request", api.Faults{LoseRequest: api.Chance{Next: 1, Actions: []string{"RunInstances"}}}, 0},
		{"response", api.Faults{LoseResponse: api.Chance{Next: 1, Actions: []string{"RunInstances"}}}, 1},
	} {
		before := count()
		if err := l.SetFaults(c.faults); err != nil {
			t.Fatal(err)
		}
		must(l.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{}))(t) // another action is not meant
		_, err := l.ec2.RunInstances(ctx, n.run(1))
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("lost %s: %v, want an unexpected EOF", c.name, err)
		}
		if got := count() - before; got != c.effect {
			t.Errorf("lost %s: %d launches took effect, want %d", c.name, got, c.effect)
		}
	}
}

func TestCapacity(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, api.Options{})
		n := makeNetwork(t, l)
		launch := func(typ types.InstanceType, least, most int32) (int, error) {
			in := n.run(most)
			in.MinCount, in.InstanceType = &least, typ
			out, err := l.ec2.RunInstances(t.Context(), in)
			if err != nil {
				return 0, err
			}
			return len(out.Instances), nil
		}
		if err := l.SetFaults(api.Faults{Capacity: []api.CapacityFault{{InstanceType: "t3.*", Zone: testRegion + "a", Available: 3, For: api.Duration(time.Minute)}}}); err != nil {
			t.Fatal(err)
		}
		if got, err := launch("t3.large", 1, 5); got != 3 || err != nil {
			t.Errorf("%d launched with room for 3 (%v)", got, err)
		}
		_, err := launch("t3.large", 1, 1)
		wantCode(t, err, "InsufficientInstanceCapacity")
		if got := status(err); got != 500 {
			t.Errorf("HTTP status %d, want 500 as on EC2", got)
		}
		if got, err := launch("m5.large", 1, 1); got != 1 {
			t.Errorf("another type: %v", err)
		}
		time.Sleep(time.Minute)
		if got, err := launch("t3.large", 1, 1); got != 1 {
			t.Errorf("a minute later: %v", err)
		}
		if err := l.SetFaults(api.Faults{Capacity: []api.CapacityFault{{InstanceType: "t3.large", Times: 2}}}); err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{"InsufficientInstanceCapacity", "InsufficientInstanceCapacity", "", ""} {
			_, err := launch("t3.large", 1, 1)
			if got := code(err); got != want {
				t.Errorf("attempt %d with 2 refusals: %q, want %q", i+1, got, want)
			}
		}
	})
}

func TestInstancesThatNeverBoot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, api.Options{Faults: api.Faults{NeverBoot: 0.5}})
		n := makeNetwork(t, l)
		must(l.ec2.RunInstances(t.Context(), n.run(40)))(t)
		time.Sleep(10 * time.Second)
		states := map[types.InstanceStateName]int{}
		for _, i := range must(l.ec2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{}))(t).Reservations[0].Instances {
			states[i.State.Name]++
			if i.State.Name == types.InstanceStateNameTerminated && (i.StateReason == nil || *i.StateReason.Code != "Server.InternalError") {
				t.Errorf("%s ended for the reason %v, want Server.InternalError", *i.InstanceId, i.StateReason)
			}
		}
		if d := states[types.InstanceStateNameTerminated]; d < 10 || d > 30 || d+states[types.InstanceStateNameRunning] != 40 {
			t.Errorf("of 40 instances of which half never boot there are %v", states)
		}
	})
}

func TestSpotInterruption(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, api.Options{})
		n := makeNetwork(t, l)
		ctx := t.Context()
		in := n.run(1)
		in.InstanceMarketOptions = &types.InstanceMarketOptionsRequest{MarketType: types.MarketTypeSpot}
		id := *must(l.ec2.RunInstances(ctx, in))(t).Instances[0].InstanceId
		time.Sleep(10 * time.Second)
		if got, _ := imdsGet(t, l, id, "/latest/meta-data/spot/instance-action"); got != http.StatusNotFound {
			t.Errorf("before the notice: status %d, want 404", got)
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://lab/_lab/instances/"+id+"/spot-interruption", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := l.Transport().RoundTrip(req)
		if err != nil || resp.StatusCode != http.StatusNoContent {
			t.Fatalf("%v %v", resp, err)
		}
		status, body := imdsGet(t, l, id, "/latest/meta-data/spot/instance-action")
		if status != http.StatusOK || !strings.Contains(body, `"action":"terminate"`) {
			t.Errorf("after the notice: %d %q", status, body)
		}
		time.Sleep(119 * time.Second)
		state := func() types.InstanceStateName {
			return must(l.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}}))(t).Reservations[0].Instances[0].State.Name
		}
		if got := state(); got != types.InstanceStateNameRunning {
			t.Errorf("%s before the two minutes are over, want running", got)
		}
		time.Sleep(10 * time.Second)
		if got := state(); got != types.InstanceStateNameTerminated {
			t.Errorf("%s after the two minutes, want terminated", got)
		}
	})
}

func TestNewProfileIsUnknownForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, api.Options{Faults: api.Faults{IAMPropagation: api.Duration(time.Minute)}})
		n := makeNetwork(t, l)
		makeRole(t, l, "node")
		in := n.run(1)
		in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: new("node")}
		_, err := l.ec2.RunInstances(t.Context(), in)
		wantCode(t, err, "InvalidParameterValue")
		if err == nil || !strings.Contains(err.Error(), "Invalid IAM Instance Profile name") {
			t.Errorf("%v, want the words that clients look for", err)
		}
		time.Sleep(time.Minute)
		must(l.ec2.RunInstances(t.Context(), in))(t)
	})
}

func makeRole(t testing.TB, l *lab, name string) {
	t.Helper()
	ctx := t.Context()
	must(l.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: new(trustEC2)}))(t)
	must(l.iam.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: &name}))(t)
	must(l.iam.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: &name, RoleName: &name}))(t)
}

func TestSameSeedSameFaults(t *testing.T) {
	t.Parallel()
	trace := func(seed int64) string {
		var b strings.Builder
		l := newLab(t, api.Options{Seed: seed, Faults: api.Faults{ServerError: api.Chance{Probability: 0.3}, LoseRequest: api.Chance{Probability: 0.2}, Boot: &api.Range{}}})
		for range 40 {
			out, err := l.ec2.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16")})
			if err != nil {
				fmt.Fprintln(&b, errors.Is(err, io.ErrUnexpectedEOF), status(err))
				continue
			}
			fmt.Fprintln(&b, *out.Vpc.VpcId)
		}
		return b.String()
	}
	a, b, c := trace(5), trace(5), trace(6)
	if a != b {
		t.Errorf("seed 5 gave\n%s\nand then\n%s", a, b)
	}
	if a == c {
		t.Error("seeds 5 and 6 gave the same")
	}
}

func TestLatencyEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, api.Options{Faults: api.Faults{Latency: api.Range{Min: api.Duration(time.Second), Max: api.Duration(time.Second)}}})
		began := time.Now()
		must(l.ec2.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{}))(t)
		if got := time.Since(began); got != time.Second {
			t.Errorf("a call took %v, want 1s", got)
		}
		if err := l.SetFaults(api.Faults{Latency: api.Range{Min: api.Duration(time.Hour), Max: api.Duration(time.Hour)}}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := contextWithTimeout(t, 5*time.Second)
		defer cancel()
		if _, err := l.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{}); err == nil {
			t.Error("a call of an hour succeeded within 5 s")
		}
		if got := time.Since(began); got != 6*time.Second {
			t.Errorf("the call ended %v after the start, want 6s", got)
		}
	})
}

func TestFaultsOverHTTP(t *testing.T) {
	t.Parallel()
	l := newLab(t, api.Options{ControlToken: "let me in"})
	do := func(method, path, token, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://lab/_lab/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := l.Transport().RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		out, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(out)
	}
	if got, _ := do("GET", "status", "wrong", ""); got != http.StatusUnauthorized {
		t.Errorf("status %d without the token, want 401", got)
	}
	if got, out := do("PUT", "faults", "let me in", `{"throttle": 2, "boot": {"min": "1s", "max": "1m0s"}}`); got != http.StatusOK {
		t.Errorf("%d %s", got, out)
	}
	if f := l.Faults(); f.Throttle != 2 || f.Boot.Max != api.Duration(time.Minute) {
		t.Errorf("the faults are %+v", f)
	}
	for name, body := range map[string]string{"an unknown name": `{"thottle": 2}`, "a probability of two": `{"never_boot": 2}`, "no JSON": `{`, "a backward range": `{"boot": {"min": "2s", "max": "1s"}}`} {
		if got, out := do("PUT", "faults", "let me in", body); got != http.StatusBadRequest || out == "" {
			t.Errorf("%s: %d %q, want 400 and a reason", name, got, out)
		}
	}
	if got, out := do("GET", "status", "let me in", ""); got != http.StatusOK || !strings.Contains(out, testRegion) {
		t.Errorf("%d %s", got, out)
	}
	if got, _ := do("POST", "instances/i-0123/cut", "let me in", ""); got != http.StatusNotFound {
		t.Errorf("cut of an unknown instance: %d, want 404", got)
	}
}
