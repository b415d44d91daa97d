// Package engine is what the Terraform provider has in the place of a command line: it turns the resources of a Terraform
// run into blocks of clusterform's language, plans them with package planner and carries them out with internal/apply.
//
// Each cluster has a directory with its state and journal (internal/state), because a journal must be on disk before each
// call, and Terraform only records what a provider returns. What a person sees of it, schemas and messages, is in the
// parent package.
package engine

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// Cloud is what an engine needs of the cloud.
type Cloud interface {
	planner.Drivers
	planner.Lookup
	planner.SoftwareLookup
	// Orchestration knows the orchestrators.
	Orchestration() (planner.Orchestration, error)
	// Connect gives the client of a recorded cluster, ParametersOf its values in the Parameter Store.
	Connect(ctx context.Context, s *resource.Snapshot, cluster resource.Address) (orchestrator.Client, error)
	ParametersOf(s *resource.Snapshot, cluster resource.Address) (orchestrator.Parameters, error)
	// Find reads an object by its cloud id.
	Find(ctx context.Context, rt resource.Runtime, region string, kind resource.Kind, id string) (*resource.Object, error)
}

// Options are the settings of an Engine.
type Options struct {
	Cloud Cloud
	// Dir has a directory for each cluster below it.
	Dir string
	// Owner tells provider configurations apart that share a Dir: the account or endpoint they talk to.
	Owner string
	// WaitLaunched ends a node at its running instance.
	WaitLaunched bool
	// Parallelism bounds the batches under way; 0 is apply.DefaultParallelism.
	Parallelism int
	// Version is that of this program.
	Version string
	// Gather is how long the first change of a cluster waits for others to be carried out with it; default 100 ms.
	Gather time.Duration
	// LockTimeout is how long to wait for another process that changes the same cluster; default 10 minutes.
	LockTimeout time.Duration
}

// Engine holds the clusters of one provider configuration. It is safe for concurrent use.
type Engine struct {
	opts Options

	mu       sync.Mutex
	clusters map[ID]*Cluster
}

// New returns an Engine. It touches neither the disk nor the cloud.
func New(opts Options) *Engine {
	if opts.Gather <= 0 {
		opts.Gather = 100 * time.Millisecond
	}
	if opts.LockTimeout <= 0 {
		opts.LockTimeout = 10 * time.Minute
	}
	return &Engine{opts: opts, clusters: map[ID]*Cluster{}}
}

// ID names a cluster: its region and its name. Both are known when planning, and a change of either is another cluster.
type ID struct{ Region, Name string }

// String is the form that Terraform has as id: "eu-central-1/lab".
func (i ID) String() string { return i.Region + "/" + i.Name }

// Address is the cluster's in the language.
func (i ID) Address() resource.Address { return resource.Address("cluster." + i.Name) }

// ParseID reads "REGION/NAME", or a name alone in the default region.
func ParseID(s, defaultRegion string) (ID, error) {
	region, name, ok := strings.Cut(s, "/")
	if !ok {
		region, name = defaultRegion, s
	}
	switch {
	case region == "":
		return ID{}, fmt.Errorf("%q names no region, and the provider has none: write REGION/NAME, or set region in the provider", s)
	case !isName(region) || !isName(name):
		return ID{}, fmt.Errorf("%q is not a cluster's id: write REGION/NAME, such as eu-central-1/lab", s)
	}
	return ID{region, name}, nil
}

// isName keeps what becomes a part of a path to the letters of a DNS label.
func isName(s string) bool {
	if s == "" || len(s) > 63 {
		return false
	}
	for _, c := range []byte(s) {
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// Cluster returns the cluster of an id, which need not exist.
func (e *Engine) Cluster(id ID) *Cluster {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.clusters[id]
	if c == nil {
		c = &Cluster{
			engine: e, id: id, dir: filepath.Join(e.opts.Dir, id.Region, id.Name),
			declared: map[resource.Address]Block{}, deferred: map[resource.Address]bool{}, observed: newObserved(e.opts.Cloud),
		}
		c.lookup = &lookup{cloud: e.opts.Cloud, path: filepath.Join(c.dir, "lookups.json"), owner: e.opts.Owner}
		e.clusters[id] = c
	}
	return c
}

// Cluster is one cluster with all that belongs to it.
type Cluster struct {
	engine   *Engine
	id       ID
	dir      string
	observed *observed
	lookup   *lookup

	// restoring is held while a lost record is restored, admitting while a join token is made.
	restoring, admitting sync.Mutex

	mu sync.Mutex
	// declared is what this run of Terraform wants, as far as it was heard of.
	declared map[resource.Address]Block
	// deferred are blocks that are wanted and not known yet.
	deferred map[resource.Address]bool
	// refreshed says that this run of Terraform looked at what is really there, which planning may use.
	refreshed bool
	// waiting are the changes for the next run of the engine; busy says that one is under way or about to be.
	waiting []*change
	busy    bool
}

// ID is the cluster's.
func (c *Cluster) ID() ID { return c.id }

// Declare notes what this run of Terraform wants of a block, for planning the others.
func (c *Cluster) Declare(b Block) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.declared[b.Address()] = b
	delete(c.deferred, b.Address())
}

// Defer notes that a block is wanted and not known yet: what needs it is planned when it is.
func (c *Cluster) Defer(a resource.Address) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deferred[a] = true
}

// LookAgain makes the next Read ask the cloud.
func (c *Cluster) LookAgain() { c.observed.forget() }

// IDs lists the clusters on record, sorted.
func (e *Engine) IDs() ([]ID, error) {
	paths, err := filepath.Glob(filepath.Join(e.opts.Dir, "*", "*", "blocks.json"))
	if err != nil {
		return nil, err
	}
	var out []ID
	for _, p := range paths {
		dir := filepath.Dir(p)
		out = append(out, ID{Region: filepath.Base(filepath.Dir(dir)), Name: filepath.Base(dir)})
	}
	return out, nil
}
