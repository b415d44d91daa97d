//go:build linux

package machines_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// getenv is a variable of the world's processes; the last one counts.
func (w *world) getenv(name string) string {
	for _, kv := range slices.Backward(w.env) {
		if k, v, ok := strings.Cut(kv, "="); ok && k == name {
			return v
		}
	}
	return ""
}

// aws is the way to the lab's endpoint with the lab's keys.
func (w *world) aws() aws.Config {
	return aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String(w.getenv("AWS_ENDPOINT_URL")),
		Credentials: credentials.NewStaticCredentialsProvider(w.getenv("AWS_ACCESS_KEY_ID"), w.getenv("AWS_SECRET_ACCESS_KEY"), w.getenv("AWS_SESSION_TOKEN")),
	}
}

// running are the instances that run or are about to.
func (w *world) running() []types.Instance {
	out, err := ec2.NewFromConfig(w.aws()).DescribeInstances(w.Context(), &ec2.DescribeInstancesInput{
		Filters: []types.Filter{{Name: aws.String("instance-state-name"), Values: []string{"pending", "running"}}},
	})
	if err != nil {
		return nil // asked again by who waits
	}
	var all []types.Instance
	for _, r := range out.Reservations {
		all = append(all, r.Instances...)
	}
	return all
}

// leftovers lists what is on the endpoint besides what every account has.
func (w *world) leftovers(t *testing.T) []string {
	t.Helper()
	ctx, cfg := t.Context(), w.aws()
	var left []string
	note := func(format string, args ...any) { left = append(left, fmt.Sprintf(format, args...)) }
	fatal := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, i := range w.running() {
		note("instance %s", aws.ToString(i.InstanceId))
	}
	compute := ec2.NewFromConfig(cfg)
	vpcs, err := compute.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: []types.Filter{{Name: aws.String("is-default"), Values: []string{"false"}}}})
	fatal(err)
	for _, v := range vpcs.Vpcs {
		note("VPC %s", aws.ToString(v.VpcId))
	}
	addresses, err := compute.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{})
	fatal(err)
	for _, a := range addresses.Addresses {
		note("address %s", aws.ToString(a.PublicIp))
	}
	volumes, err := compute.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{})
	fatal(err)
	for _, v := range volumes.Volumes {
		note("volume %s", aws.ToString(v.VolumeId))
	}
	balancers, err := elb.NewFromConfig(cfg).DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{})
	fatal(err)
	for _, b := range balancers.LoadBalancers {
		note("load balancer %s", aws.ToString(b.LoadBalancerName))
	}
	roles, err := iam.NewFromConfig(cfg).ListRoles(ctx, &iam.ListRolesInput{})
	fatal(err)
	for _, r := range roles.Roles {
		note("role %s", aws.ToString(r.RoleName))
	}
	parameters, err := ssm.NewFromConfig(cfg).DescribeParameters(ctx, &ssm.DescribeParametersInput{})
	fatal(err)
	for _, p := range parameters.Parameters {
		note("parameter %s", aws.ToString(p.Name))
	}
	return left
}
