package resource

// Spec is the content of an object: one struct per kind, in the files of this package. Each field's `cf` tag says what a
// difference in it means:
//
//	update    changed in place
//	replace   needs a new object; the old one goes
//	roll      as replace, but one after another as the pool's update block says (nodes)
//	computed  decided by the cloud; never a reason for a change
//	recorded  wanted and recorded, but not what a new value alone changes (a node's image id)
//
// A second word adds to it: "observed" is false with `unobserved` (reality cannot be asked; drift is not seen).
type Spec interface{ Kind() Kind }

// Tags are cloud tags asked for by the user or by the planner (Name). Those that clusterform itself needs to find its
// objects (TagCluster and so on) are put on by the drivers and not listed here.
type Tags map[string]string

// The tags that the drivers put on everything they make.
const (
	TagCluster    = "clusterform:cluster"    // the cluster's UID
	TagAddress    = "clusterform:address"    // of an object; on nodes, which are launched in batches, of their pool
	TagToken      = "clusterform:token"      // of the call that made it
	TagGeneration = "clusterform:generation" // of nodes
	TagSpec       = "clusterform:spec"       // SpecDigest of a node's launch parameters
)

// VPC is a virtual private cloud.
type VPC struct {
	CIDR string `json:"cidr" cf:"replace"`
	// DNSHostnames and DNSSupport are VPC attributes that nodes need.
	DNSHostnames bool `json:"dns_hostnames" cf:"update"`
	DNSSupport   bool `json:"dns_support" cf:"update"`
	Tags         Tags `json:"tags,omitempty" cf:"update"`
}

// Subnet is one zone's part of the VPC.
type Subnet struct {
	VPC       Ref    `json:"vpc" cf:"replace"`
	CIDR      string `json:"cidr" cf:"replace"`
	Zone      string `json:"zone" cf:"replace"`
	PublicIPs bool   `json:"public_ips" cf:"update"`
	Tags      Tags   `json:"tags,omitempty" cf:"update"`
}

// InternetGateway is attached to its VPC. It does not change VPCs: AWS detaches no gateway of a VPC in which public
// addresses are in use, and deletes no VPC that has one.
type InternetGateway struct {
	VPC  Ref  `json:"vpc" cf:"replace"`
	Tags Tags `json:"tags,omitempty" cf:"update"`
}

// RouteTable routes the subnets associated with it. The local route is not listed.
type RouteTable struct {
	VPC     Ref     `json:"vpc" cf:"replace"`
	Routes  []Route `json:"routes" cf:"update"`
	Subnets []Ref   `json:"subnets" cf:"update"`
	Tags    Tags    `json:"tags,omitempty" cf:"update"`
}

// Route sends a destination CIDR to a gateway.
type Route struct {
	Destination string `json:"destination"`
	Gateway     Ref    `json:"gateway"`
}

// SecurityGroup is a group without its rules, which are a SecurityGroupRules object of their own: groups may name one
// another, and both must exist first. The rule that AWS gives each new group, everything out, is revoked by that object,
// unless it lists it.
type SecurityGroup struct {
	VPC         Ref    `json:"vpc" cf:"replace"`
	Name        string `json:"name" cf:"replace"`
	Description string `json:"description" cf:"replace"`
	Tags        Tags   `json:"tags,omitempty" cf:"update"`
}

// SecurityGroupRules are all the rules of one group: what is not listed is revoked. Rules are in canonical order (see
// SortRules). Its ID is the group's.
type SecurityGroupRules struct {
	Group   Ref    `json:"group" cf:"replace"`
	Ingress []Rule `json:"ingress" cf:"update"`
	Egress  []Rule `json:"egress" cf:"update"`
}

// Rule is one permission with one peer. Exactly one of CIDR and Group is set.
type Rule struct {
	Protocol    string `json:"protocol"` // tcp, udp, icmp, or "-1" for all
	FromPort    int    `json:"from_port"`
	ToPort      int    `json:"to_port"`
	CIDR        string `json:"cidr,omitempty"`
	Group       Ref    `json:"group,omitempty"`
	Description string `json:"description,omitempty"`
}

