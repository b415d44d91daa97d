// Package planner turns a configuration into a plan: it expands clusters and node pools into the objects they need,
// compares them field by field with what is recorded and what is observed, and orders what has to change.
//
// A Plan is plain data: steps with integer ids and edges. internal/apply runs exactly that and rebuilds nothing. The
// kinds of objects and the interface of drivers are in planner/resource; the language is in hclconfig.
package planner

import (
	"context"
	"encoding/json"
	"time"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// FormatVersion is that of plan files and of the plan's JSON form (docs/plan-format.md). Files of another major version
// are refused.
const FormatVersion = "1.0"

// Mode is what a plan is for.
type Mode string

// The modes.
const (
	ModeNormal      Mode = "normal"
	ModeDestroy     Mode = "destroy"
	ModeRefreshOnly Mode = "refresh-only"
)

// Action is what a plan does with an object, in the user's words.
type Action string

// The actions. A replacement is two steps, one that creates and one that deletes, with the same Action.
const (
	ActionCreate  Action = "create"
	ActionUpdate  Action = "update"
	ActionReplace Action = "replace" // Step.CreateFirst says in which order
	ActionRoll    Action = "roll"    // a replacement within a pool's update block
	ActionDestroy Action = "destroy"
	ActionAdopt   Action = "adopt"  // record what an interrupted run made
	ActionImport  Action = "import" // record what exists, because an import block says so
	ActionMove    Action = "move"   // record under another address
	ActionForget  Action = "forget" // drop the record, leave the object
	ActionNoOp    Action = "no-op"
)

// Reason is why, as a code for programs; Step.Because has the detail for people.
type Reason string

// The reason codes.
const (
	ReasonNew               Reason = "created"                // in the configuration, not recorded
	ReasonConfigChanged     Reason = "config_changed"         // the configuration differs from the record
	ReasonDrifted           Reason = "drifted"                // reality differs from the record
	ReasonGone              Reason = "gone"                   // the object no longer exists
	ReasonReplacedBecauseOf Reason = "replaced_because_of"    // an object it stands on is replaced (Because names it)
	ReasonCannotUpdate      Reason = "replaced_cannot_update" // a field that cannot change in place
	ReasonTainted           Reason = "tainted"                //
	ReasonRequested         Reason = "replace_requested"      // -replace
	ReasonTriggered         Reason = "replace_triggered_by"   // lifecycle
	ReasonImageUpdate       Reason = "image_updated"          // image_update = "rolling" and a newer image
	ReasonRemoved           Reason = "removed"                // no longer in the configuration
	ReasonScaledDown        Reason = "scaled_down"            // beyond the pool's size
	ReasonDestroyMode       Reason = "destroy"                // plan -destroy
	ReasonDeposed           Reason = "deposed"                // replaced earlier, its removal did not finish
	ReasonOrphanAdopted     Reason = "orphan_adopted"         // made by a run that ended before it could record it
	ReasonOrphanRemoved     Reason = "orphan_removed"         // the same, but not wanted any more
	ReasonIncomplete        Reason = "incomplete"             // a create or update ended part-way
	ReasonMoved             Reason = "moved"                  // a moved block
	ReasonForgotten         Reason = "forgotten"              // a removed block with destroy = false
	ReasonImported          Reason = "imported"               // an import block
)

// Plan is what will be done.
type Plan struct {
	FormatVersion string    `json:"format_version"`
	ToolVersion   string    `json:"clusterform_version"`
	CreatedAt     time.Time `json:"created_at"`
	Mode          Mode      `json:"mode"`
	// Lineage and Serial are those of the state compared with: apply refuses another.
	Lineage string `json:"lineage"`
	Serial  uint64 `json:"serial"`
	// Clusters are the identities to record, new ones included.
	Clusters map[resource.Address]resource.ClusterRecord `json:"clusters,omitempty"`
	// Steps are in an order that satisfies their edges; a step's id is its index.
	Steps []Step `json:"steps"`
	// Drift is what reality changed since it was recorded, apart from what the configuration changes.
	Drift []Drift `json:"drift,omitempty"`
	// Refreshed are objects of which only what the cloud decides (addresses, DNS names) is other than recorded. That is no
	// drift: apply brings the records up to date with whatever else it does.
	Refreshed []Drift `json:"refreshed,omitempty"`
	// Outputs are the changes of root outputs.
	Outputs []OutputChange `json:"outputs,omitempty"`
	Checks  []Check        `json:"checks,omitempty"`
	Summary Summary        `json:"summary"`
	// Blobs is content kept once, by SHA-256 in hex: user-data; and by their digest the native objects of workloads and
	// manifests, but for those that hold secrets, which are made again when they are applied.
	Blobs map[string]string `json:"blobs,omitempty"`
	// Endpoints are the URLs of the services in the regions where they are not AWS's own, as nodes reach them.
	Endpoints map[string]string `json:"endpoints,omitempty"`
	// Partial says that -target or -exclude left something out.
	Partial bool `json:"partial,omitempty"`
	// Recovered explains what became of the open intents of interrupted runs. Apply closes those that no step takes up,
	// but for those of Status Unread, whose object may still appear.
	Recovered []Recovered `json:"recovered,omitempty"`
	// Protect are the addresses and values of lifecycle.prevent_destroy to record with objects that do not change.
	Protect map[resource.Address]bool `json:"protect,omitempty"`
}

// Step is one change of one object. No-ops are not steps: Summary counts them.
type Step struct {
	ID      int32            `json:"id"`
	Address resource.Address `json:"address"`
	Kind    resource.Kind    `json:"kind"`
	Action  Action           `json:"action"`
	// Operation is what the driver does. It is empty for a move and a forget, and for an adoption of what is already as
	// wanted: those only change the record. An adoption with Create takes up the intents in Adopt; adoptions and imports
	// with Update bring what was found (Before) to After and tag it as ours.
	Operation resource.Operation `json:"operation,omitempty"`
	Reason    Reason             `json:"reason"`
	Because   string             `json:"because,omitempty"`
	// Before is the record the step was planned from; apply refuses it if reality or record moved on. nil for a create.
	Before *resource.Record `json:"before,omitempty"`
	// After is the object wanted; nil for a delete.
	After *resource.Object `json:"after,omitempty"`
	// Fields are the differences that lead to the step.
	Fields []resource.FieldChange `json:"fields,omitempty"`
	// Unknown are paths in After that are evaluated again when the steps of Needs are done.
	Unknown []string `json:"unknown,omitempty"`
	// Generation of the object that a create makes.
	Generation int `json:"generation,omitempty"`
	// CreateFirst: of a replacement, the new object is made before the old one goes.
	CreateFirst bool `json:"create_first,omitempty"`
	// Pair is the other step of a replacement, -1 without.
	Pair int32 `json:"pair"`
	// Needs are the ids of the steps that must be done before.
	Needs []int32 `json:"needs,omitempty"`
	// Preview is what the cluster would make of a manifest, where it was asked.
	Preview *Preview `json:"preview,omitempty"`
	// Adopt are open intents that the step takes up.
	Adopt []resource.Intent `json:"adopt,omitempty"`
	// From is a move's old address; ImportID an import's cloud id.
	From     resource.Address `json:"from,omitempty"`
	ImportID string           `json:"import_id,omitempty"`
	// Ending: of a delete, the whole cluster goes with it; see resource.Change.
	Ending bool `json:"ending,omitempty"`
	// Protected and DependsOn go into the record.
	Protected bool               `json:"protected,omitempty"`
	DependsOn []resource.Address `json:"depends_on,omitempty"`
}

// Drift is a difference between record and reality.
type Drift struct {
	Address resource.Address       `json:"address"`
	Kind    resource.Kind          `json:"kind"`
	ID      string                 `json:"id"`
	Gone    bool                   `json:"gone,omitempty"`
	Reason  string                 `json:"reason,omitempty"`
	Fields  []resource.FieldChange `json:"fields,omitempty"`
	// Observed is recorded by apply (and all that -refresh-only does); nil when gone.
	Observed *resource.Object `json:"observed,omitempty"`
}

// Recovered is an open intent and what was found of it.
type Recovered struct {
	Intent  resource.Intent    `json:"intent"`
	Status  resource.Status    `json:"status"`
	Found   []resource.Address `json:"found,omitempty"`
	Message string             `json:"message"`
}

// OutputChange is the change of a root output. Values of sensitive outputs are not in it.
type OutputChange struct {
	Name      string          `json:"name"`
	Action    Action          `json:"action"`
	Before    json.RawMessage `json:"before,omitempty"`
	After     json.RawMessage `json:"after,omitempty"`
	Unknown   bool            `json:"unknown,omitempty"`
	Sensitive bool            `json:"sensitive,omitempty"`
}

// Check is the result of a check block at plan time: pass, fail, unknown or error.
type Check struct {
	Address string `json:"address"`
	Status  string `json:"status"`
	Message string `json:"message,omitempty"`
}

// Summary is what a person wants to know before saying yes.
type Summary struct {
	Create  int `json:"create"`
	Update  int `json:"update"`
	Replace int `json:"replace"` // rolls included, each replacement once
	Destroy int `json:"destroy"`
	Adopt   int `json:"adopt"`
	Import  int `json:"import"`
	Move    int `json:"move"`
	Forget  int `json:"forget"`
	NoOp    int `json:"no_op"`
	Drifted int `json:"drifted"`
	// NodesDisrupted counts nodes that go away or are replaced.
	NodesDisrupted int `json:"nodes_disrupted"`
	// WorkloadsInterrupted counts workloads that stay and lose replicas for a while, because they are replaced or nodes of
	// their cluster are disrupted.
	WorkloadsInterrupted int `json:"workloads_interrupted"`
	// APICalls and Duration are estimates, under AWS's published limits.
	APICalls int           `json:"api_calls"`
	Duration time.Duration `json:"duration_ns"`
}

// HasChanges tells whether apply would do anything but refresh records.
func (p *Plan) HasChanges() bool {
	return len(p.Steps) > 0 || len(p.Protect) > 0 || p.outputsChange()
}

func (p *Plan) outputsChange() bool {
	for _, o := range p.Outputs {
		if o.Action != ActionNoOp {
			return true
		}
	}
	return false
}

// Request is what Make plans from.
type Request struct {
	Config *hclconfig.Configuration
	State  *resource.Snapshot
	// Drivers reads reality; nil with -refresh=false.
	Drivers Drivers
	Lookup  Lookup
	// Orchestration knows the orchestrators; with it, nodes join one and workloads are planned.
	Orchestration Orchestration
	// Previewer asks clusters what they would make of manifests; nil shows them as the files have them.
	Previewer Previewer
	// Find observes an object that is not recorded, for import blocks; nil makes them an error.
	Find func(ctx context.Context, rt resource.Runtime, region string, kind resource.Kind, id string) (*resource.Object, error)
	// Open opens the sealed value of a recorded output, to see whether it changes; nil plans it as changed.
	Open func(sealed string) ([]byte, error)
	Mode Mode
	// Targets, Excludes and Replace are addresses as the user wrote them.
	Targets, Excludes, Replace []string
	Now                        time.Time
	ToolVersion                string
	// NewUID makes a cluster's UID; deterministic in tests.
	NewUID func() string
	// Progress, when set, is told what is being read.
	Progress func(message string)
}

// Drivers finds the driver of a kind in a region.
type Drivers interface {
	Driver(region string, kind resource.Kind) (resource.Driver, error)
}

// Lookup answers what only the cloud knows and no record holds.
type Lookup interface {
	// Zones lists the names of the region's available zones, sorted.
	Zones(ctx context.Context, region string) ([]string, error)
	// Image resolves "ami-…" (returned as it is) or "ssm:/parameter/name" to an image id.
	Image(ctx context.Context, region, ref string) (string, error)
}
