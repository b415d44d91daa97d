package cli

import (
	"context"
	"errors"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/apply"
	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/internal/render"
	"github.com/clusterform/clusterform/internal/seal"
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/planfile"
	"github.com/clusterform/clusterform/planner/resource"
)

// Run is the way from files to recorded state. plan, apply, destroy and import are all this, with other settings.
type Run struct {
	*App
	Plan PlanFlags
	// Apply is nil when the run ends with the plan.
	Apply *ApplyFlags
	// PlanFile is a saved plan to carry out; Out is where to save the one made.
	PlanFile, Out string
	// DetailedExitCode gives 2 for changes and 3 for drift alone.
	DetailedExitCode bool
	// Import is an import besides those of the files.
	Import *hclconfig.Import
	// Operation names the command in the lock.
	Operation string
	// Choose, if set, fills in Plan from what is recorded; errDone ends the run. Accept, if set, may refuse what was planned.
	Choose func(ctx context.Context, r *Run) error
	Accept func(*planner.Plan) error

	view    view
	signals *interrupts
	cloud   *engine
	events  *switchable
	cfg     *hclconfig.Configuration
	state   *resource.Snapshot
	session *state.Session
	plan    *planner.Plan
	result  *apply.Result
	done    planner.Summary
}

// Do goes the way: load, plan, render, approve, apply. Each step shows its own diagnostics.
func (r *Run) Do(ctx context.Context) error {
	defer r.begin(ctx)()
	for _, step := range []func(context.Context) error{
		r.load,    // hclconfig: the files and variables, or those inside of a saved plan
		r.connect, // internal/aws and internal/orchestrator/drivers: nothing is called yet
		r.lock,    // internal/state: what is recorded; only a run that applies takes the lock
		r.choose,  // what of it is to be planned, where the command says so by itself
		r.make,    // planner: refresh, compare, order; or the saved plan as it is
		r.render,  // internal/render: what would be done
		r.save,    // planner/planfile: for -out
		r.approve, // a person says yes, or -auto-approve did
		r.apply,   // internal/apply: carries the plan out and records each outcome
		r.close,   // what came of it
	} {
		switch err := step(ctx); {
		case errors.Is(err, errDone):
			return r.code()
		case err != nil:
			return r.fail(err)
		}
	}
	return nil
}

// errDone ends a run that has nothing more to do.
var errDone = errors.New("done")

func (r *Run) begin(ctx context.Context) (end func()) {
	r.view = r.App.view(r.Plan.OutputFlags)
	r.signals = r.interrupts(ctx)
	r.events = &switchable{}
	r.events.set(event.Discard)
	say := r.view.Note
	r.signals.say.Store(&say)
	return func() {
		if r.cloud != nil {
			_ = r.cloud.close() // what it did is recorded; the process ends
		}
		r.signals.close()
		if r.session != nil {
			if err := r.session.Close(context.WithoutCancel(ctx)); err != nil {
				r.show(err)
			}
		}
	}
}

func (r *Run) load(context.Context) error {
	if r.PlanFile != "" {
		return r.loadSaved()
	}
	vars, diags := r.Plan.sources(r.App)
	cfg, more := hclconfig.Load(r.Dir, hclconfig.Options{Vars: vars, Now: r.Now(), Version: r.Version})
	r.cfg, diags = cfg, append(diags, more...)
	if r.Plan.Destroy && onlyEmpty(cfg) {
		r.cfg = nil // the files are gone; the records say enough
		return nil
	}
	if diags.HasErrors() && !onlyEmpty(cfg) {
		_, more = cfg.Evaluate(nil) // planning would not get to them, and all mistakes are told at once
		diags = append(diags, more...)
	}
	if r.Import != nil && !diags.HasErrors() {
		cfg, diags = withImport(r, cfg, vars)
		r.cfg = cfg
	}
	return r.check(diags)
}

func (r *Run) connect(context.Context) error {
	o := CloudOptions{Parallelism: apply.DefaultParallelism, Events: r.events, UserAgent: "clusterform/" + r.Version}
	wait := r.Env(waitVariable)
	if r.Apply != nil {
		o.Parallelism, wait = r.Apply.Parallelism, r.Apply.Wait
	}
	key, err := r.digestKey(r.Apply != nil || r.Out != "")
	if err != nil {
		return err
	}
	r.cloud = r.newEngine(o, key, wait == "launched")
	return nil
}

// check shows diagnostics and fails when there are errors among them.
func (r *Run) check(diags hclconfig.Diagnostics) error {
	var sources hclconfig.Sources
	if r.cfg != nil {
		sources = r.cfg.Sources()
	}
	r.view.Diagnostics(diags, sources)
	if diags.HasErrors() {
		return errReported
	}
	return nil
}

func (r *Run) lock(context.Context) error {
	f, err := r.stateFile(r.Plan.State)
	if err != nil {
		return err
	}
	if r.Apply == nil {
		r.state, err = f.Read(r.signals.plan)
		return err
	}
	r.sayWaiting(f)
	if r.session, err = f.Lock(r.signals.plan, state.LockRequest{Operation: r.Operation, Wait: r.Apply.LockTimeout}); err != nil {
		return err
	}
	r.state = r.session.Snapshot()
	return nil
}