// Role is an IAM role that EC2 may assume, with the instance profile of the same name and one inline policy.
type Role struct {
	Name string `json:"name" cf:"replace"`
	// Policy is canonical JSON.
	Policy string `json:"policy" cf:"update"`
	Tags   Tags   `json:"tags,omitempty" cf:"update"`
	ARN    string `json:"arn,omitempty" cf:"computed"`
	// InstanceProfile is its name, the same as the role's.
	InstanceProfile string `json:"instance_profile,omitempty" cf:"computed"`
}

// ElasticIP is a public address that stays.
type ElasticIP struct {
	Tags     Tags   `json:"tags,omitempty" cf:"update"`
	PublicIP string `json:"public_ip,omitempty" cf:"computed"`
}

// ElasticIPAssociation ties an address to a node and moves when the node is replaced.
type ElasticIPAssociation struct {
	Address Ref `json:"elastic_ip" cf:"replace"`
	Node    Ref `json:"node" cf:"update"`
}

// LoadBalancer is a network load balancer with one TCP listener and its target group.
type LoadBalancer struct {
	Name string `json:"name" cf:"replace"`
	// Internal has no public addresses.
	Internal bool `json:"internal" cf:"replace"`
	VPC      Ref  `json:"vpc" cf:"replace"`
	// Subnets it has an address in, one for each zone; zones come and go without another balancer.
	Subnets []Ref `json:"subnets" cf:"update"`
	Port    int   `json:"port" cf:"replace"`
	// HealthPort is asked by a TCP connect.
	HealthPort     int    `json:"health_port" cf:"update"`
	SecurityGroups []Ref  `json:"security_groups,omitempty" cf:"replace"`
	Tags           Tags   `json:"tags,omitempty" cf:"update"`
	DNSName        string `json:"dns_name,omitempty" cf:"computed"`
	TargetGroupARN string `json:"target_group_arn,omitempty" cf:"computed"`
	ListenerARN    string `json:"listener_arn,omitempty" cf:"computed"`
}

// LoadBalancerTarget registers a node behind a load balancer and moves when the node is replaced.
type LoadBalancerTarget struct {
	LoadBalancer Ref `json:"load_balancer" cf:"replace"`
	Node         Ref `json:"node" cf:"update"`
}

// Node is an instance with the orchestrator's agents, one object from launch to Ready.
type Node struct {
	// Pool is the address of its pool or control plane; Role is "control_plane" or "worker".
	Pool Address `json:"pool" cf:"recorded"`
	Role string  `json:"role" cf:"replace"`
	// InstanceTypes are tried in this order on lack of capacity. InstanceType is what it got; it is right as long as it is
	// one of InstanceTypes, so that a changed order alone replaces nothing.
	InstanceTypes []string `json:"instance_types" cf:"recorded"`
	InstanceType  string   `json:"instance_type,omitempty" cf:"roll"`
	// Image is the id to launch. A newer one alone rolls only with image_update = "rolling"; the planner decides.
	Image string `json:"image" cf:"roll"`
	// ImageRef is what Image was resolved from: "ami-…" or "ssm:/parameter". Another reference is resolved anew.
	ImageRef string `json:"image_ref,omitempty" cf:"recorded"`
	Subnet   Ref    `json:"subnet" cf:"replace"`
	// Subnets are all it may be launched in, in order of preference; on lack of capacity Subnet and Zone become what it got.
	Subnets        []Ref  `json:"subnets,omitempty" cf:"recorded"`
	Zone           string `json:"zone" cf:"replace"`
	SecurityGroups []Ref  `json:"security_groups" cf:"update"`
	// Profile is the role whose instance profile the instance has.
	Profile  Ref    `json:"profile,omitempty" cf:"replace"`
	KeyName  string `json:"key_name,omitempty" cf:"roll"`
	PublicIP bool   `json:"associate_public_ip" cf:"roll"`
	DiskGiB  int    `json:"disk_gib" cf:"roll"`
	Spot     bool   `json:"spot,omitempty" cf:"roll"`
	// UserData is the SHA-256 in hex of the user-data, whose text is a blob of the plan. "" is none.
	UserData string `json:"user_data,omitempty" cf:"roll,unobserved"`
	// Setup is the digest of what UserData was rendered from, where nodes join an orchestrator. As long as it is the same, a
	// node keeps the UserData that it was launched with: a newer clusterform's text alone rolls nothing.
	Setup string `json:"setup,omitempty" cf:"recorded"`
	Tags  Tags   `json:"tags,omitempty" cf:"update"`

	// What the orchestrator is told; without one they are only recorded.
	Orchestrator string            `json:"orchestrator,omitempty" cf:"roll,unobserved"`
	Version      string            `json:"version,omitempty" cf:"roll,unobserved"`
	Labels       map[string]string `json:"labels,omitempty" cf:"update,unobserved"`
	Taints       []Taint           `json:"taints,omitempty" cf:"update,unobserved"`
	// JoinTimeoutSeconds is how long a new node has to become ready, DrainTimeoutSeconds how long work has to move away from
	// one that goes: the pool's update block. 0 is the driver's default.
	JoinTimeoutSeconds  int `json:"join_timeout_s,omitempty" cf:"recorded"`
	DrainTimeoutSeconds int `json:"drain_timeout_s,omitempty" cf:"recorded"`

	PrivateIP  string `json:"private_ip,omitempty" cf:"computed"`
	PublicAddr string `json:"public_ip,omitempty" cf:"computed"`
	PrivateDNS string `json:"private_dns,omitempty" cf:"computed"`
	// LaunchToken is the client token of the launch that made it.
	LaunchToken string `json:"launch_token,omitempty" cf:"computed"`
}

