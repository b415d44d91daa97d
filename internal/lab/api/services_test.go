package api_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/clusterform/clusterform/internal/lab/api"
)

func putSecret(t testing.TB, l *lab, name, value string) *ssm.PutParameterOutput {
	t.Helper()
	return must(l.ssm.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: ssmtypes.ParameterTypeSecureString}))(t)
}

func getSecret(t testing.TB, l *lab, name string) string {
	t.Helper()
	return *must(l.ssm.GetParameter(t.Context(), &ssm.GetParameterInput{Name: &name, WithDecryption: new(true)}))(t).Parameter.Value
}

func TestParameters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := newLab(t, api.Options{Dir: dir})
	ctx := t.Context()
	putSecret(t, l, "/c/ca/key", "very secret value")
	sealed := *must(l.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: new("/c/ca/key")}))(t).Parameter.Value
	if strings.Contains(sealed, "secret") {
		t.Errorf("without decryption a SecureString reads %q", sealed)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "state.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "very secret") {
		t.Error("a SecureString is readable in the lab's state")
	}
	_, err = l.ssm.PutParameter(ctx, &ssm.PutParameterInput{Name: new("/c/ca/key"), Value: new("x"), Type: ssmtypes.ParameterTypeSecureString})
	wantCode(t, err, "ParameterAlreadyExists")
	v2 := must(l.ssm.PutParameter(ctx, &ssm.PutParameterInput{Name: new("/c/ca/key"), Value: new("two"), Overwrite: new(true)}))(t)
	if v2.Version != 2 {
		t.Errorf("version %d after overwriting once, want 2", v2.Version)
	}
	if got := *must(l.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: new("/c/ca/key:1"), WithDecryption: new(true)}))(t).Parameter.Value; got != "very secret value" {
		t.Errorf("version 1 is %q", got)
	}
	if got := len(must(l.ssm.GetParameterHistory(ctx, &ssm.GetParameterHistoryInput{Name: new("/c/ca/key")}))(t).Parameters); got != 2 {
		t.Errorf("%d versions in the history, want 2", got)
	}
	for _, name := range []string{"/c/a", "/c/b", "/c/deep/er"} {
		must(l.ssm.PutParameter(ctx, &ssm.PutParameterInput{Name: &name, Value: new("v"), Type: ssmtypes.ParameterTypeString}))(t)
	}
	count := func(in *ssm.GetParametersByPathInput) int {
		n := 0
		for p := ssm.NewGetParametersByPathPaginator(l.ssm, in); p.HasMorePages(); {
			n += len(must(p.NextPage(ctx))(t).Parameters)
		}
		return n
	}
	if got := count(&ssm.GetParametersByPathInput{Path: new("/c"), MaxResults: new(int32(1))}); got != 2 {
		t.Errorf("%d parameters directly below /c, want 2", got)
	}
	if got := count(&ssm.GetParametersByPathInput{Path: new("/c/"), Recursive: new(true), MaxResults: new(int32(2))}); got != 4 {
		t.Errorf("%d parameters below /c, want 4", got)
	}
	out := must(l.ssm.GetParameters(ctx, &ssm.GetParametersInput{Names: []string{"/c/a", "/nobody"}}))(t)
	if len(out.Parameters) != 1 || len(out.InvalidParameters) != 1 {
		t.Errorf("%d found and %d invalid, want 1 and 1", len(out.Parameters), len(out.InvalidParameters))
	}
	_, err = l.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: new("/nobody")})
	wantCode(t, err, "ParameterNotFound")
	must(l.ssm.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: new("/c/a")}))(t)
	_, err = l.ssm.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: new("/c/a")})
	wantCode(t, err, "ParameterNotFound")
	_, err = l.ssm.PutParameter(ctx, &ssm.PutParameterInput{Name: new("/c/big"), Value: new(strings.Repeat("x", 4097)), Type: ssmtypes.ParameterTypeString})
	wantCode(t, err, "ValidationException")
}

func TestPublicParametersNameImages(t *testing.T) {
	t.Parallel()
	l := newLab(t, api.Options{})
	for _, name := range []string{
		"/aws/service/debian/release/12/latest/amd64", "/aws/service/debian/release/13/latest/amd64",
		"/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id",
		"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
	} {
		id := *must(l.ssm.GetParameter(t.Context(), &ssm.GetParameterInput{Name: &name}))(t).Parameter.Value
		must(l.ec2.DescribeImages(t.Context(), &ec2.DescribeImagesInput{ImageIds: []string{id}}))(t)
	}
}

