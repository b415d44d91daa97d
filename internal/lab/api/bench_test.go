package api_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/clusterform/clusterform/internal/lab/api"
)

const fleet = 5000

// filled is a lab with that many running instances.
func filled(b *testing.B, count int) (*lab, network, []string) {
	b.Helper()
	l := newLab(b, api.Options{AcceptAnyKey: true, Faults: api.Faults{Boot: &api.Range{}}})
	n := makeNetwork(b, l)
	n.subnet = *must(l.ec2.CreateSubnet(b.Context(), &ec2.CreateSubnetInput{VpcId: &n.vpc, CidrBlock: new("10.88.128.0/17")}))(b).Subnet.SubnetId
	var ids []string
	for len(ids) < count {
		rs := must(l.ec2.RunInstances(b.Context(), n.run(100)))(b)
		for _, i := range rs.Instances {
			ids = append(ids, *i.InstanceId)
		}
	}
	return l, n, ids
}

// raw sends a form without the SDK, whose decoding would be most of what is measured.
func raw(b testing.TB, l *lab, form url.Values) []byte {
	b.Helper()
	form.Set("Version", "2016-11-15")
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://lab/", strings.NewReader(form.Encode()))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIAANY/20260101/"+testRegion+"/ec2/aws4_request, SignedHeaders=host, Signature=00")
	resp, err := l.Transport().RoundTrip(req)
	if err != nil {
		b.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		b.Fatalf("%s: %s", resp.Status, body)
	}
	return body
}

func BenchmarkLaunch5000(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		l, _, ids := filled(b, fleet)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(ids)), "bytes/instance")
		runtime.KeepAlive(l)
	}
	b.ReportMetric(float64(fleet*b.N)/b.Elapsed().Seconds(), "instances/s")
}

// BenchmarkLaunch1000OnDisk is a launch of 1,000 nodes in ten calls with the state on disk.
func BenchmarkLaunch1000OnDisk(b *testing.B) {
	for b.Loop() {
		l := newLab(b, api.Options{Dir: b.TempDir(), Faults: api.Faults{Boot: &api.Range{}}})
		n := makeNetwork(b, l)
		for range 10 {
			must(l.ec2.RunInstances(b.Context(), n.run(100)))(b)
		}
	}
}

func BenchmarkDescribePage1000(b *testing.B) {
	l, _, _ := filled(b, fleet)
	for b.Loop() {
		body := raw(b, l, url.Values{"Action": {"DescribeInstances"}, "MaxResults": {"1000"}})
		b.SetBytes(int64(len(body)))
		if n := bytes.Count(body, []byte("<instanceId>")); n < 1000 {
			b.Fatalf("%d instances in a page of 1000", n)
		}
	}
}

func BenchmarkDescribeFiltered(b *testing.B) {
	l, _, ids := filled(b, fleet)
	for b.Loop() {
		p := ec2.NewDescribeInstancesPaginator(l.ec2, &ec2.DescribeInstancesInput{MaxResults: new(int32(1000)), Filters: []types.Filter{
			{Name: new("tag:cluster"), Values: []string{"lab"}}, {Name: new("instance-state-name"), Values: []string{"pending", "running"}},
		}})
		n := 0
		for p.HasMorePages() {
			page := must(p.NextPage(b.Context()))(b)
			for _, r := range page.Reservations {
				n += len(r.Instances)
			}
		}
		if n != len(ids) {
			b.Fatalf("%d instances, want %d", n, len(ids))
		}
	}
}

func BenchmarkTerminate5000(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		l, _, ids := filled(b, fleet)
		b.StartTimer()
		for len(ids) > 0 {
			n := min(len(ids), 1000)
			must(l.ec2.TerminateInstances(b.Context(), &ec2.TerminateInstancesInput{InstanceIds: ids[:n]}))(b)
			ids = ids[n:]
		}
	}
}

func BenchmarkRequests(b *testing.B) {
	l, n, _ := filled(b, 100)
	for _, c := range []struct {
		name string
		form url.Values
	}{
		{"DescribeVpcs", url.Values{"Action": {"DescribeVpcs"}, "VpcId.1": {n.vpc}}},
		{"DescribeInstances", url.Values{"Action": {"DescribeInstances"}, "Filter.1.Name": {"private-ip-address"}, "Filter.1.Value.1": {"10.88.0.4"}}},
		{"CreateTags", url.Values{"Action": {"CreateTags"}, "ResourceId.1": {n.vpc}, "Tag.1.Key": {"a"}, "Tag.1.Value": {"b"}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				raw(b, l, c.form)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}
