package aws

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/clusterform/clusterform/planner/resource"
)

// Console returns what an instance wrote to its console last, at most 64 KiB; "" when there is nothing yet. It is text from
// outside: control characters are still in it.
func (c *Cloud) Console(ctx context.Context, regionName, instanceID string) (string, error) {
	r, err := c.region(ctx, regionName)
	if err != nil {
		return "", err
	}
	in := &ec2.GetConsoleOutputInput{InstanceId: &instanceID, Latest: new(true)}
	out, err := r.ec2.GetConsoleOutput(ctx, in)
	if isCode(err, "UnsupportedOperation", "InvalidParameterCombination", "InvalidParameterValue", "UnknownParameter") {
		in.Latest = nil // older instance types and endpoints only keep the output of the boot
		out, err = r.ec2.GetConsoleOutput(ctx, in)
	}
	if err != nil {
		return "", describe(err, "", instanceID)
	}
	text, err := base64.StdEncoding.DecodeString(sdk.ToString(out.Output))
	if err != nil {
		return "", &resource.Error{Op: "ec2:GetConsoleOutput", ID: instanceID, Message: "the console output is not base64", Err: err}
	}
	return string(text), nil
}

// Machine is an instance as EC2 shows it now.
type Machine struct {
	ID, PrivateIP, PublicIP string
	// State is EC2's word: "pending", "running", "stopping" or "stopped".
	State string
}

// Machines lists the instances of a pool that are not on their way out, by id: one call for a thousand.
func (c *Cloud) Machines(ctx context.Context, regionName, uid string, pool resource.Address) ([]Machine, error) {
	r, err := c.region(ctx, regionName)
	if err != nil {
		return nil, err
	}
	all, err := r.instances(ctx, filter("tag:"+resource.TagCluster, uid), filter("tag:"+resource.TagAddress, string(pool)),
		filter("instance-state-name", "pending", "running", "stopping", "stopped"))
	if err != nil {
		return nil, describe(err, pool, "")
	}
	out := make([]Machine, 0, len(all))
	for _, i := range all {
		out = append(out, Machine{ID: sdk.ToString(i.InstanceId), PrivateIP: sdk.ToString(i.PrivateIpAddress), PublicIP: sdk.ToString(i.PublicIpAddress), State: string(stateOf(i))})
	}
	slices.SortFunc(out, func(a, b Machine) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// Impaired returns the running instances of a region that fail EC2's status checks, with the time since when, zero where
// that is not told. It asks for the failing ones alone, so that it is one call however many there are.
func (c *Cloud) Impaired(ctx context.Context, regionName string) (map[string]time.Time, error) {
	r, err := c.region(ctx, regionName)
	if err != nil {
		return nil, err
	}
	out := map[string]time.Time{}
	pages := ec2.NewDescribeInstanceStatusPaginator(r.ec2, &ec2.DescribeInstanceStatusInput{
		Filters: []types.Filter{filter("instance-status.status", string(types.SummaryStatusImpaired))}, MaxResults: new(int32(1000)),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, describe(err, "", "")
		}
		for _, s := range page.InstanceStatuses {
			var since time.Time
			for _, summary := range []*types.InstanceStatusSummary{s.InstanceStatus, s.SystemStatus} {
				if summary == nil {
					continue
				}
				for _, d := range summary.Details {
					if d.ImpairedSince != nil && (since.IsZero() || d.ImpairedSince.Before(since)) {
						since = *d.ImpairedSince
					}
				}
			}
			out[sdk.ToString(s.InstanceId)] = since
		}
	}
	return out, nil
}

// BalancerAddresses are the addresses that a load balancer's zones have, as far as the service tells.
func (c *Cloud) BalancerAddresses(ctx context.Context, regionName, arn string) ([]string, error) {
	r, err := c.region(ctx, regionName)
	if err != nil {
		return nil, err
	}
	out, err := r.elb.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{arn}})
	if err != nil {
		return nil, describe(err, "", arn)
	}
	var addresses []string
	for _, lb := range out.LoadBalancers {
		for _, z := range lb.AvailabilityZones {
			for _, a := range z.LoadBalancerAddresses {
				for _, ip := range []*string{a.IpAddress, a.PrivateIPv4Address} {
					if sdk.ToString(ip) != "" {
						addresses = append(addresses, *ip)
					}
				}
			}
		}
	}
	return addresses, nil
}
