package aws

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"

	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/planner/resource"
)

// Options configure a Cloud. The zero value is AWS with the environment's credentials.
type Options struct {
	// Profile is the name of a shared configuration profile; default AWS_PROFILE, then "default".
	Profile string
	// Endpoint is the URL of all services; default AWS_ENDPOINT_URL and the like, then AWS itself.
	Endpoint string
	// HTTPClient sends the requests; default the SDK's own. Tests give one that stays in process.
	HTTPClient sdk.HTTPClient
	// Keys are fixed credentials; default the SDK's chain (environment, profile, SSO, instance role).
	Keys *Keys
	// NoMetadata keeps the SDK's chain from asking the instance metadata service for credentials.
	NoMetadata bool
	// Parallelism is how many requests may be under way at once; default 10.
	Parallelism int
	// Limits says where the request limiter starts; default LimitAuto.
	Limits LimitMode
	// Events hears of throttling; default nobody.
	Events event.Sink
	// ConsistencyWindow is how long something just made may stay invisible; default 2 minutes. Within it, "not found" is
	// asked again.
	ConsistencyWindow time.Duration
	// LaunchTimeout bounds the wait for an instance to run, DeleteTimeout that for a removal and for what blocks it;
	// default 10 minutes each.
	LaunchTimeout, DeleteTimeout time.Duration
	// CallTimeout bounds one attempt of one request; default 1 minute.
	CallTimeout time.Duration
	// UserAgent is added to the SDK's, as "clusterform/1.2.3".
	UserAgent string
}

// Keys are fixed credentials.
type Keys struct{ AccessKeyID, SecretAccessKey, SessionToken string }

// String keeps the secret out of messages.
func (k Keys) String() string { return k.AccessKeyID }

func (o Options) withDefaults() Options {
	orDuration := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	orDuration(&o.ConsistencyWindow, 2*time.Minute)
	orDuration(&o.LaunchTimeout, 10*time.Minute)
	orDuration(&o.DeleteTimeout, 10*time.Minute)
	orDuration(&o.CallTimeout, time.Minute)
	if o.Parallelism <= 0 {
		o.Parallelism = 10
	}
	if o.Limits == "" {
		o.Limits = LimitAuto
	}
	if o.Events == nil {
		o.Events = event.Discard
	}
	return o
}

// Cloud is one account as seen with one set of credentials. It connects when it is first asked something. It is safe for
// concurrent use.
type Cloud struct {
	opts    Options
	limiter *limiter
	slots   chan struct{}

	mu      sync.Mutex
	base    *sdk.Config
	regions map[string]*region
	calls   map[string]int
}

// New returns a Cloud. Nothing is read or called yet: what is wrong with the options shows at first use.
func New(opts Options) *Cloud {
	opts = opts.withDefaults()
	return &Cloud{
		opts: opts, limiter: newLimiter(), slots: make(chan struct{}, opts.Parallelism),
		regions: map[string]*region{}, calls: map[string]int{},
	}
}

// region is one region's clients and what its drivers share.
type region struct {
	cloud *Cloud
	name  string
	ec2   *ec2.Client
	elb   *elb.Client
	iam   *iam.Client
	ssm   *ssm.Client
	poll  *poller

	mu          sync.Mutex
	rootDevices map[string]string
}

// region connects to a region; "" is the environment's default.
func (c *Cloud) region(ctx context.Context, name string) (*region, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.base == nil {
		cfg, err := c.load(ctx)
		if err != nil {
			return nil, &resource.Error{
				Message: "the AWS configuration cannot be loaded: " + printable(err.Error()), Err: err,
				Hint: "Check AWS_PROFILE, ~/.aws/config and the AWS_… environment variables",
			}
		}
		c.base = &cfg
	}
	if name == "" {
		name = c.base.Region
	}
	if name == "" {
		return nil, &resource.Error{Message: "no region is set", Hint: "Set region in the cluster block, or AWS_REGION"}
	}
	if r, ok := c.regions[name]; ok {
		return r, nil
	}
	cfg := c.base.Copy()
	cfg.Region = name
	cfg.APIOptions = append(cfg.APIOptions, func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(&gate{cloud: c, region: name}, "Retry", middleware.After)
	})
	r := &region{
		cloud: c, name: name, ec2: ec2.NewFromConfig(cfg), elb: elb.NewFromConfig(cfg), iam: iam.NewFromConfig(cfg), ssm: ssm.NewFromConfig(cfg),
	}
	r.poll = &poller{region: r}
	if c.opts.Limits == LimitAWS || c.opts.Limits == LimitAuto && r.ec2.Options().BaseEndpoint == nil {
		c.limiter.seed()
	}
	c.regions[name] = r
	return r, nil
}

func (c *Cloud) load(ctx context.Context) (sdk.Config, error) {
	load := []func(*config.LoadOptions) error{
		config.WithRetryer(func() sdk.Retryer { return retryer{} }),
		config.WithLogger(logging.Nop{}), // what matters comes as an error; the rest would stand in the user's output
	}
	if c.opts.Profile != "" {
		load = append(load, config.WithSharedConfigProfile(c.opts.Profile))
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

// Driver returns the driver of a kind in a region.
func (c *Cloud) Driver(regionName string, kind resource.Kind) (resource.Driver, error) {
	r, err := c.region(context.Background(), regionName)
	if err != nil {
		return nil, err
	}
	switch kind {
	case resource.KindNode:
		return &nodeDriver{r}, nil
	case resource.KindElasticIPAssociation:
		return &associationDriver{r}, nil
	case resource.KindLoadBalancerTarget:
		return &targetDriver{r}, nil
	case resource.KindSecurityGroupRules:
		return &rulesDriver{r}, nil
	}
	h, err := r.handler(kind)
	if err != nil {
		return nil, err
	}
	return &driver{region: r, handler: h}, nil
}

// handler returns the handler of a kind that the common driver drives.
func (r *region) handler(kind resource.Kind) (handler, error) {
	switch kind {
	case resource.KindVPC:
		return &vpcs{taggedInEC2{r}}, nil
	case resource.KindSubnet:
		return &subnets{taggedInEC2{r}}, nil
	case resource.KindInternetGateway:
		return &gateways{taggedInEC2{r}}, nil
	case resource.KindRouteTable:
		return &routeTables{taggedInEC2{r}}, nil
	case resource.KindSecurityGroup:
		return &securityGroups{taggedInEC2{r}}, nil
	case resource.KindRole:
		return &roles{r}, nil
	case resource.KindElasticIP:
		return &elasticIPs{taggedInEC2{r}}, nil
	case resource.KindLoadBalancer:
		return &loadBalancers{r}, nil
	}
	return nil, fmt.Errorf("kind %q is not one that AWS has a driver for", kind)
}

// Calls returns how many requests were sent so far, retries included, by "service:Action".
func (c *Cloud) Calls() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.calls)
}

func (c *Cloud) count(service, action string) {
	c.mu.Lock()
	c.calls[service+":"+action]++
	c.mu.Unlock()
}
