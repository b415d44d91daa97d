package api

import (
	"context"
	"net/netip"
	"time"
)

// Machines makes the endpoint's records real: instances as machines, VPCs, subnets, security groups and load balancers
// as a network. A Server without one (nil) keeps the API alone: instances run on the clock and nothing else happens.
//
// The server never calls Machines while it holds its own lock, calls for one instance never overlap, and every call has
// a bound. An error of Launch or Start makes the instance go to terminated or stopped with a StateReason, as EC2 does
// with Server.InternalError.
type Machines interface {
	// Launch makes the disk and boots the machine; it returns when the machine's init process runs. The instance is
	// "pending" until then and "running" afterwards.
	Launch(ctx context.Context, m Machine) error
	// Start boots a stopped machine again with its disk.
	Start(ctx context.Context, m Machine) error
	// Stop shuts the machine down (force: at once) and keeps its disk.
	Stop(ctx context.Context, instanceID string, force bool) error
	// Reboot restarts the machine; the instance stays "running".
	Reboot(ctx context.Context, instanceID string) error
	// Terminate ends the machine and removes its disk and everything else of it. Unknown ids are no error.
	Terminate(ctx context.Context, instanceID string) error
	// Console returns the last (at most 64 KiB) bytes of the serial console.
	Console(ctx context.Context, instanceID string) ([]byte, error)
	// Network makes the network look like the topology, which is always the whole of it: what is missing is made, what
	// is no longer named is removed. It returns an error that says what collides when a range cannot be used.
	Network(ctx context.Context, t Topology) error
}

// Reacher is a Machines whose network the host reaches under addresses that may be others than those inside. Unlike the
// other methods, Reach is called with the server's lock held: it answers from memory and calls nobody.
type Reacher interface {
	// Reach returns the address under which the host reaches an address of a VPC; false when there is none.
	Reach(vpcID string, addr netip.Addr) (netip.Addr, bool)
}

// Machine is what a machine needs to boot.
type Machine struct {
	InstanceID   string
	ImageID      string // ami-…
	System       string // what the image holds, by its name in package image: "debian-13"; empty is the default there
	InstanceType string
	VCPUs        int
	MemoryMiB    int
	DiskGiB      int
	VPCID        string
	SubnetID     string
	ENI          string
	MAC          string // locally administered, also answered by the metadata service
	PrivateIP    netip.Addr
	PublicIP     netip.Addr // zero when it has none
	Hostname     string     // ip-10-88-0-12
	Groups       []string   // security group ids
}

// Topology is everything the packet path depends on.
type Topology struct {
	VPCs          []VPCTopology
	Interfaces    []InterfaceTopology
	Groups        []GroupTopology
	LoadBalancers []LoadBalancerTopology
}

// VPCTopology is one isolated network.
type VPCTopology struct {
	ID      string
	CIDR    netip.Prefix
	Subnets []SubnetTopology
}

// SubnetTopology is one subnet. Gateway is its first host address, as on EC2. Internet says whether its route table
// has a default route to an attached internet gateway (or NAT gateway): without one nothing leaves the VPC.
type SubnetTopology struct {
	ID       string
	CIDR     netip.Prefix
	Gateway  netip.Addr
	Internet bool
}

// InterfaceTopology is one network interface of an instance that is pending, running or stopping.
type InterfaceTopology struct {
	ID         string
	InstanceID string
	SubnetID   string
	VPCID      string
	MAC        string
	PrivateIP  netip.Addr
	PublicIP   netip.Addr // zero when none: from the subnet or an associated elastic address
	Groups     []string
	Cut        bool // a fault cuts this machine off the network
	// SourceDestCheck false lets it forward packets that are not its own.
	SourceDestCheck bool
}

// GroupTopology is one security group.
type GroupTopology struct {
	ID      string
	VPCID   string
	Ingress []RuleTopology
	Egress  []RuleTopology
}

// RuleTopology is one permission. Protocol is "tcp", "udp", "icmp" or "-1" (all); ports count for tcp and udp, and are
// 0–65535 when all are meant. Exactly one of Peer and Group is set.
type RuleTopology struct {
	Protocol string
	FromPort int
	ToPort   int
	Peer     netip.Prefix
	Group    string // members of this security group
}

// LoadBalancerTopology is one network load balancer. Addresses are its own, one in each of its subnets.
type LoadBalancerTopology struct {
	ARN       string
	Name      string
	DNSName   string // machines of the VPC resolve it to Addresses
	VPCID     string
	Addresses []netip.Addr
	Listeners []ListenerTopology
}

// ListenerTopology forwards a TCP port to the targets of one target group.
type ListenerTopology struct {
	Port           int
	TargetGroupARN string
	HealthInterval time.Duration
	Healthy        int    // successes in a row before a target is healthy
	Unhealthy      int    // failures in a row before it is not
	HealthPort     int    // 0: the target's own port
	HealthPath     string // "": a TCP connect
	Targets        []TargetTopology
}

// TargetTopology is one registered target.
type TargetTopology struct {
	ID   string // instance id or address, as registered
	Addr netip.Addr
	Port int
}

// MachineState is what Machines tells the server on its own account, through Server.MachineChanged.
type MachineState string

const (
	// MachineGone: the machine ended by itself (power loss, poweroff inside, crash).
	MachineGone MachineState = "gone"
	// MachineBooted: its init process came up.
	MachineBooted MachineState = "booted"
)
