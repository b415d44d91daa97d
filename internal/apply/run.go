package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// abandonAfter is how long a canceled run still waits for its drivers to come back, in which time their calls in flight
// are recorded.
const abandonAfter = 5 * time.Second

// Run carries a plan out and returns when everything that could be done is done. A failed step stops those that need it
// and no others; every failure is in the *Error returned. Result is never nil once the run began; a *StaleError or a
// *ChangedError comes before anything was touched, without one.
func Run(ctx context.Context, o Options) (*Result, error) {
	r, err := newRun(o.withDefaults())
	if err != nil {
		return nil, err
	}
	if err := r.refuseStale(); err != nil {
		return nil, err
	}
	if r.Verify {
		if err := verify(ctx, r); err != nil {
			return nil, err
		}
	}
	r.begin(ctx)
	r.loop(ctx)
	r.finish(ctx)
	return r.result()
}

// run is one call of Run. The goroutine that called it owns everything but what is below mu.
type run struct {
	Options
	steps   []planner.Step
	graph   *graph
	queue   *queue
	started time.Time
	calls0  int
	// local are ready steps that no driver is needed for, or not yet: they change the record alone or have unknown values.
	local []int32
	// after are the objects of steps whose unknown values were resolved; nothing is an update that turned out to be none.
	after map[int32]resolved
	// errs are why steps failed.
	errs map[int32]error
	// active counts the running steps of an address; unsure are addresses where a create may have made something that is
	// not recorded. Both keep intents open that an outcome would close.
	active map[resource.Address]int
	unsure map[resource.Address]bool

	batches    int // with a driver now
	drained    bool
	canceled   error
	outputs    map[string]resource.OutputRecord
	outputsErr error

	wake     chan struct{} // something is in the inbox
	stopping chan struct{} // closed when nothing new is started

	mu     sync.Mutex
	inbox  []message
	begun  []bool // by step: an intent was written
	blobs  map[string]string
	halted bool  // nothing new is started; stopping is closed then
	fatal  error // why, when it is not a drain
	ended  bool  // the journal is not ours any more
}

// message is what a driver's goroutine tells the run: a step's outcome, or that the batch is over.
type message struct {
	batch  *batch
	index  int
	result resource.Result
	// left: the end of the run kept the step from starting.
	left bool
	over bool
}

func newRun(o Options) (*run, error) {
	switch {
	case o.Plan == nil:
		return nil, errors.New("apply: no plan given")
	case o.Journal == nil:
		return nil, errors.New("apply: no journal given")
	case o.Drivers == nil && len(o.Plan.Steps) > 0:
		return nil, errors.New("apply: no drivers given")
	}
	g, err := newGraph(o.Plan.Steps)
	if err != nil {
		return nil, err
	}
	r := &run{
		Options: o, steps: o.Plan.Steps, graph: g, queue: newQueue(), started: o.Now(),
		after: map[int32]resolved{}, errs: map[int32]error{},
		active: map[resource.Address]int{}, unsure: map[resource.Address]bool{},
		wake: make(chan struct{}, 1), stopping: make(chan struct{}), begun: make([]bool, len(o.Plan.Steps)), blobs: map[string]string{},
	}
	if o.Calls != nil {
		r.calls0 = o.Calls()
	}
	return r, nil
}

// loop runs the graph: it starts what is ready, waits for something to happen, and records it.
func (r *run) loop(ctx context.Context) {
	stop, canceled, lost := r.Stop, ctx.Done(), r.lostLock()
	var abandon <-chan time.Time
	r.graph.roots(r.enqueue)
	for {
		if closed(stop) {
			stop = nil
			r.drain("stopping: nothing new is started")
		}
		if closed(canceled) {
			canceled = nil
			r.canceled = context.Cause(ctx)
			r.drain("canceled: nothing new is started")
			abandon = time.After(abandonAfter)
		}
		if closed(lost) {
			lost = nil
			r.fail(r.whyLost(ctx))
		}
		r.prepare(ctx)
		r.dispatch(ctx)
		if r.batches == 0 {
			return
		}
		select {
		case <-r.wake:
			r.settle(ctx)
		case <-stop:
		case <-canceled:
		case <-lost:
		case <-abandon:
			r.settle(ctx)
			r.abandon()
			return
		}
	}
}

// lostLock is closed when the journal finds out by itself that its lock is gone; nil for one that does not look.
func (r *run) lostLock() <-chan struct{} {
	if j, ok := r.Journal.(interface{ Lost() <-chan struct{} }); ok {
		return j.Lost()
	}
	return nil
}

func (r *run) whyLost(ctx context.Context) error {
	if err := r.Journal.Commit(context.WithoutCancel(ctx), true); err != nil {
		return err
	}
	return errors.New("the lock on the state was lost; nothing new was started")
}

