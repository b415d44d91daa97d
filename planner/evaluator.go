package planner

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// Evaluator finds, during apply, the values that a plan could not know: those that come from objects which it makes. It is
// safe for concurrent use.
type Evaluator struct {
	evaluate      func(hclconfig.Computed) (*hclconfig.Desired, hclconfig.Diagnostics)
	plan          *Plan
	orchestration Orchestration

	mu   sync.Mutex
	last *planning // what the latest snapshot evaluated to
	snap *resource.Snapshot
}

// NewEvaluator evaluates cfg, which must be the configuration that the plan was made from. It may be nil for a plan that
// destroys everything.
func NewEvaluator(cfg *hclconfig.Configuration, plan *Plan) *Evaluator {
	return &Evaluator{evaluate: evaluateWith(cfg), plan: plan}
}

// WithOrchestration gives the evaluator the Orchestration that the plan was made with, and returns it. It is called before
// anything else.
func (e *Evaluator) WithOrchestration(o Orchestration) *Evaluator {
	e.orchestration = o
	return e
}

func evaluateWith(cfg *hclconfig.Configuration) func(hclconfig.Computed) (*hclconfig.Desired, hclconfig.Diagnostics) {
	if cfg != nil {
		return cfg.Evaluate
	}
	return func(hclconfig.Computed) (*hclconfig.Desired, hclconfig.Diagnostics) {
		return new(hclconfig.Desired), nil
	}
}

// Resolve returns the object that a step wants, with the values in Step.Unknown that are known now, from the objects in
// snap. blobs has the user-data that the object newly points to, by digest. It fails when a value is still not known,
// which means that a step it depends on has not been carried out.
func (e *Evaluator) Resolve(ctx context.Context, step *Step, snap *resource.Snapshot) (after *resource.Object, blobs map[string]string, err error) {
	if len(step.Unknown) == 0 || step.After == nil {
		return step.After, nil, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	p, err := e.evaluated(ctx, snap)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: evaluating the configuration again: %w", step.Address, err)
	}
	i, ok := p.wanted.at[step.Address]
	if !ok {
		return nil, nil, fmt.Errorf("%s: the configuration does not have it any more once %s known; make a new plan", step.Address, strings.Join(step.Unknown, ", "))
	}
	w := &p.wanted.list[i]
	for _, still := range w.owner.pathsOf(step.Kind).unknown {
		if slices.Contains(step.Unknown, still) {
			return nil, nil, fmt.Errorf("%s: %s is still not known: an object that it comes from was not made; apply again", step.Address, still)
		}
	}
	spec := resource.Clone(step.After.Spec)
	if isWork(step.Kind) {
		if spec, err = e.resolveWork(step, w.spec); err != nil {
			return nil, nil, err
		}
	} else {
		for _, path := range step.Unknown {
			resource.CopyField(spec, w.spec, path)
			if path == "user_data" {
				resource.CopyField(spec, w.spec, "setup")
			}
		}
		if step.Operation == resource.Create {
			spec = p.ofItsOwn(w, spec)
		}
	}
	obj := *step.After
	obj.Spec = spec
	if c, has := p.wanted.contents[contentOf(spec)]; has {
		blobs = map[string]string{c.Digest: string(c.Data)}
	}
	if n, isNode := spec.(*resource.Node); isNode && n.UserData != "" {
		if text, has := p.wanted.blobs[n.UserData]; has {
			blobs = map[string]string{n.UserData: text}
		}
	}
	return &obj, blobs, nil
}

// resolveWork is a workload or manifest of which everything is known now. What it is called may only be known now, too, but
// not change what is there.
func (e *Evaluator) resolveWork(step *Step, now resource.Spec) (resource.Spec, error) {
	spec := resource.Clone(now)
	resource.TakeComputed(spec, step.After.Spec)
	if step.Operation != resource.Create && resource.StrongestEffect(resource.Diff(step.After.Spec, spec)) == resource.EffectReplace {
		return nil, &resource.Error{Address: step.Address, Message: "it is called otherwise with the values that are known now", Hint: "Plan again."}
	}
	return spec, nil
}

// Content returns what a step applies of a workload or manifest, by the digest in its spec: what the plan does not hold
// because there are secrets in it. It is made from the configuration again and never on disk.
func (e *Evaluator) Content(ctx context.Context, digest string, snap *resource.Snapshot) ([]byte, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p, err := e.evaluated(ctx, snap)
	if err != nil {
		slog.Debug("the content of a workload could not be made again", "error", err)
		return nil, false
	}
	c, ok := p.wanted.contents[digest]
	return c.Data, ok
}