// Taint keeps workloads off a node that do not tolerate it.
type Taint struct {
	Key    string `json:"key"`
	Value  string `json:"value,omitempty"`
	Effect string `json:"effect"` // NoSchedule, PreferNoSchedule, NoExecute
}

func (*VPC) Kind() Kind                  { return KindVPC }
func (*Subnet) Kind() Kind               { return KindSubnet }
func (*InternetGateway) Kind() Kind      { return KindInternetGateway }
func (*RouteTable) Kind() Kind           { return KindRouteTable }
func (*SecurityGroup) Kind() Kind        { return KindSecurityGroup }
func (*SecurityGroupRules) Kind() Kind   { return KindSecurityGroupRules }
func (*Role) Kind() Kind                 { return KindRole }
func (*ElasticIP) Kind() Kind            { return KindElasticIP }
func (*ElasticIPAssociation) Kind() Kind { return KindElasticIPAssociation }
func (*LoadBalancer) Kind() Kind         { return KindLoadBalancer }
func (*LoadBalancerTarget) Kind() Kind   { return KindLoadBalancerTarget }
func (*Node) Kind() Kind                 { return KindNode }

// newSpec makes an empty Spec of each kind. It is the list of kinds: a new kind is a struct, a constant and a line here.
var newSpec = map[Kind]func() Spec{
	KindVPC:                  func() Spec { return new(VPC) },
	KindSubnet:               func() Spec { return new(Subnet) },
	KindInternetGateway:      func() Spec { return new(InternetGateway) },
	KindRouteTable:           func() Spec { return new(RouteTable) },
	KindSecurityGroup:        func() Spec { return new(SecurityGroup) },
	KindSecurityGroupRules:   func() Spec { return new(SecurityGroupRules) },
	KindRole:                 func() Spec { return new(Role) },
	KindElasticIP:            func() Spec { return new(ElasticIP) },
	KindElasticIPAssociation: func() Spec { return new(ElasticIPAssociation) },
	KindLoadBalancer:         func() Spec { return new(LoadBalancer) },
	KindLoadBalancerTarget:   func() Spec { return new(LoadBalancerTarget) },
	KindNode:                 func() Spec { return new(Node) },
	KindCredentials:          func() Spec { return new(Credentials) },
	KindWorkload:             func() Spec { return new(Workload) },
	KindManifest:             func() Spec { return new(Manifest) },
}

// NewSpec returns an empty Spec of the kind; ok is false for a kind this version does not know.
func NewSpec(k Kind) (s Spec, ok bool) {
	f, ok := newSpec[k]
	if !ok {
		return nil, false
	}
	return f(), true
}

// Kinds lists the kinds that this version knows, in the order of their making.
func Kinds() []Kind {
	return []Kind{
		KindVPC, KindInternetGateway, KindSubnet, KindRouteTable, KindSecurityGroup, KindSecurityGroupRules, KindRole,
		KindCredentials, KindElasticIP, KindLoadBalancer, KindNode, KindElasticIPAssociation, KindLoadBalancerTarget, KindManifest, KindWorkload,
	}
}
