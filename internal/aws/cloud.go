package aws

import (
	"context"
	"fmt"
	"maps"
	"sync"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/clusterform/clusterform/planner/resource"
)

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
	rootDevices map[string]*rootDevice
}

// region connects to a region; "" is the environment's default.
func (c *Cloud) region(ctx context.Context, name string) (*region, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.connect(ctx); err != nil {
		return nil, err
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
	through(&gate{cloud: c, region: name}, &cfg)
	r := &region{
		cloud: c, name: name,
		ec2: ec2.NewFromConfig(cfg, func(o *ec2.Options) { o.BaseEndpoint = c.endpoint(serviceEC2, o.BaseEndpoint) }),
		elb: elb.NewFromConfig(cfg, func(o *elb.Options) { o.BaseEndpoint = c.endpoint(serviceELB, o.BaseEndpoint) }),
		iam: iam.NewFromConfig(cfg, func(o *iam.Options) { o.BaseEndpoint = c.endpoint(serviceIAM, o.BaseEndpoint) }),
		ssm: ssm.NewFromConfig(cfg, func(o *ssm.Options) { o.BaseEndpoint = c.endpoint(serviceSSM, o.BaseEndpoint) }),
	}
	r.poll = &poller{region: r}
	if c.opts.Limits == LimitAWS || c.opts.Limits == LimitAuto && r.ec2.Options().BaseEndpoint == nil {
		c.limiter.seed()
	}
	c.regions[name] = r
	return r, nil
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
