package hclconfig

// Orchestrator names what runs on a cluster's nodes.
type Orchestrator string

// The orchestrators of the language.
const (
	Kubernetes Orchestrator = "kubernetes"
	Swarm      Orchestrator = "swarm"
	Mesos      Orchestrator = "mesos"
)

// Cluster is a cluster block.
type Cluster struct {
	Block
	Orchestrator Orchestrator
	Version      string // of the orchestrator: "1.34.4"; "" leaves it to the planner
	Region       string // "ap-northeast-2"
	// Bundle is the directory or URL of the bundle that nodes get their software from; "" finds one for the version.
	Bundle       string
	Tags         map[string]string
	Network      Network
	ControlPlane ControlPlane
	Firewall     Firewall
}

// Network is a cluster's network block.
type Network struct {
	CIDR              string // of the VPC; default 10.0.0.0/16
	AvailabilityZones Zones
	NodePublicIP      bool // default true: without it nodes need a NAT gateway
	Overlay           Overlay
}

// Zones are availability zones: a number the planner chooses, or names.
type Zones struct {
	Count int      // len(Names) when there are names; default 1
	Names []string // "ap-northeast-2a"
}

// Overlay is the pods' network.
type Overlay struct {
	Backend     string // "vxlan" (default), "host-gw" or "none"
	PodCIDR     string // default 10.244.0.0/16
	ServiceCIDR string // default 10.96.0.0/12
	MTU         int    // bytes; 0 lets the overlay find it out
	Encrypted   bool
}

// ControlPlane is a cluster's control_plane block.
type ControlPlane struct {
	Size          int      // 1 (default), 3 or 5
	InstanceTypes []string // first is preferred, the rest are fallbacks; default t3.medium
	Image         string   // see NodePool.Image
	ImageUpdate   string   // see NodePool.ImageUpdate
	DiskGiB       int      // root volume; default 20
	UserData      string   // added to the node's own; readable by anybody in the account
	KeyName       string   // EC2 key pair
	Labels        map[string]string
	Tags          map[string]string
	Access        []string // CIDRs that may reach the API endpoint; default none
	Schedulable   bool     // workloads may run here; default false
	Update        Update
}

// Firewall is a cluster's firewall block.
type Firewall struct {
	Allow []Allow // in the order of the files
}

// Allow is one allow block: traffic that may come in.
type Allow struct {
	Name     string
	To       string // "control_plane", "worker", "all" or the name of a pool
	Protocol string // "tcp" (default), "udp", "icmp" or "all"
	Ports    []PortRange
	From     []string // CIDRs, or "control_plane", "worker", "cluster"
}

// PortRange is a range of ports, both ends included.
type PortRange struct {
	From int `json:"from"`
	To   int `json:"to"`
}
