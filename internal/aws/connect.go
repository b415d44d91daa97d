package aws

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"

	"github.com/clusterform/clusterform/planner/resource"
)

// The services that are called, by the names that endpoints are set under.
const (
	serviceEC2 = "ec2"
	serviceELB = "elasticloadbalancingv2"
	serviceIAM = "iam"
	serviceSSM = "ssm"
	serviceSTS = "sts"
)

// Services are the names that Options.Endpoints takes.
func Services() []string {
	return []string{serviceEC2, serviceELB, serviceIAM, serviceSSM, serviceSTS}
}

// stsRegion is where a role is assumed when no region is set: sessions are good in all of them.
const stsRegion = "us-east-1"

// DefaultRegion is the region of calls that name none: Options.Region, the environment's or the profile's; "" when nothing
// says one. It reads files and sends no request.
func (c *Cloud) DefaultRegion(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.connect(ctx); err != nil {
		return "", err
	}
	return c.base.Region, nil
}

// connect loads the configuration that all regions share, once. The lock is held.
func (c *Cloud) connect(ctx context.Context) error {
	if c.base != nil {
		return nil
	}
	cfg, err := c.load(ctx)
	if err != nil {
		return &resource.Error{
			Message: "the AWS configuration cannot be loaded: " + printable(err.Error()), Err: err,
			Hint: "Check AWS_PROFILE, ~/.aws/config and the AWS_… environment variables",
		}
	}
	if c.opts.AssumeRole != nil {
		c.assume(&cfg, c.opts.AssumeRole)
	}
	c.base = &cfg
	return nil
}

func (c *Cloud) load(ctx context.Context) (sdk.Config, error) {
	load := []func(*config.LoadOptions) error{
		config.WithRetryer(func() sdk.Retryer { return retryer{attempts: c.opts.MaxAttempts} }),
		config.WithLogger(logging.Nop{}), // what matters comes as an error; the rest would stand in the user's output
	}
	if c.opts.Profile != "" {
		load = append(load, config.WithSharedConfigProfile(c.opts.Profile))
	}
	if len(c.opts.ConfigFiles) > 0 {
		load = append(load, config.WithSharedConfigFiles(c.opts.ConfigFiles))
	}
	if len(c.opts.CredentialsFiles) > 0 {
		load = append(load, config.WithSharedCredentialsFiles(c.opts.CredentialsFiles))
	}
	if c.opts.Region != "" {
		load = append(load, config.WithRegion(c.opts.Region))
	}
	if c.opts.Endpoint != "" {
		load = append(load, config.WithBaseEndpoint(c.opts.Endpoint))
	}
	if c.opts.NoMetadata {
		load = append(load, config.WithEC2IMDSClientEnableState(imds.ClientDisabled))
	}
	if k := c.opts.Keys; k != nil {
		load = append(load, config.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider(k.AccessKeyID, k.SecretAccessKey, k.SessionToken)))
	}
	if name, version, ok := strings.Cut(c.opts.UserAgent, "/"); ok {
		load = append(load, config.WithAppID(name+"-"+version))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	attempts := cmp.Or(c.opts.MaxAttempts, attemptsIn(cfg.ConfigSources))
	cfg.Retryer = func() sdk.Retryer { return retryer{attempts: attempts} }
	if c.opts.HTTPClient != nil {
		// Given to the loader, a client of any other type than the SDK's own fails where AWS_CA_BUNDLE is set.
		cfg.HTTPClient = c.opts.HTTPClient
	}
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = awshttp.NewBuildableClient()
	}
	cfg.HTTPClient = ownBody{cfg.HTTPClient}
	return cfg, err
}

// attemptsIn is what the environment or else the profile says; the SDK leaves that to those who bring their own retries.
func attemptsIn(sources []any) int {
	for _, source := range sources {
		switch s := source.(type) {
		case config.EnvConfig:
			if s.RetryMaxAttempts > 0 {
				return s.RetryMaxAttempts
			}
		case config.SharedConfig:
			if s.RetryMaxAttempts > 0 {
				return s.RetryMaxAttempts
			}
		}
	}
	return 0
}

// through lets all calls with a configuration go through a gate.
func through(g *gate, cfg *sdk.Config) {
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(g, "Retry", middleware.After)
	})
}

// endpoint is the URL of one service: what the options say, or else found, which the environment or the profile says.
func (c *Cloud) endpoint(service string, found *string) *string {
	if url := cmp.Or(c.opts.Endpoints[service], c.opts.Endpoint); url != "" {
		return &url
	}
	return found
}

// assume puts the sessions of a role in the place of a configuration's own credentials. They are asked for when they are
// first needed, and again before they end.
func (c *Cloud) assume(cfg *sdk.Config, role *AssumeRole) {
	as := cfg.Copy()
	as.Region = cmp.Or(as.Region, stsRegion)
	through(&gate{cloud: c, region: as.Region, slotless: true}, &as)
	client := sts.NewFromConfig(as, func(o *sts.Options) { o.BaseEndpoint = c.endpoint(serviceSTS, o.BaseEndpoint) })
	duration := cmp.Or(role.Duration, time.Hour)
	sessions := stscreds.NewAssumeRoleProvider(client, role.RoleARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = cmp.Or(role.SessionName, "clusterform")
		o.Duration = duration
		o.ExternalID, o.Policy, o.SourceIdentity = orNil(role.ExternalID), orNil(role.Policy), orNil(role.SourceIdentity)
		o.TransitiveTagKeys = role.TransitiveTags
		for _, arn := range role.PolicyARNs {
			o.PolicyARNs = append(o.PolicyARNs, ststypes.PolicyDescriptorType{Arn: &arn})
		}
		for _, key := range tagSet(role.Tags).keys() {
			o.Tags = append(o.Tags, ststypes.Tag{Key: &key, Value: new(role.Tags[key])})
		}
	})
	cfg.Credentials = sdk.NewCredentialsCache(&roleCredentials{sessions, role.RoleARN}, func(o *sdk.CredentialsCacheOptions) {
		o.ExpiryWindow = duration / 10 // renewed before a call that is under way would outlive them
	})
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// roleCredentials words failures to assume a role: without it they would look like those of the call that came first.
type roleCredentials struct {
	sessions sdk.CredentialsProvider
	role     string
}

// Retrieve asks for a session.
func (r *roleCredentials) Retrieve(ctx context.Context) (sdk.Credentials, error) {
	keys, err := r.sessions.Retrieve(ctx)
	if err == nil {
		return keys, nil
	}
	described := describe(err, "", r.role)
	if e, ok := errors.AsType[*resource.Error](described); ok && e.Code == "AccessDenied" {
		e.Hint = "The role's trust policy must name the identity in use (`aws sts get-caller-identity` shows which), and this one's policies must allow sts:AssumeRole on the role; check the external id, too"
	}
	return keys, described
}
