package workload_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/bootstrap/userdata"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/swarm/client"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// site is a Swarm's place in a lab, made by hand: network, roles, parameters. It is also the Parameter Store.
type site struct {
	t             *testing.T
	ec2           *ec2.Client
	iam           *iam.Client
	ssm           *ssm.Client
	subnet, group string
	image, uid    string
	endpoint      string
	began         time.Time
	managers      []string
	private       map[string]string
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newSite(ctx context.Context, t *testing.T) *site {
	t.Helper()
	config := aws.Config{
		Region: os.Getenv("AWS_REGION"), BaseEndpoint: new(os.Getenv("AWS_ENDPOINT_URL")),
		Credentials: credentials.NewStaticCredentialsProvider(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
	}
	s := &site{
		t: t, ec2: ec2.NewFromConfig(config), iam: iam.NewFromConfig(config), ssm: ssm.NewFromConfig(config),
		uid: fmt.Sprintf("u%x", time.Now().UnixNano()), endpoint: os.Getenv("AWS_ENDPOINT_URL"), private: map[string]string{}, began: time.Now(),
	}
	s.network(ctx, config.Region)
	for _, part := range []string{"control-plane", "worker"} {
		name := part + "-" + s.uid
		must(s.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: new(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)}))(t)
		arn := "arn:aws:ssm:" + config.Region + ":*:parameter/clusterform/" + s.uid + "/" + part
		must(s.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: new("own"), PolicyDocument: new(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ssm:GetParameter","ssm:GetParameters","ssm:GetParametersByPath"],"Resource":["` + arn + `","` + arn + `/*"]}]}`)}))(t)
		must(s.iam.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: &name}))(t)
		must(s.iam.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: &name, RoleName: &name}))(t)
	}
	return s
}

func (s *site) network(ctx context.Context, region string) {
	t := s.t
	vpc := must(s.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new("10.78.0.0/16")}))(t).Vpc.VpcId
	gateway := must(s.ec2.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{}))(t).InternetGateway.InternetGatewayId
	must(s.ec2.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: gateway, VpcId: vpc}))(t)
	table := must(s.ec2.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: vpc}))(t).RouteTable.RouteTableId
	must(s.ec2.CreateRoute(ctx, &ec2.CreateRouteInput{RouteTableId: table, DestinationCidrBlock: new("0.0.0.0/0"), GatewayId: gateway}))(t)
	s.subnet = *must(s.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: vpc, CidrBlock: new("10.78.0.0/20"), AvailabilityZone: new(region + "a")}))(t).Subnet.SubnetId
	must(s.ec2.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: table, SubnetId: &s.subnet}))(t)
	must(s.ec2.ModifySubnetAttribute(ctx, &ec2.ModifySubnetAttributeInput{SubnetId: &s.subnet, MapPublicIpOnLaunch: &types.AttributeBooleanValue{Value: new(true)}}))(t)
	s.group = *must(s.ec2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: new("node"), Description: new("node"), VpcId: vpc}))(t).GroupId
	outside := func(port int32) types.IpPermission {
		return types.IpPermission{IpProtocol: new("tcp"), FromPort: &port, ToPort: &port, IpRanges: []types.IpRange{{CidrIp: new("0.0.0.0/0")}}}
	}
	must(s.ec2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &s.group, IpPermissions: []types.IpPermission{
		{IpProtocol: new("-1"), UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: &s.group}}}, outside(client.Port), outside(30080),
	}}))(t)
	images := must(s.ec2.DescribeImages(ctx, &ec2.DescribeImagesInput{Filters: []types.Filter{{Name: new("name"), Values: []string{"lab-debian-12-*"}}}}))(t).Images
	s.image = *images[0].ImageId
}

func (s *site) path(name string) string { return "/clusterform/" + s.uid + "/" + name }

func (s *site) Get(ctx context.Context, names ...string) (map[string]string, error) {
	out := map[string]string{}
	for _, name := range names {
		got, err := s.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: new(s.path(name)), WithDecryption: new(true)})
		if missing := (*ssmtypes.ParameterNotFound)(nil); errors.As(err, &missing) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out[name] = *got.Parameter.Value
	}
	return out, nil
}

func (s *site) Put(ctx context.Context, name, value string) error {
	_, err := s.ssm.PutParameter(ctx, &ssm.PutParameterInput{Name: new(s.path(name)), Value: &value, Type: ssmtypes.ParameterTypeSecureString, Overwrite: new(true)})
	return err
}

func (s *site) Create(context.Context, string, string) (bool, error) {
	return false, errors.New("not needed here")
}

func (s *site) List(context.Context) ([]string, error) { return nil, errors.New("not needed here") }

func (s *site) Delete(ctx context.Context, names ...string) error {
	for _, name := range names {
		_, err := s.ssm.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: new(s.path(name))})
		if missing := (*ssmtypes.ParameterNotFound)(nil); err != nil && !errors.As(err, &missing) {
			return err
		}
	}
	return nil
}

// launch starts nodes of a role with the user-data that clusterform makes.
func (s *site) launch(ctx context.Context, role string, n int) []string {
	s.t.Helper()
	part := strings.ReplaceAll(role, "_", "-")
	c := &hclconfig.Cluster{Orchestrator: hclconfig.Swarm, Region: "us-east-1"}
	c.Name = "prod"
	c.Network.Overlay = hclconfig.Overlay{PodCIDR: "10.244.0.0/16"}
	text := must(userdata.Render(planner.NodeSetup{Cluster: c, UID: s.uid, Role: role, Pool: part, Endpoint: s.endpoint}))(s.t)
	out := must(s.ec2.RunInstances(ctx, &ec2.RunInstancesInput{
		MinCount: new(int32(n)), MaxCount: new(int32(n)), ImageId: &s.image, InstanceType: types.InstanceTypeT3Medium,
		SubnetId: &s.subnet, SecurityGroupIds: []string{s.group}, UserData: new(base64.StdEncoding.EncodeToString([]byte(text))),
		IamInstanceProfile: &types.IamInstanceProfileSpecification{Name: new(part + "-" + s.uid)},
		MetadataOptions:    &types.InstanceMetadataOptionsRequest{HttpTokens: types.HttpTokensStateRequired, HttpPutResponseHopLimit: new(int32(1))},
	}))(s.t)
	var ids []string
	for _, i := range out.Instances {
		ids = append(ids, *i.InstanceId)
		s.private[*i.InstanceId] = *i.PrivateIpAddress
	}
	if role == "control_plane" {
		s.managers = append(s.managers, ids...)
		s.endpoints(ctx)
	}
	return ids
}

func (s *site) hosts() []string {
	var out []string
	for _, id := range s.managers {
		out = append(out, s.private[id])
	}
	return out
}

func (s *site) endpoints(ctx context.Context) {
	for _, part := range []string{"control-plane", "worker"} {
		if err := s.Put(ctx, part+"/endpoints", strings.Join(s.hosts(), ",")); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *site) console(ctx context.Context, id string) string {
	out := must(s.ec2.GetConsoleOutput(ctx, &ec2.GetConsoleOutputInput{InstanceId: &id, Latest: new(true)}))(s.t)
	return string(must(base64.StdEncoding.DecodeString(aws.ToString(out.Output)))(s.t))
}

// ready waits until the Swarm has these instances as members that are ready, admitting them meanwhile.
func (s *site) ready(ctx context.Context, c orchestrator.Client, ids ...string) []orchestrator.Member {
	s.t.Helper()
	for deadline := time.Now().Add(100 * time.Second); ; time.Sleep(500 * time.Millisecond) {
		err := c.Admit(ctx)
		var members []orchestrator.Member
		if err == nil {
			members, err = c.Members(ctx)
		}
		if !slices.ContainsFunc(ids, func(id string) bool {
			return !slices.ContainsFunc(members, func(m orchestrator.Member) bool { return m.Instance == id && m.Ready })
		}) {
			s.t.Logf("%d members are ready after %s", len(members), time.Since(s.began).Round(100*time.Millisecond))
			return members
		}
		if time.Now().After(deadline) {
			for _, id := range ids {
				s.t.Logf("%s:\n%s", id, s.console(ctx, id))
			}
			s.t.Fatalf("not ready: %v %+v", err, members)
		}
	}
}

type connector struct{ c orchestrator.Client }

func (c connector) Client(context.Context, resource.Runtime, resource.Address) (orchestrator.Client, error) {
	return c.c, nil
}

// get asks a web server until it answers, for a minute.
func get(t *testing.T, url string) string {
	t.Helper()
	var last error
	for range 60 {
		r, err := (&http.Client{Timeout: 2 * time.Second}).Get(url)
		if err == nil {
			body, readErr := io.ReadAll(r.Body)
			r.Body.Close()
			if readErr == nil && r.StatusCode == http.StatusOK {
				return string(body)
			}
			err = fmt.Errorf("HTTP %d: %s", r.StatusCode, body)
		}
		last = err
		time.Sleep(time.Second)
	}
	t.Fatalf("%s: %v", url, last)
	return ""
}
