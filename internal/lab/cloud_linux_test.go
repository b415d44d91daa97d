package lab_test

import (
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// cloud is the lab as the AWS SDK sees it.
type cloud struct {
	t        *testing.T
	endpoint string
	ec2      *ec2.Client
	elb      *elb.Client
	iam      *iam.Client
	ssm      *ssm.Client
}

// cloud connects with the keys of `lab env`.
func (l *lab) cloud() *cloud {
	l.t.Helper()
	env := l.env()
	c := connect(env["AWS_ENDPOINT_URL"], env["AWS_REGION"], env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], "")
	c.t = l.t
	return c
}

func connect(endpoint, region, id, secret, session string) *cloud {
	config := aws.Config{
		Region: region, BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider(id, secret, session),
		HTTPClient: &http.Client{Timeout: time.Minute},
	}
	return &cloud{
		endpoint: endpoint, ec2: ec2.NewFromConfig(config), elb: elb.NewFromConfig(config), iam: iam.NewFromConfig(config), ssm: ssm.NewFromConfig(config),
	}
}

// must is for a call whose failure ends the test.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// site is the network of the story: two subnets of which machines get public addresses.
type site struct {
	vpc, image    string
	subnets       [2]string
	gateway       string
	web, node     string // security groups
	profile, role string
}

const (
	siteRange    = "10.77.0.0/16"
	ownParameter = "/story/own"
	notOwn       = "/story/other"
)

// build makes the site.
func (c *cloud) build(ctx context.Context) *site {
	t := c.t
	t.Helper()
	s := &site{role: "story-node", profile: "story-node"}
	s.vpc = *must(c.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new(siteRange)}))(t).Vpc.VpcId
	s.gateway = *must(c.ec2.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{}))(t).InternetGateway.InternetGatewayId
	must(c.ec2.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: &s.gateway, VpcId: &s.vpc}))(t)
	table := must(c.ec2.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: &s.vpc}))(t).RouteTable.RouteTableId
	must(c.ec2.CreateRoute(ctx, &ec2.CreateRouteInput{RouteTableId: table, DestinationCidrBlock: new("0.0.0.0/0"), GatewayId: &s.gateway}))(t)
	for n, zone := range []string{"us-east-1a", "us-east-1b"} {
		block := []string{"10.77.0.0/20", "10.77.16.0/20"}[n]
		s.subnets[n] = *must(c.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: &s.vpc, CidrBlock: &block, AvailabilityZone: &zone}))(t).Subnet.SubnetId
		must(c.ec2.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: table, SubnetId: &s.subnets[n]}))(t)
		must(c.ec2.ModifySubnetAttribute(ctx, &ec2.ModifySubnetAttributeInput{
			SubnetId: &s.subnets[n], MapPublicIpOnLaunch: &types.AttributeBooleanValue{Value: new(true)},
		}))(t)
	}
	s.web = c.group(ctx, s.vpc, "web", ports(80, "0.0.0.0/0"))
	// The balancer's connections come from its address in the VPC.
	s.node = c.group(ctx, s.vpc, "node", ports(8080, siteRange))
	must(c.ec2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &s.node, IpPermissions: []types.IpPermission{{
		IpProtocol: new("-1"), UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: &s.node}},
	}}}))(t)
	images := must(c.ec2.DescribeImages(ctx, &ec2.DescribeImagesInput{Filters: []types.Filter{{Name: new("name"), Values: []string{"lab-debian-12-*"}}}}))(t).Images
	if len(images) != 1 {
		t.Fatalf("%d images of Debian 12, want 1", len(images))
	}
	s.image = *images[0].ImageId
	c.nodeRole(ctx, s)
	return s
}

func (c *cloud) group(ctx context.Context, vpc, name string, ingress types.IpPermission) string {
	c.t.Helper()
	id := must(c.ec2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: &name, Description: &name, VpcId: &vpc}))(c.t).GroupId
	must(c.ec2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: id, IpPermissions: []types.IpPermission{ingress}}))(c.t)
	return *id
}

func ports(port int32, from string) types.IpPermission {
	return types.IpPermission{IpProtocol: new("tcp"), FromPort: &port, ToPort: &port, IpRanges: []types.IpRange{{CidrIp: &from}}}
}

// nodeRole makes a role that may read one parameter, and both parameters.
func (c *cloud) nodeRole(ctx context.Context, s *site) {
	c.t.Helper()
	must(c.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &s.role, AssumeRolePolicyDocument: new(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)}))(c.t)
	must(c.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &s.role, PolicyName: new("own"), PolicyDocument: new(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ssm:GetParameter","Resource":"arn:aws:ssm:*:*:parameter` + ownParameter + `"}]}`)}))(c.t)
	must(c.iam.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: &s.profile}))(c.t)
	must(c.iam.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: &s.profile, RoleName: &s.role}))(c.t)
}

// launch runs one instance. Its disk, hop limit and tokens are AWS's defaults but for tokens, which are required.
func (c *cloud) launch(ctx context.Context, s *site, name, subnet, group, userData string) string {
	c.t.Helper()
	out := must(c.ec2.RunInstances(ctx, &ec2.RunInstancesInput{
		MinCount: new(int32(1)), MaxCount: new(int32(1)), ImageId: &s.image, InstanceType: types.InstanceTypeT3Medium,
		SubnetId: &subnet, SecurityGroupIds: []string{group}, ClientToken: &name,
		UserData:           new(base64.StdEncoding.EncodeToString([]byte(userData))),
		IamInstanceProfile: &types.IamInstanceProfileSpecification{Name: &s.profile},
		MetadataOptions:    &types.InstanceMetadataOptionsRequest{HttpTokens: types.HttpTokensStateRequired},
		TagSpecifications:  []types.TagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: []types.Tag{{Key: new("Name"), Value: &name}}}},
	}))(c.t)
	return *out.Instances[0].InstanceId
}

func (c *cloud) describe(ctx context.Context, id string) types.Instance {
	c.t.Helper()
	out := must(c.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}}))(c.t)
	return out.Reservations[0].Instances[0]
}

// checks is the instance's status as DescribeInstanceStatus has it: ok, impaired, …
func (c *cloud) checks(ctx context.Context, id string) types.SummaryStatus {
	c.t.Helper()
	out := must(c.ec2.DescribeInstanceStatus(ctx, &ec2.DescribeInstanceStatusInput{InstanceIds: []string{id}}))(c.t)
	if len(out.InstanceStatuses) != 1 {
		return ""
	}
	return out.InstanceStatuses[0].InstanceStatus.Status
}

func (c *cloud) console(ctx context.Context, id string) string {
	c.t.Helper()
	out := must(c.ec2.GetConsoleOutput(ctx, &ec2.GetConsoleOutputInput{InstanceId: &id, Latest: new(true)}))(c.t)
	text, err := base64.StdEncoding.DecodeString(aws.ToString(out.Output))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(text)
}

// connects tells whether something on this host's side of the network reaches an address.
func connects(address string) bool {
	conn, err := net.DialTimeout("tcp", address, 2*time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// get is what a server says to this host, empty when there is none.
func get(url string) string {
	client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		return ""
	}
	defer func() { _ = answer.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<16))
	return string(body)
}
