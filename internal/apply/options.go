package apply

import (
	"context"
	"time"

	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// DefaultParallelism is how many batches run at once when Options does not say.
const DefaultParallelism = 10

// Options is what a run needs.
type Options struct {
	// Plan is what to do. Run does not change it.
	Plan *planner.Plan
	// Journal is where outcomes go: a locked *state.Session.
	Journal Journal
	Drivers planner.Drivers
	// Evaluator resolves what the plan could not know; it may be nil for a plan without unknown values.
	Evaluator Evaluator
	// Events is told what happens; nil drops it.
	Events event.Sink
	// Parallelism bounds the batches that are with a driver at the same time, 0 is DefaultParallelism. How many calls a
	// driver makes at once is the driver's own matter.
	Parallelism int
	// WaitLaunched ends a node at its running instance (-wait=launched).
	WaitLaunched bool
	// Stop, when closed, drains the run: nothing new is started, what runs is waited for. A canceled context stops the
	// waiting too; what is in flight then is found by its intent in the next run.
	Stop <-chan struct{}
	// Verify reads the objects that the plan touches again, before anything else, and refuses what changed since it was
	// made. It is for saved plans.
	Verify bool
	// Deduce takes what steps changed of other objects for granted where it follows from them, instead of reading those again:
	// for callers that read everything before they rely on it, as Terraform does.
	Deduce bool
	// Outputs evaluates the root outputs at the end, nil leaves the recorded ones.
	Outputs func(ctx context.Context, snap *resource.Snapshot) (map[string]resource.OutputRecord, error)
	// Calls counts API calls so far, for Result and events; may be nil.
	Calls func() int
	// Now is the clock, time.Now by default.
	Now func() time.Time
}

// Journal is the state that a run writes to and looks things up in. All methods may be called at the same time.
type Journal interface {
	// Snapshot is the state as it is now.
	Snapshot() *resource.Snapshot
	// Record is the current object at an address.
	Record(resource.Address) (*resource.Record, bool)
	// RecordByID is the address of the current object with a cloud id.
	RecordByID(kind resource.Kind, id string) (resource.Address, bool)
	// Commit appends the entries as one atomic record; durable waits until it is on disk.
	Commit(ctx context.Context, durable bool, entries ...state.Entry) error
}

var _ Journal = (*state.Session)(nil)

// Evaluator evaluates a step again when the objects that it refers to exist.
type Evaluator interface {
	// Resolve returns the object wanted, with the values that were unknown, and the content of blobs it newly points to.
	Resolve(ctx context.Context, step *planner.Step, snap *resource.Snapshot) (after *resource.Object, blobs map[string]string, err error)
	// Content returns what the plan leaves out because it holds secrets, by digest.
	Content(ctx context.Context, digest string, snap *resource.Snapshot) ([]byte, bool)
}

// Result is how a run ended. Its counts are of steps.
type Result struct {
	Total, Done, Failed int
	// Skipped steps stand behind a failed one. Remaining ones were not started because the run was stopped.
	Skipped, Remaining int
	// Calls are the API calls made, where Options.Calls counts them.
	Calls   int
	Elapsed time.Duration
	// Drained says that Stop or a canceled context ended the run early.
	Drained bool
	// Errors are the failed steps in the plan's order.
	Errors []StepError
	// Outputs are those recorded at the end, sensitive ones sealed.
	Outputs map[string]resource.OutputRecord
}

func (o Options) withDefaults() Options {
	if o.Events == nil {
		o.Events = event.Discard
	}
	if o.Parallelism <= 0 {
		o.Parallelism = DefaultParallelism
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}
