package hclconfig

import "time"

// DefaultImage is the image of nodes that name none.
const DefaultImage = "debian-12"

// NodePool is a node_pool block: nodes that are alike.
type NodePool struct {
	Block
	Cluster       Address
	Size          int
	InstanceTypes []string // first is preferred, the rest are fallbacks; default t3.medium
	// Image is "ami-…", or "ssm:/path/of/a/public/parameter"; short names such
	// as "debian-12" (the default) are already replaced by their parameter.
	Image             string
	ImageUpdate       string   // "none" (default): a newer image alone changes nothing; or "rolling"
	AvailabilityZones []string // subset of the cluster's; empty means all of them
	Labels            map[string]string
	Taints            []Taint
	Tags              map[string]string
	DiskGiB           int // root volume; default 20
	UserData          string
	Spot              bool
	PublicIP          *bool  // nil: as the cluster's network says
	KeyName           string // EC2 key pair
	Update            Update
}

// Taint keeps workloads without a matching toleration away from nodes.
type Taint struct {
	Key    string
	Value  string
	Effect string // "NoSchedule", "PreferNoSchedule" or "NoExecute"
}

// Update says how nodes are replaced.
type Update struct {
	MaxSurge       Amount        // extra nodes meanwhile; default 1
	MaxUnavailable Amount        // nodes missing meanwhile; default 0
	Canary         int           // nodes replaced and watched first; default 0
	DrainTimeout   time.Duration // default 10m
	HealthTimeout  time.Duration // for a new node to join and be ready; default 15m
}

// Amount is a number, or a percentage of the whole.
type Amount struct {
	Value   int  `json:"value"`
	Percent bool `json:"percent,omitempty"`
}

// Of gives the amount as a number out of total: up for true, as Kubernetes
// rounds surge, and down for false, as it rounds unavailability.
func (a Amount) Of(total int, up bool) int {
	if !a.Percent {
		return a.Value
	}
	n := a.Value * total
	if up {
		n += 99
	}
	return n / 100
}
