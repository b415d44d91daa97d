package orchestrator

import (
	"context"
	"errors"
	"time"

	"github.com/clusterform/clusterform/planner/resource"
)

// Orchestrator is one kind of cluster software. Implementations are without state; a Client is one cluster.
type Orchestrator interface {
	// Credentials makes the parameters that a new cluster starts from, by name below the cluster's path. Authorities are one
	// parameter each (certificate and key), so a set is never half-made.
	Credentials(now time.Time) (map[string]string, error)
	// Describe says what is public of existing credentials: the CA's certificate in PEM and its end. Missing parameters that
	// follow from others (a worker's copy of the certificate) are returned as derived, to be written.
	Describe(parameters map[string]string) (ca string, expires time.Time, derived map[string]string, err error)
	// Connect gives a client. It calls nobody yet but the Parameter Store: what it gets is a short-lived certificate.
	Connect(ctx context.Context, c Cluster, p Parameters) (Client, error)
}

// Cluster is what a client is made from.
type Cluster struct {
	Address resource.Address
	UID     string
	Region  string
	Version string
	// Hosts are addresses of the API without port, to be tried in this order: the endpoint's, then each control-plane node's
	// public and private one. Its certificate is checked against a name that does not depend on them.
	Hosts []string
}

// Parameters are the cluster's values in the Parameter Store, all SecureString. Names are relative to the cluster's path:
// "worker/endpoints".
type Parameters interface {
	// Get returns those that exist.
	Get(ctx context.Context, names ...string) (map[string]string, error)
	// Put writes, over what was there.
	Put(ctx context.Context, name, value string) error
	// Create writes only what does not exist; made is false when it did.
	Create(ctx context.Context, name, value string) (made bool, err error)
	// List returns the names that exist, sorted.
	List(ctx context.Context) ([]string, error)
	// Delete removes; what does not exist is fine.
	Delete(ctx context.Context, names ...string) error
}

// The parameters that bootstrap and engine share, besides an orchestrator's own. Each is written for both roles, as a
// role reads its own path only: "control-plane/endpoints" and "worker/endpoints".
const (
	// ParameterLeader, below control-plane alone, is the id of the instance that initialises the cluster.
	ParameterLeader = "leader"
	// ParameterInitialised, below control-plane alone, exists from the moment on when the API answered for the first time.
	ParameterInitialised = "initialised"
	// ParameterEndpoints are the private addresses of the control-plane nodes, with commas.
	ParameterEndpoints = "endpoints"
	// ParameterNames, below control-plane alone, are the names and addresses that the API's certificate holds, with commas.
	ParameterNames = "names"
	// ParameterJoin is the credential with which a node joins; empty or absent while nobody may.
	ParameterJoin = "join"
	// ParameterPool + NAME is the JSON of PoolSettings.
	ParameterPool = "pool/"
)

// ControlPlanePath and WorkerPath are the roles' paths below the cluster's.
const (
	ControlPlanePath = "control-plane/"
	WorkerPath       = "worker/"
)

// PoolSettings are what a node is told of its pool when it joins; later changes are made on the node by Configure.
type PoolSettings struct {
	Labels map[string]string `json:"labels,omitempty"`
	Taints []resource.Taint  `json:"taints,omitempty"`
}

// Client is one cluster's API. All methods may be called at the same time. Each call has a bound of its own within ctx.
type Client interface {
	// Healthy asks whether the API answers and is well. ErrUnreachable wraps what a connection failed with.
	Healthy(ctx context.Context) error
	// Members lists the nodes, with one call.
	Members(ctx context.Context) ([]Member, error)
	// Admit makes sure that the join credential in the Parameter Store is good for at least ten minutes more. Before the
	// cluster is initialised it makes one that the first node takes up. It is called again while nodes join.
	Admit(ctx context.Context) error
	// Dismiss ends a wave of joins: what was used to join is worth nothing afterwards.
	Dismiss(ctx context.Context) error
	// Configure brings a member's labels and taints to those wanted and tells it its address in the configuration. Labels and
	// taints that clusterform did not set stay. It writes nothing when all is right.
	Configure(ctx context.Context, m Member, s NodeSettings) error
	// Cordon keeps new work off a member, or lets it on again.
	Cordon(ctx context.Context, m Member, on bool) error
	// Drain cordons and moves work away, honouring disruption budgets, within o.Timeout. A member that is not Ready loses
	// its work without being asked. A *DrainError says what did not go.
	Drain(ctx context.Context, m Member, o DrainOptions) error
	// Remove takes a member out: of the store's quorum first, where it is one of it, then of the list of nodes. Of an absent
	// member it removes what is left. It refuses what would lose the quorum.
	Remove(ctx context.Context, m Member) error
	Close() error
}

// ErrUnreachable says that nobody answered at any of the cluster's addresses.
var ErrUnreachable = errors.New("the API does not answer")

// Member is a node as the orchestrator knows it.
type Member struct {
	// Instance is the EC2 instance id, which nodes join under (Kubernetes: the node's name; Swarm: an engine label).
	Instance string
	// ID is the orchestrator's own.
	ID           string
	ControlPlane bool
	Ready        bool
	// Reason says why not, for people; Since is when it changed.
	Reason      string
	Since       time.Time
	Cordoned    bool
	Version     string
	Address     string // private IP
	Labels      map[string]string
	Annotations map[string]string
}

// NodeSettings are what a pool asks of its members.
type NodeSettings struct {
	// Address and Pool are those of the configuration: "node_pool.worker[1]" and "worker".
	Address resource.Address
	Pool    string
	Zone    string
	Labels  map[string]string
	Taints  []resource.Taint
}

// DrainOptions bound a drain.
type DrainOptions struct {
	// Timeout is how long to wait for work to go, default 10 minutes. Grace is what each piece of work gets to end, -1 its
	// own setting.
	Timeout time.Duration
	Grace   time.Duration
	// Force goes on with what nobody replaces (bare pods) and, at the end of Timeout, with what a budget held.
	Force bool
	// Off says that the machine is known not to run, whatever the orchestrator has noticed so far: nobody there ends its work.
	Off bool
	// Progress is told what is waited for.
	Progress func(string)
}

// DrainError is a drain that ended at its bound, or that could not begin.
type DrainError struct {
	Member  string
	Waiting []string // "default/web-5c9: its disruption budget allows no more"
	// Timeout is how long was waited; 0 for a drain that was refused before anything was moved.
	Timeout time.Duration
}

// Connector finds the client of a recorded cluster; it is made once for each run.
type Connector interface {
	Client(ctx context.Context, rt resource.Runtime, cluster resource.Address) (Client, error)
}
