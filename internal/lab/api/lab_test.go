package api_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/clusterform/clusterform/internal/lab/api"
)

const testRegion = "ap-northeast-2"

// lab is a server with clients of the AWS SDK that talk to it in memory.
type lab struct {
	*api.Server
	ec2 *ec2.Client
	elb *elb.Client
	iam *iam.Client
	ssm *ssm.Client
	sts *sts.Client
}

// newLab makes a server that is closed with the test. Tests that look at time run it in a synctest bubble.
func newLab(t testing.TB, opt api.Options) *lab {
	t.Helper()
	if opt.Region == "" {
		opt.Region = testRegion
	}
	if opt.Seed == 0 {
		opt.Seed = 1
	}
	s, err := api.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the lab: %v", err)
		}
	})
	k := s.Keys()[0]
	return clients(s, credentials.NewStaticCredentialsProvider(k.AccessKeyID, k.SecretAccessKey, ""))
}

func clients(s *api.Server, cred aws.CredentialsProvider) *lab {
	cfg := aws.Config{
		Region: s.Region(), Credentials: cred, HTTPClient: &http.Client{Transport: s.Transport()}, BaseEndpoint: new("http://lab"),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
	return &lab{s, ec2.NewFromConfig(cfg), elb.NewFromConfig(cfg), iam.NewFromConfig(cfg), ssm.NewFromConfig(cfg), sts.NewFromConfig(cfg)}
}

// as gives clients with other credentials.
func (l *lab) as(id, secret, token string) *lab {
	return clients(l.Server, credentials.NewStaticCredentialsProvider(id, secret, token))
}

// code is the AWS error code of err, or what it is instead.
func code(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return "not an API error: " + err.Error()
}

// status is the HTTP status of err, or 0.
func status(err error) int {
	if e, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return e.HTTPStatusCode()
	}
	return 0
}

func wantCode(t *testing.T, err error, want string) {
	t.Helper()
	if got := code(err); got != want {
		t.Errorf("error code %q, want %q (%v)", got, want, err)
	}
}

// must fails the test when a call fails.
func must[T any](out T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}
