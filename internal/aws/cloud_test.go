package aws

import (
	"net/url"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/internal/lab/api"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

var (
	_ planner.Drivers = (*Cloud)(nil)
	_ planner.Lookup  = (*Cloud)(nil)
)

// cloudKinds are the kinds that AWS has; internal/orchestrator/drivers has the others.
func cloudKinds() []resource.Kind {
	return slices.DeleteFunc(resource.Kinds(), func(k resource.Kind) bool {
		return k == resource.KindCredentials || k == resource.KindWorkload || k == resource.KindManifest
	})
}

// TestEveryKindHasADriver keeps the list of drivers complete.
func TestEveryKindHasADriver(t *testing.T) {
	t.Parallel()
	s := &script{answer: func(string, url.Values) (int, string, error) { t.Error("asked something"); return 500, "", nil }}
	c := s.cloud(Options{})
	for _, kind := range cloudKinds() {
		if d, err := c.Driver("eu-west-1", kind); d == nil || err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if d, err := c.Driver("eu-west-1", "castle"); err == nil {
		t.Errorf("a castle has the driver %T", d)
	}
}

// TestLimitsFollowEndpoint: AWS's published limits hold from the start on AWS, and elsewhere from the first throttle.
func TestLimitsFollowEndpoint(t *testing.T) {
	isolate(t)
	for _, test := range []struct {
		name string
		opts Options
		env  string
		want bool
	}{
		{"AWS", Options{}, "", true},
		{"another endpoint", Options{Endpoint: "http://lab.invalid"}, "", false},
		{"another endpoint of the environment", Options{}, "http://lab.invalid", false},
		{"another endpoint, limits asked for", Options{Endpoint: "http://lab.invalid", Limits: LimitAWS}, "", true},
		{"AWS, limits off", Options{Limits: LimitOff}, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("AWS_ENDPOINT_URL", test.env)
			c := New(test.opts)
			if _, err := c.Driver("eu-west-1", resource.KindVPC); err != nil {
				t.Fatal(err)
			}
			if c.limiter.seeded != test.want {
				t.Errorf("limited from the start: %v, want %v", c.limiter.seeded, test.want)
			}
		})
	}
}

// TestLookups answers the planner's questions.
func TestLookups(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var throttled []string
		s, c := lab(t, 1, api.Faults{Throttle: 1}, Options{Events: event.SinkFunc(func(e event.Event) {
			if e.Type == event.Throttled {
				throttled = append(throttled, e.Message)
			}
		})})
		zones, err := c.Zones(t.Context(), labRegion)
		if err != nil || len(zones) < 2 || !slices.IsSorted(zones) {
			t.Errorf("zones %v %v", zones, err)
		}
		image := labImage(t, c)
		if got, err := c.Image(t.Context(), labRegion, image); err != nil || got != image {
			t.Errorf("an id is itself: %s %v", got, err)
		}
		for _, ref := range []string{"debian", "ssm:/nothing/there"} {
			if got, err := c.Image(t.Context(), labRegion, ref); err == nil {
				t.Errorf("image %s is %s", ref, got)
			}
		}
		s.ResetStats()
		start := time.Now()
		for range 150 {
			if _, err := c.Zones(t.Context(), labRegion); err != nil {
				t.Fatal(err)
			}
		}
		if len(throttled) == 0 || throttled[0] != "ec2:DescribeAvailabilityZones" {
			t.Errorf("told of throttling: %v", throttled)
		}
		if took := time.Since(start); took > 6*time.Second {
			t.Errorf("150 calls took %s, and the bucket lets 100 and 20 a second pass", took)
		}
		if calls := c.Calls()["ec2:DescribeAvailabilityZones"]; calls != s.Stats().Calls["ec2.DescribeAvailabilityZones"]+1 {
			t.Errorf("counted %d calls, the endpoint %d", calls, s.Stats().Calls["ec2.DescribeAvailabilityZones"]+1)
		}
	})
}
