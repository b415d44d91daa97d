package aws

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/clusterform/clusterform/internal/lab/api"
	"github.com/clusterform/clusterform/planner/resource"
)

// TestAPoolsMachines are listed as they are, without those of others.
func TestAPoolsMachines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := lab(t, 1, api.Faults{}, Options{})
		r := newRun(labRegion)
		zones, err := c.Zones(t.Context(), labRegion)
		if err != nil {
			t.Fatal(err)
		}
		build(t, c, r, labImage(t, c), zones)
		all, err := c.Machines(t.Context(), labRegion, r.uid, pool)
		if err != nil {
			t.Fatal(err)
		}
		var got, want []string
		for _, m := range all {
			got = append(got, m.ID+" "+m.PrivateIP) // public addresses change with elastic ones
		}
		for _, rec := range r.records {
			if n, ok := rec.Spec.(*resource.Node); ok && n.Pool == pool {
				want = append(want, rec.ID+" "+n.PrivateIP)
			}
		}
		slices.Sort(want)
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("machines %v, want %v", got, want)
		}
		for _, other := range []struct {
			uid  string
			pool resource.Address
		}{{"fedcba9876543210", pool}, {r.uid, "node_pool.other"}} {
			if all, err := c.Machines(t.Context(), labRegion, other.uid, other.pool); err != nil || len(all) > 0 {
				t.Errorf("%s of %s has %v %v", other.pool, other.uid, all, err)
			}
		}
		if failing, err := c.Impaired(t.Context(), labRegion); err != nil || len(failing) > 0 {
			t.Errorf("impaired: %v %v", failing, err)
		}
		if text, err := c.Console(t.Context(), labRegion, all[0].ID); err != nil || text != "" {
			t.Errorf("console %q %v", text, err)
		}
	})
}

const impairedAnswer = `<DescribeInstanceStatusResponse><instanceStatusSet><item><instanceId>i-1</instanceId>
<instanceStatus><status>impaired</status><details><item><name>reachability</name><status>failed</status>
<impairedSince>2026-01-02T03:04:05.000Z</impairedSince></item></details></instanceStatus></item>
<item><instanceId>i-2</instanceId><instanceStatus><status>impaired</status></instanceStatus></item></instanceStatusSet></DescribeInstanceStatusResponse>`

// TestImpairedInstances are asked for alone, and say since when.
func TestImpairedInstances(t *testing.T) {
	t.Parallel()
	s := &script{answer: func(action string, form url.Values) (int, string, error) {
		if form.Get("Filter.1.Name") != "instance-status.status" || form.Get("Filter.1.Value.1") != "impaired" {
			t.Errorf("%s asked with %v", action, form)
		}
		return 200, impairedAnswer, nil
	}}
	got, err := s.cloud(Options{}).Impaired(t.Context(), "eu-west-1")
	if err != nil || len(got) != 2 || got["i-1"].Minute() != 4 || !got["i-2"].IsZero() {
		t.Errorf("%v %v", got, err)
	}
}

// TestConsoleOfInstanceTypesWithoutTheLatest falls back to the output of the boot.
func TestConsoleOfInstanceTypesWithoutTheLatest(t *testing.T) {
	t.Parallel()
	s := &script{answer: func(_ string, form url.Values) (int, string, error) {
		if form.Get("Latest") == "true" {
			return 400, ec2Error("UnsupportedOperation", "The instance type does not support retrieving the latest console logs"), nil
		}
		text := base64.StdEncoding.EncodeToString([]byte("clusterform: ready: 1.34.4\n"))
		return 200, "<GetConsoleOutputResponse><instanceId>i-1</instanceId><output>" + text + "</output></GetConsoleOutputResponse>", nil
	}}
	got, err := s.cloud(Options{}).Console(t.Context(), "eu-west-1", "i-1")
	if err != nil || !strings.Contains(got, "clusterform: ready") {
		t.Errorf("%q %v", got, err)
	}
}

// TestBalancerAddresses are those of all its zones.
func TestBalancerAddresses(t *testing.T) {
	t.Parallel()
	s := &script{answer: func(string, url.Values) (int, string, error) {
		return 200, `<DescribeLoadBalancersResponse><DescribeLoadBalancersResult><LoadBalancers><member><AvailabilityZones>
<member><ZoneName>a</ZoneName><LoadBalancerAddresses><member><IpAddress>198.51.100.7</IpAddress></member></LoadBalancerAddresses></member>
<member><ZoneName>b</ZoneName><LoadBalancerAddresses><member><PrivateIPv4Address>10.0.0.9</PrivateIPv4Address></member></LoadBalancerAddresses></member>
</AvailabilityZones></member></LoadBalancers></DescribeLoadBalancersResult></DescribeLoadBalancersResponse>`, nil
	}}
	got, err := s.cloud(Options{}).BalancerAddresses(t.Context(), "eu-west-1", "arn:aws:x")
	if err != nil || !slices.Equal(got, []string{"198.51.100.7", "10.0.0.9"}) {
		t.Errorf("%v %v", got, err)
	}
}
