package hclconfig

import (
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Options says how Load reads a configuration. The zero value reads from disk,
// with no variables set and default limits.
type Options struct {
	// Vars are the places variable values come from; a later one wins.
	// StandardVarSources collects them in the usual order.
	Vars []VarSource

	// Now is what timestamp() and plantimestamp() say. Zero means the time of Load.
	Now time.Time

	// Snapshot, if not nil, is read instead of the disk (a saved plan): a file
	// that is not in it does not exist.
	Snapshot *Sources

	// Limits bounds what is read; zero fields have defaults.
	Limits Limits

	// AllowMissingVariables makes a required variable that nobody set an
	// unknown value instead of an error, as `validate` wants it.
	AllowMissingVariables bool

	// Version is what clusterform.required_version is checked against and what
	// clusterform.version evaluates to, for example "0.1.0". Empty skips the check.
	Version string
}

// Limits bounds what Load and Evaluate read.
type Limits struct {
	FileBytes int64 // largest file; default 10 MiB
	Files     int   // number of files, modules included; default 10,000
	Nesting   int   // depth of brackets and blocks; default 200
	Modules   int   // depth of module calls; default 32
	Instances int   // objects after for_each; default 200,000
}

// Computed supplies the attributes of an object that exist only after apply: an
// object value such as {endpoint = "…", uid = "…"} for a cluster. ok is false
// while they are unknown; an attribute missing from the value is unknown too.
// It is called lazily, once per object that is referenced. Nil knows nothing.
type Computed func(addr Address) (value cty.Value, ok bool)

// Desired is what the files ask for, in the order of the files.
type Desired struct {
	Clusters  []*Cluster
	NodePools []*NodePool
	Workloads []*Workload
	Manifests []*Manifest
	Outputs   []*Output // of the root module
	Checks    []*CheckResult
	Moved     []Moved
	Removed   []Removed
	Imports   []Import
	Settings  Settings
}

// Settings is the clusterform block.
type Settings struct {
	RequiredVersion string // as written; already checked
	Range           hcl.Range
}

// Block is what the four main blocks have in common.
type Block struct {
	Address Address
	Name    string // the label: "worker"
	Module  string // path of the module instance: `module.edge["a"]`, empty at the root
	Key     string // the for_each key, empty without for_each
	Range   hcl.Range

	// References are the main blocks that expressions of this one mention,
	// directly or through locals, variables and outputs, with depends_on and
	// its cluster; sorted, without duplicates. An address without a key for a
	// block that has for_each stands for all of its instances; see Desired.Expand.
	References []Address
	DependsOn  []Address
	Lifecycle  Lifecycle

	// Unknown holds attribute paths not known until apply ("tags.owner",
	// "firewall.allow.web.from"); their Go fields hold the zero value.
	Unknown []string
}

// Lifecycle is the lifecycle block of a main block.
type Lifecycle struct {
	PreventDestroy      bool
	CreateBeforeDestroy bool
	IgnoreChanges       []string // attribute paths; "all" for everything
	ReplaceTriggeredBy  []Address
}

// Output is an output value of the root module.
type Output struct {
	Name        string
	Value       cty.Value // without marks; unknown parts are known after apply
	Sensitive   bool
	Description string
	Range       hcl.Range
	References  []Address
}

// CheckStatus is how an assertion ended.
type CheckStatus string

// The statuses of an assertion.
const (
	CheckPass    CheckStatus = "pass"
	CheckFail    CheckStatus = "fail"
	CheckUnknown CheckStatus = "unknown" // depends on what is known after apply
	CheckError   CheckStatus = "error"   // the condition itself could not be evaluated
)

// CheckResult is one assert block of a check block.
type CheckResult struct {
	Address Address // "check.health"
	Status  CheckStatus
	Message string // why it failed; never a sensitive value
	Range   hcl.Range
}

// Moved says that an object, or a module, got a new address.
type Moved struct {
	From, To Address
	Range    hcl.Range
}

// Removed says that an object, or a module, is no longer declared on purpose.
type Removed struct {
	From    Address
	Destroy bool // false: forget it, and leave it running
	Range   hcl.Range
}

// Import brings an existing cloud object under management.
type Import struct {
	To    Address // "node_pool.worker[0]" or "cluster.lab.vpc"
	ID    string  // the cloud's id: "i-0abc…", "vpc-0abc…"
	Range hcl.Range
}

// Variable is one root variable with the value it got.
type Variable struct {
	Name      string
	Value     cty.Value // without marks
	Type      cty.Type
	Sensitive bool
	From      string // "default", "-var", "CLUSTERFORM_VAR_x", a file name…
	Default   bool   // nobody set it
}

// Expand gives the addresses of the objects an address stands for: itself, or
// all instances when it names a block with for_each or a module.
func (d *Desired) Expand(addr Address) []Address {
	var out []Address
	add := func(b *Block) {
		if addr.Contains(b.Address) {
			out = append(out, b.Address)
		}
	}
	for _, b := range d.Blocks() {
		add(b)
	}
	return out
}

// Blocks lists the common part of every main block, clusters first.
func (d *Desired) Blocks() []*Block {
	out := make([]*Block, 0, len(d.Clusters)+len(d.NodePools)+len(d.Workloads)+len(d.Manifests))
	for _, x := range d.Clusters {
		out = append(out, &x.Block)
	}
	for _, x := range d.NodePools {
		out = append(out, &x.Block)
	}
	for _, x := range d.Workloads {
		out = append(out, &x.Block)
	}
	for _, x := range d.Manifests {
		out = append(out, &x.Block)
	}
	return out
}