// evaluated expands the configuration with what is recorded now. It is done again only when an attribute that the
// configuration asks for has another value than before.
func (e *Evaluator) evaluated(ctx context.Context, snap *resource.Snapshot) (*planning, error) {
	if e.last != nil && e.snap == snap {
		return e.last, nil
	}
	if e.last != nil {
		e.last.seen = newView(snap)
		e.last.current = e.last.seen
		if !e.last.asksDiffer() {
			e.snap = snap
			return e.last, nil
		}
	}
	with := *snap
	with.Clusters = maps.Clone(snap.Clusters)
	if with.Clusters == nil {
		with.Clusters = map[resource.Address]resource.ClusterRecord{}
	}
	maps.Copy(with.Clusters, e.plan.Clusters)
	p := newPlanning(Request{State: &with, Lookup: planned{e.plan}, Orchestration: e.orchestration})
	p.evaluate = e.evaluate
	p.plannedSubnets = e.plan.subnets()
	if diags := p.evaluateRecorded(); diags.HasErrors() {
		return nil, diags.Err()
	}
	p.turn = nil
	if p.expand(ctx); p.turn.HasErrors() {
		return nil, p.turn.Err()
	}
	e.last, e.snap = p, snap
	return p, nil
}

// evaluateRecorded evaluates the configuration with what is recorded, as if nothing was going to change.
func (p *planning) evaluateRecorded() hclconfig.Diagnostics {
	p.seen = newView(p.req.State)
	p.current = p.seen
	p.answers = newAnswers()
	var diags hclconfig.Diagnostics
	for range 2 { // the second time the sizes of empty pools are known
		p.desired, diags = p.evaluate(p.answer)
		p.defaultVersions()
		p.answers.sizes = map[resource.Address]int{}
		for _, np := range p.desired.NodePools {
			if !slices.Contains(np.Lifecycle.IgnoreChanges, "size") {
				p.answers.sizes[resource.Address(np.Address)] = np.Size
			}
		}
		if !p.asksDiffer() {
			break
		}
	}
	return diags
}

// asksDiffer tells whether a computed attribute that was asked for would be answered otherwise now.
func (p *planning) asksDiffer() bool {
	given := p.answers.given
	for addr, was := range given {
		if v, ok := p.computed(addr); ok != was.ok || ok && !v.RawEquals(was.value) {
			p.answers.given = map[hclconfig.Address]answer{}
			return true
		}
	}
	return false
}

// Outputs evaluates the root outputs from what is recorded, after an apply.
func Outputs(cfg *hclconfig.Configuration, snap *resource.Snapshot) ([]*hclconfig.Output, hclconfig.Diagnostics) {
	p := newPlanning(Request{State: snap})
	p.evaluate = evaluateWith(cfg)
	diags := p.evaluateRecorded()
	return p.desired.Outputs, diags
}

// subnets are those that the plan makes, by cluster.
func (p *Plan) subnets() map[resource.Address][]*resource.Record {
	out := map[resource.Address][]*resource.Record{}
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Kind == resource.KindSubnet && s.After != nil {
			out[s.After.Cluster] = append(out[s.After.Cluster], &resource.Record{Object: *s.After})
		}
	}
	return out
}

// planned answers lookups from a plan, which has looked up everything before.
type planned struct{ plan *Plan }

func (l planned) Zones(_ context.Context, region string) ([]string, error) {
	var out []string
	for _, list := range l.plan.subnets() {
		for _, r := range list {
			if r.Region == region {
				out = append(out, r.Spec.(*resource.Subnet).Zone)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func (l planned) Image(_ context.Context, region, ref string) (string, error) {
	for _, c := range l.plan.Clusters {
		if id := c.Images[ref]; id != "" && c.Region == region {
			return id, nil
		}
	}
	return "", fmt.Errorf("the plan has no image for %q; make a new plan", ref)
}

func (l planned) Software(context.Context, string, hclconfig.Orchestrator, string, string) (*resource.Software, error) {
	return nil, nil // what was found is in the plan's clusters
}

func (l planned) Endpoint(_ context.Context, region string) (string, error) {
	return l.plan.Endpoints[region], nil
}
