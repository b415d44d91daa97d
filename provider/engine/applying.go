package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/apply"
	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// Outcome is what became of a change.
type Outcome struct {
	Phase     string
	LastError string
	// Recorded: something of the resource exists, or may: it must not be forgotten.
	Recorded bool
	UID      string
	Values   map[string]cty.Value
	// Errors are why it is not as wanted; with Recorded the next apply goes on from there.
	Errors hclconfig.Diagnostics
}

// change is a resource's change that waits for the engine.
type change struct {
	ctx    context.Context
	block  Block
	remove bool
	// replace asks for the pool's nodes to be replaced, one after another as its update block says.
	replace bool
	// look reads reality before planning, since the last refresh found it otherwise than recorded.
	look bool
	// together: it is not carried out without the others of its batch that say so.
	together bool
	// events hears of what happens; nobody does by default.
	events event.Sink
	done   chan *Outcome
}

// Apply makes or changes a resource. look reads reality again before.
func (c *Cluster) Apply(ctx context.Context, b Block, look bool) *Outcome {
	c.Declare(b)
	return c.enqueue(&change{ctx: ctx, block: b, look: look})[0]
}

// Rotate replaces the nodes of a pool or of a control plane, as its update block says. What happens is told to events.
func (c *Cluster) Rotate(ctx context.Context, b Block, events event.Sink) *Outcome {
	return c.enqueue(&change{ctx: ctx, block: b, replace: true, look: true, events: events})[0]
}

// Remove takes a resource away. Removing a cluster takes everything with it that is recorded of it.
func (c *Cluster) Remove(ctx context.Context, b Block) *Outcome {
	c.mu.Lock()
	delete(c.declared, b.Address())
	c.mu.Unlock()
	return c.enqueue(&change{ctx: ctx, block: b, remove: true, look: true})[0]
}

// enqueue hands changes to the next run of the engine. Terraform changes resources one by one; those of one cluster that
// come at the same moment are planned and carried out together, as the command line would.
func (c *Cluster) enqueue(changes ...*change) []*Outcome {
	for _, ch := range changes {
		ch.done = make(chan *Outcome, 1)
	}
	c.mu.Lock()
	c.waiting = append(c.waiting, changes...)
	if !c.busy {
		c.busy = true
		go c.work()
	}
	c.mu.Unlock()
	out := make([]*Outcome, len(changes))
	for i, ch := range changes {
		out[i] = <-ch.done
	}
	return out
}

func (c *Cluster) work() {
	for {
		time.Sleep(c.engine.opts.Gather)
		c.mu.Lock()
		batch := c.waiting
		c.waiting = nil
		if len(batch) == 0 {
			c.busy = false
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		c.carryOut(batch)
	}
}

// carryOut runs a batch. When it cannot be planned as a whole, each change is tried by itself, so that one resource's
// mistake is not another's.
func (c *Cluster) carryOut(batch []*change) {
	ctx, cancel := untilAll(batch)
	defer cancel()
	outcomes, err := c.run(ctx, batch)
	if parts := apart(batch); err != nil && len(parts) > 1 {
		for _, part := range parts {
			c.carryOut(part)
		}
		return
	}
	for i, ch := range batch {
		if err != nil {
			ch.done <- &Outcome{Errors: asDiagnostics(err)}
			continue
		}
		ch.done <- outcomes[i]
	}
}

// untilAll is a context that ends when everyone who waits has given up.
func untilAll(batch []*change) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(batch[0].ctx))
	stop := make(chan struct{})
	go func() {
		for _, ch := range batch {
			select {
			case <-ch.ctx.Done():
			case <-stop:
				return
			}
		}
		cancel(context.Cause(batch[0].ctx))
	}()
	return ctx, func() { close(stop); cancel(nil) }
}

