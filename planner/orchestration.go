package planner

import (
	"context"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// Orchestration is what planning asks of the orchestrators' own code (internal/orchestrator and internal/bootstrap).
// Without one (Request.Orchestration nil) nodes are plain instances, and workloads are not planned.
type Orchestration interface {
	// UserData renders the user-data of a role's nodes: the same text for the same input, without secrets, with room left of
	// EC2's 16 KiB. Errors name what to change.
	UserData(in NodeSetup) (string, error)
	// Workload turns a block into what is recorded of it and into the native objects to apply.
	Workload(c *hclconfig.Cluster, w *hclconfig.Workload) (*resource.Workload, Content, error)
	// Manifest does the same for a raw object.
	Manifest(c *hclconfig.Cluster, m *hclconfig.Manifest) (*resource.Manifest, Content, error)
	// DefaultVersion is for new clusters that name no version; "" where none is needed.
	DefaultVersion(o hclconfig.Orchestrator) string
	// Check finds what the cluster's orchestrator cannot do of what the blocks ask, and versions that do not fit.
	Check(cfg *hclconfig.Configuration, d *hclconfig.Desired) hclconfig.Diagnostics
}

// Content is what a driver applies. Digest is the one in the spec.
type Content struct {
	Digest string
	Data   []byte
	// Secret content is kept out of plan files: the evaluator makes it again when the step runs.
	Secret bool
}

// NodeSetup is what a node's user-data is made from.
type NodeSetup struct {
	Cluster *hclconfig.Cluster
	UID     string
	// Role is "control_plane" or "worker"; Pool is the name that the pool's settings are kept under in the Parameter Store
	// ("control-plane", "worker", "worker-blue").
	Role, Pool string
	Software   *resource.Software
	// Endpoint is the URL of the AWS services where it is not AWS's own.
	Endpoint string
	// Extra is the user's own user_data, run after ours.
	Extra string
}

// SoftwareLookup finds what nodes download. It is a part of Lookup where orchestrators are planned.
type SoftwareLookup interface {
	// Software resolves the pins of a version. source is the cluster's bundle attribute: "" finds one by itself.
	Software(ctx context.Context, region string, o hclconfig.Orchestrator, version, source string) (*resource.Software, error)
	// Endpoint is the URL of the AWS services as nodes reach them; "" for AWS's own.
	Endpoint(ctx context.Context, region string) (string, error)
}
