package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/clusterform/clusterform/internal/lab/api"
)

func TestSignatures(t *testing.T) {
	t.Parallel()
	l := newLab(t, api.Options{Keys: []api.Key{{AccessKeyID: "AKIALAB", SecretAccessKey: "right"}}})
	for _, c := range []struct {
		name, id, secret string
		ec2, iam, ssm    string
	}{
		{"the right key", "AKIALAB", "right", "", "", ""},
		{"a wrong secret", "AKIALAB", "wrong", "SignatureDoesNotMatch", "SignatureDoesNotMatch", "InvalidSignatureException"},
		{"an unknown key", "AKIAWHO", "right", "AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := l.as(c.id, c.secret, "")
			_, err := o.ec2.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
			wantCode(t, err, c.ec2)
			_, err = o.iam.ListRoles(t.Context(), &iam.ListRolesInput{})
			wantCode(t, err, c.iam)
			_, err = o.ssm.DescribeParameters(t.Context(), &ssm.DescribeParametersInput{})
			wantCode(t, err, c.ssm)
		})
	}
}

func TestAnyKeyIsAcceptedOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	l := newLab(t, api.Options{AcceptAnyKey: true}).as("test", "test", "")
	if got := *must(l.sts.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}))(t).Arn; !strings.HasSuffix(got, ":root") {
		t.Errorf("an unknown key is %s, want root", got)
	}
}

func TestScopeDecidesOnServiceAndRegion(t *testing.T) {
	t.Parallel()
	l := newLab(t, api.Options{})
	k := l.Keys()[0]
	cfg := aws.Config{
		Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider(k.AccessKeyID, k.SecretAccessKey, ""),
		HTTPClient: &http.Client{Transport: l.Transport()}, BaseEndpoint: new("http://lab"),
	}
	_, err := ec2.NewFromConfig(cfg).DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
	wantCode(t, err, "SignatureDoesNotMatch")
	if err == nil || !strings.Contains(err.Error(), testRegion) {
		t.Errorf("%v does not name the region that the lab serves", err)
	}
	must(iam.NewFromConfig(cfg).ListRoles(t.Context(), &iam.ListRolesInput{}))(t) // IAM is the same everywhere
}

func TestRawRequests(t *testing.T) {
	t.Parallel()
	l := newLab(t, api.Options{AcceptAnyKey: true})
	scope := func(service string) string {
		return "AWS4-HMAC-SHA256 Credential=AKIAANY/20260101/" + testRegion + "/" + service + "/aws4_request, SignedHeaders=host, Signature=00"
	}
	for _, c := range []struct {
		name, auth, body, target string
		status                   int
		want                     string
	}{
		{"no signature", "", "Action=DescribeVpcs", "", 403, "MissingAuthenticationToken"},
		{"half a signature", "AWS4-HMAC-SHA256 Credential=x", "Action=DescribeVpcs", "", 400, "IncompleteSignature"},
		{"another scheme", "Basic abc", "Action=DescribeVpcs", "", 400, "IncompleteSignature"},
		{"a service the lab does not have", scope("s3"), "Action=DescribeVpcs", "", 403, "SignatureDoesNotMatch"},
		{"an unknown action", scope("ec2"), "Action=MakeCoffee", "", 400, "<Code>InvalidAction</Code>"},
		{"an unknown action of IAM", scope("iam"), "Action=MakeCoffee", "", 400, "<Type>Sender</Type><Code>InvalidAction</Code>"},
		{"an unknown operation of SSM", scope("ssm"), "{}", "AmazonSSM.MakeCoffee", 400, `"__type":"UnknownOperationException"`},
		{"no action", scope("ec2"), "", "", 400, "MissingAction"},
		{"a parameter that is missing", scope("ec2"), "Action=RunInstances&MinCount=1", "", 400, "MissingParameter"},
		{"a parameter of the wrong type", scope("ec2"), "Action=RunInstances&MinCount=one&MaxCount=1", "", 400, "InvalidParameterValue"},
		{"a parameter nobody knows", scope("ec2"), "Action=DescribeVpcs&Colour=red", "", 400, "UnknownParameter"},
		{"a parameter twice", scope("ec2"), "Action=DescribeVpcs&VpcId.1=a&VpcId.1=b", "", 400, "MalformedQueryString"},
		{"bad escapes", scope("ec2"), "Action=DescribeVpcs&VpcId.1=%zz", "", 400, "MalformedQueryString"},
		{"bytes that are no text", scope("ec2"), "Action=DescribeVpcs&VpcId.1=%ff%fe", "", 400, "MalformedQueryString"},
		{"a deep name", scope("ec2"), "Action=DescribeVpcs&" + strings.Repeat("a.", 5000) + "a=1", "", 400, "MalformedQueryString"},
		{"many parameters", scope("ec2"), "Action=DescribeVpcs" + strings.Repeat("&a=1", 20000), "", 400, "MalformedQueryString"},
		{"a large body", scope("ec2"), "Action=DescribeVpcs&a=" + strings.Repeat("x", 1<<20), "", 413, "RequestEntityTooLarge"},
		{"JSON that is none", scope("ssm"), "{", "AmazonSSM.GetParameter", 400, "SerializationException"},
		{"JSON of the wrong type", scope("ssm"), `{"Name": 5}`, "AmazonSSM.GetParameter", 400, "SerializationException"},
		{"JSON in depth", scope("ssm"), `{"Name":` + strings.Repeat("[", 100000), "AmazonSSM.GetParameter", 400, "SerializationException"},
		{"control characters in an id", scope("ec2"), "Action=DeleteVpc&VpcId=%1b%5b31m%3cb%3e", "", 400, "\uFFFD[31m&lt;b&gt;"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://lab/", strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if c.auth != "" {
				req.Header.Set("Authorization", c.auth)
			}
			req.Header.Set("X-Amz-Target", c.target)
			resp, err := l.Transport().RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != c.status || !strings.Contains(string(body), c.want) {
				t.Errorf("%d %.300s\nwant %d and %s", resp.StatusCode, body, c.status, c.want)
			}
		})
	}
}

func TestOverARealConnection(t *testing.T) {
	t.Parallel()
	l := newLab(t, api.Options{})
	srv := httptest.NewServer(l)
	t.Cleanup(srv.Close)
	k := l.Keys()[0]
	cfg := aws.Config{Region: testRegion, Credentials: credentials.NewStaticCredentialsProvider(k.AccessKeyID, k.SecretAccessKey, ""), BaseEndpoint: &srv.URL, HTTPClient: srv.Client()}
	c := ec2.NewFromConfig(cfg, func(o *ec2.Options) { o.RetryMaxAttempts = 1 })
	must(c.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: new("10.1.0.0/16")}))(t)
	if err := l.SetFaults(api.Faults{LoseResponse: api.Chance{Next: 1}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: new("10.2.0.0/16")}); err == nil || status(err) != 0 {
		t.Errorf("a lost response over HTTP: %v, want a connection that broke", err)
	}
	if got := len(must(c.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{}))(t).Vpcs); got != 3 {
		t.Errorf("%d VPCs, want the default one and two", got)
	}
}