func TestPublicParametersOfTheLab(t *testing.T) {
	t.Parallel()
	const name = "/aws/service/clusterform/kubernetes/1.34.4"
	l := newLab(t, api.Options{PublicParameters: map[string]string{name: "pins"}})
	got := must(l.ssm.GetParameter(t.Context(), &ssm.GetParameterInput{Name: new(name)}))(t).Parameter
	if *got.Value != "pins" || got.Type != ssmtypes.ParameterTypeString || *got.ARN != "arn:aws:ssm:"+testRegion+"::parameter"+name {
		t.Errorf("got %s %s %s", *got.Value, got.Type, *got.ARN)
	}
	listed := must(l.ssm.GetParametersByPath(t.Context(), &ssm.GetParametersByPathInput{Path: new("/aws/service/clusterform"), Recursive: new(true)}))(t).Parameters
	if len(listed) != 1 || *listed[0].Name != name {
		t.Errorf("listed: %v", listed)
	}
	_, err := l.ssm.GetParameter(t.Context(), &ssm.GetParameterInput{Name: new("/aws/service/clusterform/kubernetes/1.1.1")})
	wantCode(t, err, "ParameterNotFound")
	_, err = l.ssm.PutParameter(t.Context(), &ssm.PutParameterInput{Name: new(name), Value: new("mine"), Type: ssmtypes.ParameterTypeString})
	wantCode(t, err, "AccessDeniedException")
}

const trustEC2 = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

func TestRolesAndProfiles(t *testing.T) {
	t.Parallel()
	l := newLab(t, api.Options{})
	ctx := t.Context()
	must(l.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: new("node"), AssumeRolePolicyDocument: new(trustEC2)}))(t)
	_, err := l.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: new("node"), AssumeRolePolicyDocument: new(trustEC2)})
	wantCode(t, err, "EntityAlreadyExists")
	if got := status(err); got != 409 {
		t.Errorf("HTTP status %d, want 409", got)
	}
	_, err = l.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: new("bad"), AssumeRolePolicyDocument: new("{")})
	wantCode(t, err, "MalformedPolicyDocument")
	must(l.iam.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: new("node")}))(t)
	must(l.iam.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: new("node"), RoleName: new("node")}))(t)
	must(l.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: new("node"), PolicyName: new("p"), PolicyDocument: new(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ssm:*","Resource":"*"}}`)}))(t)
	must(l.iam.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: new("node"), PolicyArn: new("arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore")}))(t)
	p := must(l.iam.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: new("node")}))(t)
	if len(p.InstanceProfile.Roles) != 1 || *p.InstanceProfile.Roles[0].RoleName != "node" {
		t.Errorf("the profile has the roles %v", p.InstanceProfile.Roles)
	}
	for _, step := range []func() error{
		func() error {
			_, err := l.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: new("node"), PolicyName: new("p")})
			return err
		},
		func() error {
			_, err := l.iam.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: new("node"), PolicyArn: new("arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore")})
			return err
		},
		func() error {
			_, err := l.iam.RemoveRoleFromInstanceProfile(ctx, &iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: new("node"), RoleName: new("node")})
			return err
		},
	} {
		_, err = l.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: new("node")})
		wantCode(t, err, "DeleteConflict")
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	must(l.iam.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: new("node")}))(t)
	_, err = l.iam.GetRole(ctx, &iam.GetRoleInput{RoleName: new("node")})
	wantCode(t, err, "NoSuchEntity")
}