func (r *Run) choose(context.Context) error {
	if r.Choose == nil {
		return nil
	}
	return r.Choose(r.signals.plan, r)
}

func (r *Run) make(context.Context) error {
	if r.plan != nil { // a saved one
		return nil
	}
	req := planner.Request{
		Config: r.cfg, State: r.state, Lookup: r.cloud, Find: r.cloud.Find, Orchestration: r.cloud.orchestration, Mode: r.Plan.mode(),
		Targets: r.Plan.Targets, Excludes: r.Plan.Excludes, Replace: r.Plan.Replace,
		Now: r.Now(), ToolVersion: r.Version, Progress: r.view.Note, Open: r.unseal,
	}
	if r.Plan.Refresh {
		req.Drivers, req.Previewer = r.cloud, r.cloud
	}
	plan, diags := planner.Make(r.signals.plan, req)
	if r.signals.interrupted() {
		return errReported
	}
	if err := r.check(diags); err != nil {
		return err
	}
	r.plan = plan
	if r.Accept != nil {
		return r.Accept(plan)
	}
	return nil
}

func (f *PlanFlags) mode() planner.Mode {
	switch {
	case f.Destroy:
		return planner.ModeDestroy
	case f.RefreshOnly:
		return planner.ModeRefreshOnly
	default:
		return planner.ModeNormal
	}
}

func (r *Run) render(context.Context) error {
	if r.PlanFile == "" || r.Plan.JSON {
		r.view.Plan(r.plan)
	}
	return nil
}

func (r *Run) save(context.Context) error {
	if r.Out == "" {
		return nil
	}
	key, err := seal.Ensure(r.dataDir(), r.Environ)
	if err != nil {
		return err
	}
	saved := &planfile.Saved{Plan: r.plan}
	if r.cfg != nil {
		saved.Sources, saved.Variables = r.cfg.Sources(), r.cfg.Variables()
	}
	if err := writePlanFile(r.Path(r.Out), saved, key); err != nil {
		return err
	}
	r.view.Saved(r.Out)
	return nil
}

// approve ends a run that has nothing to apply, or may not.
func (r *Run) approve(context.Context) error {
	switch {
	case r.Apply == nil:
		return errDone
	case !r.records():
		r.result = &apply.Result{Outputs: r.state.Outputs}
		return nil
	case r.PlanFile != "" || r.Apply.AutoApprove:
		return nil
	case !r.plan.HasChanges() && r.plan.Mode != planner.ModeRefreshOnly:
		return nil // only records are brought up to date
	case r.Plan.JSON:
		return usagef("-json cannot ask: add -auto-approve, or apply a saved plan")
	case !r.Plan.Input || !r.InTTY:
		return usagef("there is no terminal to ask for approval: add -auto-approve, or save a plan with `clusterform plan -out=FILE` and apply that")
	}
	return r.ask()
}

// records tells whether applying would write anything.
func (r *Run) records() bool {
	p := r.plan
	return p.HasChanges() || len(p.Drift) > 0 || len(p.Recovered) > 0 || len(p.Protect) > 0
}

func (r *Run) apply(ctx context.Context) error {
	if r.result != nil {
		return nil
	}
	progress := r.view.Progress()
	counter := render.NewCounter(progress)
	r.events.set(counter)
	say := func(message string) { counter.Emit(event.Event{Type: event.Log, At: r.Now(), Message: message}) }
	r.signals.say.Store(&say)
	r.signals.applying.Store(true)
	result, err := apply.Run(r.signals.work, apply.Options{
		Plan: r.plan, Journal: r.session, Drivers: r.cloud, Events: r.events,
		Evaluator:   planner.NewEvaluator(r.cfg, r.plan).WithOrchestration(r.cloud.orchestration),
		Parallelism: r.Apply.Parallelism, WaitLaunched: r.Apply.Wait == "launched", Stop: r.signals.drain,
		Verify: r.PlanFile != "" && r.Plan.Refresh, Calls: r.calls, Now: r.Now,
		Outputs: func(_ context.Context, snap *resource.Snapshot) (map[string]resource.OutputRecord, error) {
			return r.outputs(snap)
		},
	})
	progress.Close()
	note := r.view.Note
	r.signals.say.Store(&note)
	r.done = counter.Done()
	if result == nil {
		return err // refused before anything was touched
	}
	r.result = result
	if err != nil {
		r.view.Applied(r.applied(true))
		return err
	}
	return nil
}

func (r *Run) close(context.Context) error {
	r.view.Applied(r.applied(false))
	return nil
}

func (r *Run) applied(failed bool) render.Applied {
	return render.Applied{
		Mode: r.plan.Mode, Done: r.done, Failed: r.result.Failed, Skipped: r.result.Skipped, Remaining: r.result.Remaining,
		Calls: r.result.Calls, Elapsed: r.result.Elapsed, Err: failed, Outputs: r.result.Outputs,
	}
}

func (r *Run) calls() int {
	n := 0
	for _, c := range r.cloud.Calls() {
		n += c
	}
	return n
}

// code is the exit code of a plan.
func (r *Run) code() error {
	switch {
	case !r.DetailedExitCode:
		return nil
	case r.plan.HasChanges():
		return exit(ExitChanges)
	case len(r.plan.Drift) > 0:
		return exit(ExitDrift)
	default:
		return nil
	}
}