func closed[T any](c <-chan T) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// abandon gives up on drivers that do not come back from a canceled context. Their intents stay open.
func (r *run) abandon() {
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	for id := range r.steps {
		if r.graph.state[id] == running {
			r.failStep(int32(id), fmt.Errorf("it was in flight when the run was canceled (%w); the next plan finds out what became of it", r.canceled), time.Time{})
		}
	}
}

// enqueue puts a ready step where its turn comes from.
func (r *run) enqueue(id int32) {
	s := &r.steps[id]
	if s.Operation == "" || takesUp(s) || len(s.Unknown) > 0 {
		r.local = append(r.local, id)
		return
	}
	r.queue.push(keyOf(s), id)
}

// takesUp tells a step that records an object which exists already, before it changes it.
func takesUp(s *planner.Step) bool {
	return s.Action == planner.ActionImport || s.Action == planner.ActionAdopt && s.Operation != resource.Create
}

// operation is what the driver does in a step. An imported object is tagged as ours, even if nothing else changes.
func operation(s *planner.Step) resource.Operation {
	if s.Action == planner.ActionImport {
		return resource.Update
	}
	return s.Operation
}

func keyOf(s *planner.Step) batchKey {
	k := batchKey{kind: s.Kind, operation: operation(s)}
	switch {
	case s.After != nil:
		k.region = s.After.Region
	case s.Before != nil:
		k.region = s.Before.Region
	}
	return k
}

// drain makes the run start nothing new.
func (r *run) drain(why string) {
	r.mu.Lock()
	r.halt()
	r.mu.Unlock()
	r.drained = true
	if n := r.graph.count[running]; n > 0 {
		why += fmt.Sprintf("; waiting for %d running", n)
	}
	r.emit(event.Event{Type: event.Draining, Message: why})
}

// fail ends the run as a whole: what runs is waited for, nothing else is started. Drivers' goroutines call it too.
func (r *run) fail(err error) {
	r.mu.Lock()
	first := r.fatal == nil
	if first {
		r.fatal = err
	}
	r.halt()
	r.mu.Unlock()
	if first {
		r.emit(event.Event{Type: event.Draining, Message: "nothing new is started", Error: printable(err.Error())})
	}
}

// halt keeps everything from beginning that has not begun; r.mu is held.
func (r *run) halt() {
	if !r.halted {
		r.halted = true
		close(r.stopping)
	}
}

func (r *run) isHalted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.halted
}

// failStep ends a step with an error, and with it everything that needs it. since is when it started, zero if it did not.
func (r *run) failStep(id int32, err error, since time.Time) {
	r.errs[id] = err
	address := string(r.steps[id].Address)
	var behind []int32
	r.graph.stop(id, failed, skipped, func(id int32) { behind = append(behind, id) })
	r.emitStep(event.StepErrored, id, func(e *event.Event) {
		e.Error = cause(err)
		if !since.IsZero() {
			e.Elapsed = r.Now().Sub(since)
		}
	})
	for _, id := range behind {
		r.emitStep(event.StepSkipped, id, func(e *event.Event) { e.Message = "not started because of " + address })
	}
}

// result sums up.
func (r *run) result() (*Result, error) {
	r.mu.Lock()
	r.ended = true
	fatal := r.fatal
	r.mu.Unlock()
	c := r.graph.count
	res := &Result{
		Total: len(r.steps), Done: c[done], Failed: c[failed], Skipped: c[skipped],
		Remaining: c[waiting] + c[ready] + c[remaining],
		Elapsed:   r.Now().Sub(r.started), Drained: r.drained, Outputs: r.outputs,
	}
	if r.Calls != nil {
		res.Calls = r.Calls() - r.calls0
	}
	for id, err := range r.errs {
		res.Errors = append(res.Errors, StepError{Step: &r.steps[id], Err: err})
	}
	slices.SortFunc(res.Errors, func(a, b StepError) int { return int(a.Step.ID - b.Step.ID) })
	r.emit(event.Event{
		Type: event.ApplyComplete, Done: res.Done, Total: res.Total, Elapsed: res.Elapsed, Calls: res.Calls,
		Message: fmt.Sprintf("%d done, %d failed, %d skipped, %d remaining", res.Done, res.Failed, res.Skipped, res.Remaining),
	})
	if fatal == nil && r.canceled != nil && res.Failed+res.Remaining > 0 {
		fatal = fmt.Errorf("the run was canceled: %w", r.canceled)
	}
	if fatal == nil && res.Failed == 0 && res.Remaining == 0 && r.outputsErr == nil {
		return res, nil
	}
	return res, &Error{Fatal: fatal, Steps: res.Errors, Outputs: r.outputsErr, Skipped: res.Skipped, Remaining: res.Remaining}
}