func TestAssumedRoleMayDoWhatItsPoliciesSay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, api.Options{})
		ctx := t.Context()
		who := must(l.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}))(t)
		trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + *who.Account + `:root"},"Action":"sts:AssumeRole"}]}`
		role := must(l.iam.CreateRole(ctx, &iam.CreateRoleInput{RoleName: new("reader"), AssumeRolePolicyDocument: &trust}))(t)
		must(l.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: new("reader"), PolicyName: new("p"), PolicyDocument: new(`{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Action":["ssm:GetParameter*"],"Resource":"arn:aws:ssm:*:*:parameter/c/worker/*"},
			{"Effect":"Deny","Action":"ssm:*","Resource":"*/c/worker/hidden"},
			{"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"}]}`)}))(t)
		for _, name := range []string{"/c/worker/join", "/c/worker/hidden", "/c/control-plane/key"} {
			putSecret(t, l, name, "s")
		}
		got := must(l.sts.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: new("test"), DurationSeconds: new(int32(900))}))(t).Credentials
		r := l.as(*got.AccessKeyId, *got.SecretAccessKey, *got.SessionToken)

		if s := getSecret(t, r, "/c/worker/join"); s != "s" {
			t.Errorf("the role read %q", s)
		}
		for name, want := range map[string]string{"/c/worker/hidden": "AccessDeniedException", "/c/control-plane/key": "AccessDeniedException"} {
			_, err := r.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: new(true)})
			wantCode(t, err, want)
		}
		must(r.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{}))(t)
		_, err := r.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16")})
		wantCode(t, err, "UnauthorizedOperation")
		_, err = r.iam.ListRoles(ctx, &iam.ListRolesInput{})
		wantCode(t, err, "AccessDenied")

		time.Sleep(16 * time.Minute)
		_, err = r.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: new("/c/worker/join")})
		wantCode(t, err, "ExpiredTokenException")
		_, err = l.as(*got.AccessKeyId, *got.SecretAccessKey, *got.SessionToken+"AA").ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
		wantCode(t, err, "AuthFailure")
	})
}

func TestLoadBalancer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, api.Options{})
		n := makeNetwork(t, l)
		ctx := t.Context()
		inst := *must(l.ec2.RunInstances(ctx, n.run(1)))(t).Instances[0].InstanceId
		lb := must(l.elb.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: new("api"), Type: elbtypes.LoadBalancerTypeEnumNetwork, Subnets: []string{n.subnet}, Scheme: elbtypes.LoadBalancerSchemeEnumInternal}))(t).LoadBalancers[0]
		if lb.State.Code != elbtypes.LoadBalancerStateEnumProvisioning {
			t.Errorf("a new load balancer is %s, want provisioning", lb.State.Code)
		}
		tg := must(l.elb.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: new("api"), Protocol: elbtypes.ProtocolEnumTcp, Port: new(int32(6443)), VpcId: &n.vpc}))(t).TargetGroups[0]
		health := func() elbtypes.TargetHealthStateEnum {
			out := must(l.elb.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: tg.TargetGroupArn}))(t)
			if len(out.TargetHealthDescriptions) == 0 {
				return "none"
			}
			return out.TargetHealthDescriptions[0].TargetHealth.State
		}
		must(l.elb.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: tg.TargetGroupArn, Targets: []elbtypes.TargetDescription{{Id: &inst}}}))(t)
		if got := health(); got != elbtypes.TargetHealthStateEnumUnused {
			t.Errorf("a target without a listener is %s, want unused", got)
		}
		must(l.elb.CreateListener(ctx, &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Port: new(int32(6443)), Protocol: elbtypes.ProtocolEnumTcp, DefaultActions: []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: tg.TargetGroupArn}}}))(t)
		if got := health(); got != elbtypes.TargetHealthStateEnumInitial {
			t.Errorf("a new target is %s, want initial", got)
		}
		if err := elb.NewLoadBalancerAvailableWaiter(l.elb).Wait(ctx, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{*lb.LoadBalancerArn}}, time.Minute); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if got := health(); got != elbtypes.TargetHealthStateEnumHealthy {
			t.Errorf("the target is %s after 10 s, want healthy", got)
		}
		if err := l.Disturb(inst, api.PowerLoss); err != nil {
			t.Fatal(err)
		}
		if got := health(); got != elbtypes.TargetHealthStateEnumUnhealthy {
			t.Errorf("a target without power is %s, want unhealthy", got)
		}
		_, err := l.elb.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: tg.TargetGroupArn})
		wantCode(t, err, "ResourceInUse")
		must(l.elb.DeregisterTargets(ctx, &elb.DeregisterTargetsInput{TargetGroupArn: tg.TargetGroupArn, Targets: []elbtypes.TargetDescription{{Id: &inst}}}))(t)
		if got := health(); got != elbtypes.TargetHealthStateEnumDraining {
			t.Errorf("a deregistered target is %s, want draining", got)
		}
		time.Sleep(5*time.Minute + time.Second)
		if got := health(); got != "none" {
			t.Errorf("a drained target is %s, want gone", got)
		}
		must(l.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{inst}}))(t)
		time.Sleep(time.Minute)
		must(l.elb.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn}))(t)
		_, err = l.ec2.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &n.subnet})
		wantCode(t, err, "DependencyViolation") // its interfaces linger
		time.Sleep(10 * time.Second)
		must(l.ec2.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &n.subnet}))(t)
		must(l.elb.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: tg.TargetGroupArn}))(t)
	})
}