// run is the engine's way for a batch: lock, plan, apply, see what came of it. An error is one before anything was
// touched.
func (c *Cluster) run(ctx context.Context, batch []*change) (outcomes []*Outcome, err error) {
	file, err := c.state()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, err
	}
	session, err := file.Lock(ctx, state.LockRequest{Operation: "terraform apply", Wait: c.engine.opts.LockTimeout})
	if err != nil {
		return nil, err
	}
	ended, uid := false, session.Snapshot().Clusters[c.id.Address()].UID
	defer func() {
		err = errors.Join(err, session.Close(context.WithoutCancel(ctx)))
		if ended && err == nil {
			err = c.forget(uid)
		}
	}()
	s, err := c.stored()
	if err != nil {
		return nil, err
	}
	s.Owner = c.engine.opts.Owner
	wanted := c.blocks(s)
	for _, ch := range batch {
		if ch.remove {
			delete(wanted, ch.block.Address())
			closeFirewall(wanted, c.id.Address(), ch.block)
		}
	}
	job := &job{cluster: c, session: session, batch: batch, wanted: wanted}
	if err := job.plan(ctx); err != nil {
		return nil, err
	}
	// What is wanted is on disk before anything is made, as the next run needs it to go on.
	for _, ch := range batch {
		if !ch.remove {
			s.Blocks[ch.block.Address()] = ch.block
		}
	}
	if err := c.save(s); err != nil {
		return nil, err
	}
	defer c.observed.forget()
	outcomes = job.apply(ctx)
	for i, ch := range batch {
		if ch.remove && !outcomes[i].Recorded {
			delete(s.Blocks, ch.block.Address())
		}
	}
	snap := session.Snapshot()
	if now := snap.Clusters[c.id.Address()].UID; now != "" {
		uid = now
	}
	ended = len(s.Blocks) == 0 && len(snap.Records) == 0 && len(snap.Deposed) == 0 && len(snap.Intents) == 0
	return outcomes, c.save(s)
}

// job is one run of the engine.
type job struct {
	cluster *Cluster
	session *state.Session
	batch   []*change
	wanted  map[resource.Address]Block

	made *planner.Plan
	cfg  *hclconfig.Configuration
}

// plan makes the plan of a batch; it stays nil when there is nothing to do.
func (j *job) plan(ctx context.Context) error {
	snap := j.session.Snapshot()
	look := len(snap.Intents) > 0 || begunOnly(snap)
	var targets []resource.Address
	whole := false
	for _, ch := range j.batch {
		a := ch.block.Address()
		look = look || ch.look
		if ch.remove {
			whole = whole || ch.block.Type == "cluster"
			if !exists(snap, a) {
				continue
			}
		}
		targets = append(targets, a)
	}
	var drivers planner.Drivers
	if look {
		drivers = j.cluster.engine.opts.Cloud
	}
	if whole {
		return j.planEnd(ctx, snap, drivers)
	}
	if len(targets) == 0 {
		return nil
	}
	if _, has := j.wanted[j.cluster.id.Address()]; !has {
		return errors.New(j.cluster.missing(j.batch[0].block).Detail)
	}
	plan, cfg, diags := j.cluster.makeReplacing(ctx, j.wanted, snap, drivers, nil, j.replaced(snap), targets...)
	if diags.HasErrors() {
		return &planError{diags}
	}
	j.made, j.cfg = plan, cfg
	return nil
}

// replaced are the nodes that were asked to be replaced.
func (j *job) replaced(snap *resource.Snapshot) []string {
	var out []string
	for _, ch := range j.batch {
		if !ch.replace {
			continue
		}
		for a, r := range snap.Records {
			if r.Kind == resource.KindNode && ch.block.Address().Contains(a) {
				out = append(out, string(a))
			}
		}
	}
	slices.Sort(out)
	return out
}

// planEnd plans the end of the whole cluster.
func (j *job) planEnd(ctx context.Context, snap *resource.Snapshot, drivers planner.Drivers) error {
	if len(snap.Clusters) == 0 && len(snap.Records) == 0 {
		return nil
	}
	orchestration, err := j.cluster.engine.opts.Cloud.Orchestration()
	if err != nil {
		return err
	}
	req := planner.Request{
		Orchestration: orchestration, State: snap, Drivers: drivers, Lookup: j.cluster.lookup, Mode: planner.ModeDestroy, ToolVersion: j.cluster.engine.opts.Version,
	}
	if begunOnly(snap) {
		req.Config = j.ending()
	}
	plan, diags := planner.Make(ctx, req)
	if diags.HasErrors() {
		return &planError{diags}
	}
	j.made = plan
	return nil
}

