package userdata_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/bootstrap/pki"
	"github.com/clusterform/clusterform/internal/bootstrap/userdata"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// site is a cluster's place in a lab, made by hand: network, roles, parameters.
type site struct {
	t              *testing.T
	ec2            *ec2.Client
	iam            *iam.Client
	ssm            *ssm.Client
	subnet, group  string
	image, uid     string
	endpoint       string
	software       *resource.Software
	version        string
	began          time.Time
	controlPlanes  []string
	privateAddress map[string]string
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

func newSite(ctx context.Context, t *testing.T, config aws.Config) *site {
	t.Helper()
	s := &site{
		t: t, ec2: ec2.NewFromConfig(config), iam: iam.NewFromConfig(config), ssm: ssm.NewFromConfig(config),
		uid: fmt.Sprintf("u%x", time.Now().Unix()), endpoint: *config.BaseEndpoint, privateAddress: map[string]string{},
	}
	vpc := must(s.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new("10.77.0.0/16")}))(t).Vpc.VpcId
	gateway := must(s.ec2.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{}))(t).InternetGateway.InternetGatewayId
	must(s.ec2.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: gateway, VpcId: vpc}))(t)
	table := must(s.ec2.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: vpc}))(t).RouteTable.RouteTableId
	must(s.ec2.CreateRoute(ctx, &ec2.CreateRouteInput{RouteTableId: table, DestinationCidrBlock: new("0.0.0.0/0"), GatewayId: gateway}))(t)
	s.subnet = *must(s.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: vpc, CidrBlock: new("10.77.0.0/20"), AvailabilityZone: new(config.Region + "a")}))(t).Subnet.SubnetId
	must(s.ec2.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: table, SubnetId: &s.subnet}))(t)
	must(s.ec2.ModifySubnetAttribute(ctx, &ec2.ModifySubnetAttributeInput{SubnetId: &s.subnet, MapPublicIpOnLaunch: &types.AttributeBooleanValue{Value: new(true)}}))(t)
	s.group = *must(s.ec2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: new("node"), Description: new("node"), VpcId: vpc}))(t).GroupId
	must(s.ec2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &s.group, IpPermissions: []types.IpPermission{
		{IpProtocol: new("-1"), UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: &s.group}}},
		{IpProtocol: new("tcp"), FromPort: new(int32(6443)), ToPort: new(int32(6443)), IpRanges: []types.IpRange{{CidrIp: new("0.0.0.0/0")}}},
	}}))(t)
	images := must(s.ec2.DescribeImages(ctx, &ec2.DescribeImagesInput{Filters: []types.Filter{{Name: new("name"), Values: []string{cmp.Or(os.Getenv("CLUSTERFORM_TEST_IMAGE"), "lab-debian-12-*")}}}}))(t).Images
	s.image = *images[0].ImageId
	for _, role := range []string{"control-plane", "worker"} {
		must(s.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &role, AssumeRolePolicyDocument: new(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)}))(t)
		arn := "arn:aws:ssm:" + config.Region + ":*:parameter/clusterform/" + s.uid + "/" + role
		must(s.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &role, PolicyName: new("own"), PolicyDocument: new(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ssm:GetParameter","ssm:GetParameters","ssm:GetParametersByPath"],"Resource":["` + arn + `","` + arn + `/*"]}]}`)}))(t)
		must(s.iam.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: &role}))(t)
		must(s.iam.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: &role, RoleName: &role}))(t)
	}
	parameters := must(pki.KubernetesCredentials(time.Now()))(t)
	maps.Copy(parameters, map[string]string{
		"control-plane/join": "abcdef.0123456789abcdef", "worker/join": "abcdef.0123456789abcdef", "control-plane/names": "api.example.com,198.18.0.9",
		"worker/pool/worker": `{"labels":{"tier":"web","node-role.kubernetes.io/web":""},"taints":[]}`,
	})
	for name, value := range parameters {
		s.put(ctx, name, value)
	}
	return s
}

func (s *site) pins(ctx context.Context, version string) {
	s.t.Helper()
	s.version = version
	out := must(s.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: new("/aws/service/clusterform/kubernetes/" + version)}))(s.t)
	s.software = &resource.Software{}
	if err := json.Unmarshal([]byte(*out.Parameter.Value), s.software); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) put(ctx context.Context, name, value string) {
	s.t.Helper()
	must(s.ssm.PutParameter(ctx, &ssm.PutParameterInput{
		Name: new("/clusterform/" + s.uid + "/" + name), Value: &value, Type: ssmtypes.ParameterTypeSecureString, Overwrite: new(true),
	}))(s.t)
}

func (s *site) launch(ctx context.Context, role string, n int) []string {
	s.t.Helper()
	part := strings.ReplaceAll(role, "_", "-")
	c := &hclconfig.Cluster{Orchestrator: hclconfig.Kubernetes, Version: s.version, Region: "us-east-1"}
	c.Name = "prod"
	c.Network.Overlay = hclconfig.Overlay{Backend: "vxlan", PodCIDR: "10.244.0.0/16", ServiceCIDR: "10.96.0.0/12"}
	text := must(userdata.Render(planner.NodeSetup{Cluster: c, UID: s.uid, Role: role, Pool: part, Software: s.software, Endpoint: s.endpoint}))(s.t)
	out := must(s.ec2.RunInstances(ctx, &ec2.RunInstancesInput{
		MinCount: new(int32(n)), MaxCount: new(int32(n)), ImageId: &s.image, InstanceType: types.InstanceTypeT3Medium,
		SubnetId: &s.subnet, SecurityGroupIds: []string{s.group}, UserData: new(base64.StdEncoding.EncodeToString([]byte(text))),
		IamInstanceProfile: &types.IamInstanceProfileSpecification{Name: &part},
		MetadataOptions:    &types.InstanceMetadataOptionsRequest{HttpTokens: types.HttpTokensStateRequired, HttpPutResponseHopLimit: new(int32(1))},
	}))(s.t)
	var ids []string
	for _, i := range out.Instances {
		ids = append(ids, *i.InstanceId)
		s.privateAddress[*i.InstanceId] = *i.PrivateIpAddress
	}
	return ids
}

// endpoints tells all nodes where the control plane is.
func (s *site) endpoints(ctx context.Context) {
	s.t.Helper()
	var addresses []string
	for _, id := range s.controlPlanes {
		addresses = append(addresses, s.privateAddress[id])
	}
	for _, role := range []string{"control-plane", "worker"} {
		s.put(ctx, role+"/endpoints", strings.Join(addresses, ","))
	}
}

// await waits for a line on the console of each node.
func (s *site) await(ctx context.Context, ids []string, line string, patience time.Duration) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for _, id := range ids {
		for {
			out := must(s.ec2.GetConsoleOutput(ctx, &ec2.GetConsoleOutputInput{InstanceId: &id, Latest: new(true)}))(s.t)
			text := must(base64.StdEncoding.DecodeString(aws.ToString(out.Output)))(s.t)
			if strings.Contains(string(text), line) {
				s.t.Logf("%s: %q after %s", id, line, time.Since(s.began).Round(100*time.Millisecond))
				break
			}
			if time.Now().After(deadline) || strings.Contains(string(text), "clusterform: failed") {
				s.t.Fatalf("%s does not say %q; its console:\n%s", id, line, text)
			}
			time.Sleep(200 * time.Millisecond)
		}
	}
}