// ending is the configuration with what is to end: objects that are found by their tags alone are only removed for blocks
// that speak for them. It is nil when it cannot be read.
func (j *job) ending() *hclconfig.Configuration {
	blocks := maps.Clone(j.wanted)
	for _, ch := range j.batch {
		blocks[ch.block.Address()] = ch.block
	}
	if _, has := blocks[j.cluster.id.Address()]; !has {
		return nil
	}
	cfg, diags := load(blocks, j.cluster.engine.opts.Version)
	if diags.HasErrors() {
		return nil
	}
	return cfg
}

// begunOnly is a cluster of which only the identity is recorded: what its first run made is found by its tags.
func begunOnly(snap *resource.Snapshot) bool {
	return len(snap.Clusters) > 0 && len(snap.Records) == 0
}

func exists(snap *resource.Snapshot, a resource.Address) bool {
	for x := range snap.Records {
		if a.Contains(x) {
			return true
		}
	}
	for x := range snap.Deposed {
		if a.Contains(x) {
			return true
		}
	}
	return slices.ContainsFunc(snap.Intents, func(in resource.Intent) bool {
		return slices.ContainsFunc(in.Addresses, a.Contains)
	})
}

// apply carries the plan out and says of each change what became of it.
func (j *job) apply(ctx context.Context) []*Outcome {
	var failed error
	if j.made != nil {
		orchestration, _ := j.cluster.engine.opts.Cloud.Orchestration() // the plan was made with it
		_, failed = apply.Run(ctx, apply.Options{
			Plan: j.made, Journal: j.session, Drivers: j.cluster.engine.opts.Cloud,
			Evaluator:   planner.NewEvaluator(j.cfg, j.made).WithOrchestration(orchestration),
			Parallelism: j.cluster.engine.opts.Parallelism, WaitLaunched: j.cluster.engine.opts.WaitLaunched, Deduce: true,
			Events: listeners(j.batch),
		})
	}
	snap := j.session.Snapshot()
	out := make([]*Outcome, len(j.batch))
	for i, ch := range j.batch {
		o := &Outcome{Phase: PhaseReady, UID: snap.Clusters[j.cluster.id.Address()].UID, Recorded: exists(snap, ch.block.Address())}
		out[i] = o
		if errs := about(failed, ch.block.Address()); len(errs) > 0 {
			o.Phase, o.Errors, o.LastError = PhaseIncomplete, errs, firstLine(errs)
		}
		if ch.remove && o.Recorded && len(o.Errors) == 0 {
			o.Errors = asDiagnostics(fmt.Errorf("%s is not gone: objects of it are still recorded. Apply again; nothing is lost", ch.block.describe()))
		}
		if ch.remove || j.cfg == nil {
			continue
		}
		values, err := recordedValues(j.cfg, snap, ch.block.Address(), ch.block.Type)
		if err != nil {
			o.Errors = append(o.Errors, asDiagnostics(err)...)
		}
		o.Values = values
	}
	return out
}

// about sorts out which errors of a run keep one resource from being as wanted: its own, and those that nobody else's
// resource accounts for.
func about(err error, a resource.Address) hclconfig.Diagnostics {
	if err == nil {
		return nil
	}
	run, ok := errors.AsType[*apply.Error](err)
	if !ok {
		return asDiagnostics(err)
	}
	var out hclconfig.Diagnostics
	for _, s := range run.Steps {
		if a.Contains(s.Step.Address) || run.Skipped > 0 {
			out = append(out, asDiagnostics(s)...)
		}
	}
	if run.Fatal != nil {
		out = append(out, asDiagnostics(run.Fatal)...)
	}
	return out
}

// planError is a plan that could not be made.
type planError struct{ diags hclconfig.Diagnostics }

func (e *planError) Error() string { return e.diags.Err().Error() }

func asDiagnostics(err error) hclconfig.Diagnostics {
	if p, ok := errors.AsType[*planError](err); ok {
		return p.diags
	}
	return hclconfig.Diagnostics{{Severity: hclconfig.Error, Summary: "Not carried out", Detail: hclconfig.PrintableLine(err.Error())}}
}

func firstLine(diags hclconfig.Diagnostics) string {
	for _, d := range diags {
		if d.Severity == hclconfig.Error {
			line, _, _ := strings.Cut(d.Detail, "\n")
			return line
		}
	}
	return ""
}

// Blocks lists what is recorded of a cluster, by address.
func (c *Cluster) Blocks() (map[resource.Address]Block, error) {
	s, err := c.stored()
	if err != nil {
		return nil, err
	}
	return maps.Clone(s.Blocks), nil
}
