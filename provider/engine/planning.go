package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// The phases of a resource in Terraform's state.
const (
	// PhaseReady is all as it should be.
	PhaseReady = "ready"
	// PhaseIncomplete is a change that ended part-way; the next apply goes on.
	PhaseIncomplete = "incomplete"
	// PhaseDrifted differs from what was applied; the next apply puts it right.
	PhaseDrifted = "drifted"
)

// Plan is what would be done for one block.
type Plan struct {
	Steps   []planner.Step
	Summary planner.Summary
	// Values are the computed attributes that are known; what is missing is known after apply.
	Values map[string]cty.Value
	UID    string
}

// Plan plans one block, with everything else as it is recorded or was declared in this run of Terraform. It is nil without
// errors when that is not known yet.
func (c *Cluster) Plan(ctx context.Context, b Block) (*Plan, hclconfig.Diagnostics) {
	c.Declare(b)
	s, err := c.stored()
	if err != nil {
		return nil, failed(err)
	}
	blocks := c.blocks(s)
	c.mu.Lock()
	waits := c.deferred[c.id.Address()]
	c.mu.Unlock()
	if waits {
		return nil, nil
	}
	if _, has := blocks[c.id.Address()]; !has {
		return nil, hclconfig.Diagnostics{c.missing(b)}
	}
	file, err := c.state()
	if err != nil {
		return nil, failed(err)
	}
	snap, err := file.Read(ctx)
	if err != nil {
		return nil, failed(err)
	}
	var (
		drivers   planner.Drivers
		previewer planner.Previewer
	)
	c.mu.Lock()
	refreshed := c.refreshed
	c.mu.Unlock()
	if refreshed {
		previewer, _ = c.engine.opts.Cloud.(planner.Previewer)
	}
	// Terraform plans once more when it applies, in another process that refreshes nothing. What that finds may not be more
	// than what was planned first, so where the record is not all, it looks too.
	if refreshed || unsettled(snap) || c.lookup.drifted() {
		drivers = c.observed
	}
	plan, _, diags := c.makeReplacing(ctx, blocks, snap, drivers, previewer, nil, b.Address())
	if diags.HasErrors() {
		return nil, diags
	}
	if refreshed && len(plan.Drift)+len(plan.Refreshed) > 0 {
		c.lookup.drift(true)
	}
	return &Plan{
		Steps: plan.Steps, Summary: plan.Summary, UID: uidOf(plan, snap, c.id.Address()),
		Values: known(plan, b.Address(), b.Type),
	}, diags
}

// unsettled is a record that was left in the middle of something.
func unsettled(snap *resource.Snapshot) bool {
	if len(snap.Intents) > 0 || len(snap.Deposed) > 0 || begunOnly(snap) {
		return true
	}
	for _, r := range snap.Records {
		if r.Incomplete || r.Tainted {
			return true
		}
	}
	return false
}

// make plans some addresses of a configuration.
func (c *Cluster) make(
	ctx context.Context, blocks map[resource.Address]Block, snap *resource.Snapshot, drivers planner.Drivers, targets ...resource.Address,
) (*planner.Plan, *hclconfig.Configuration, hclconfig.Diagnostics) {
	return c.makeReplacing(ctx, blocks, snap, drivers, nil, nil, targets...)
}

// makeReplacing is make with objects that are to be replaced, and with manifests that clusters are asked about.
func (c *Cluster) makeReplacing(
	ctx context.Context, blocks map[resource.Address]Block, snap *resource.Snapshot, drivers planner.Drivers, previewer planner.Previewer, replace []string, targets ...resource.Address,
) (*planner.Plan, *hclconfig.Configuration, hclconfig.Diagnostics) {
	cfg, diags := load(blocks, c.engine.opts.Version)
	if diags.HasErrors() {
		return nil, nil, diags
	}
	orchestration, err := c.engine.opts.Cloud.Orchestration()
	if err != nil {
		return nil, nil, failed(err)
	}
	req := planner.Request{
		Orchestration: orchestration, Config: cfg, State: snap, Lookup: c.lookup, Find: c.engine.opts.Cloud.Find, ToolVersion: c.engine.opts.Version, Drivers: drivers, Previewer: previewer, Replace: replace,
	}
	for _, t := range targets {
		req.Targets = append(req.Targets, string(t))
	}
	plan, more := planner.Make(ctx, req)
	return plan, cfg, slices.DeleteFunc(append(diags, more...), func(d hclconfig.Diagnostic) bool {
		return d.Severity == hclconfig.Warning && !concerns(d, targets)
	})
}

// concerns tells whether a warning is about what is being planned, and not about another resource's part of the cluster.
func concerns(d hclconfig.Diagnostic, targets []resource.Address) bool {
	return d.Address == "" || slices.ContainsFunc(targets, func(t resource.Address) bool { return t.Contains(resource.Address(d.Address)) })
}

// known reads the computed attributes that the plan's outputs tell.
func known(plan *planner.Plan, a resource.Address, blockType string) map[string]cty.Value {
	out := map[string]cty.Value{}
	types := computedTypes(blockType)
	for attr, typ := range types {
		name := outputName(a, attr)
		for _, o := range plan.Outputs {
			if o.Name != name || o.Unknown || o.After == nil {
				continue
			}
			if v, err := ctyjson.Unmarshal(o.After, typ); err == nil {
				out[attr] = v
			}
		}
	}
	return out
}

// recordedValues are the computed attributes as far as the records tell them.
func recordedValues(cfg *hclconfig.Configuration, snap *resource.Snapshot, a resource.Address, blockType string) (map[string]cty.Value, error) {
	outputs, diags := planner.Outputs(cfg, snap)
	if err := diags.Err(); err != nil {
		return nil, err
	}
	values := map[string]cty.Value{}
	for attr := range computedTypes(blockType) {
		name := outputName(a, attr)
		for _, o := range outputs {
			if o.Name == name && o.Value.IsWhollyKnown() {
				values[attr] = o.Value
			}
		}
	}
	return values, nil
}

func uidOf(plan *planner.Plan, snap *resource.Snapshot, a resource.Address) string {
	if c, ok := snap.Clusters[a]; ok {
		return c.UID
	}
	return plan.Clusters[a].UID
}

func failed(err error) hclconfig.Diagnostics {
	return hclconfig.Diagnostics{{Severity: hclconfig.Error, Summary: "The cluster's record cannot be used", Detail: err.Error()}}
}

func (c *Cluster) missing(b Block) hclconfig.Diagnostic {
	return hclconfig.Diagnostic{
		Severity: hclconfig.Error, Summary: "Cluster not found", Address: hclconfig.Address(b.Address()),
		Detail: fmt.Sprintf("%s belongs to the cluster %s, which neither this configuration nor %s has. Write cluster = clusterform_cluster.%s.id, so that Terraform makes it first.",
			b.describe(), c.id, c.dir, strings.ReplaceAll(c.id.Name, "-", "_")),
	}
}

// Reading is a resource as it really is.
type Reading struct {
	// Gone: nothing of it is recorded any more.
	Gone      bool
	Phase     string
	LastError string
	UID       string
	// Values are the computed attributes; nil when they cannot be told, as of a workload whose secrets are not here.
	Values map[string]cty.Value
	// Steps are what it would take to make it as it was applied last.
	Steps []planner.Step
}

// Read looks at what is really there of a resource. It reads the cluster as a whole, once for all of its resources.
func (c *Cluster) Read(ctx context.Context, a resource.Address) (*Reading, hclconfig.Diagnostics) {
	s, err := c.stored()
	if err != nil {
		return nil, failed(err)
	}
	b, has := s.Blocks[a]
	if !has {
		if len(s.Blocks) == 0 && s.Claimed {
			if err := c.sweep(ctx); err != nil {
				return nil, failed(err)
			}
		}
		return &Reading{Gone: true}, nil
	}
	file, err := c.state()
	if err != nil {
		return nil, failed(err)
	}
	snap, err := file.Read(ctx)
	if err != nil {
		return nil, failed(err)
	}
	c.mu.Lock()
	first := !c.refreshed
	c.refreshed = true
	c.mu.Unlock()
	if first {
		c.lookup.drift(false)
	}
	if b.Type == "workload" || b.Type == "manifest" {
		return c.readWorkload(ctx, s, snap, a)
	}
	plan, cfg, diags := c.make(ctx, s.Blocks, snap, c.observed, a)
	if diags.HasErrors() {
		return nil, diags
	}
	r := &Reading{UID: snap.Clusters[c.id.Address()].UID, Steps: plan.Steps, Phase: phaseOf(plan.Steps), LastError: lastError(snap, a)}
	if r.Phase == PhaseReady {
		r.LastError = ""
	}
	r.Values, err = recordedValues(cfg, corrected(snap, plan), a, b.Type)
	if err != nil {
		return nil, failed(err)
	}
	return r, diags
}

// readWorkload looks at a workload without its configuration, which may have had secrets.
func (c *Cluster) readWorkload(ctx context.Context, s *stored, snap *resource.Snapshot, a resource.Address) (*Reading, hclconfig.Diagnostics) {
	plan, diags := planner.Make(ctx, planner.Request{
		State: snap, Drivers: c.observed, Lookup: c.lookup, Mode: planner.ModeRefreshOnly, ToolVersion: c.engine.opts.Version,
	})
	diags = slices.DeleteFunc(diags, func(d hclconfig.Diagnostic) bool {
		return d.Severity == hclconfig.Warning && !concerns(d, []resource.Address{a})
	})
	if diags.HasErrors() {
		return nil, diags
	}
	r := &Reading{UID: snap.Clusters[c.id.Address()].UID, Phase: PhaseReady}
	rec, recorded := snap.Records[a]
	switch {
	case !recorded || rec.Incomplete || rec.Tainted:
		r.Phase, r.LastError = PhaseIncomplete, lastError(snap, a)
	case slices.ContainsFunc(plan.Drift, func(d planner.Drift) bool { return a.Contains(d.Address) }):
		r.Phase = PhaseDrifted
	}
	b := s.Blocks[a].blanked()
	if !b.whole() {
		return r, diags
	}
	blocks := maps.Clone(s.Blocks)
	blocks[a] = b
	cfg, more := load(blocks, c.engine.opts.Version)
	if more.HasErrors() {
		return nil, more
	}
	var err error
	if r.Values, err = recordedValues(cfg, corrected(snap, plan), a, b.Type); err != nil {
		return nil, failed(err)
	}
	return r, diags
}

func phaseOf(steps []planner.Step) string {
	phase := PhaseReady
	for i := range steps {
		switch steps[i].Reason {
		case planner.ReasonIncomplete, planner.ReasonNew, planner.ReasonOrphanAdopted, planner.ReasonOrphanRemoved, planner.ReasonDeposed:
			return PhaseIncomplete
		default:
			phase = PhaseDrifted
		}
	}
	return phase
}

// lastError is the first that is recorded of a resource's objects.
func lastError(snap *resource.Snapshot, a resource.Address) string {
	for _, x := range slices.SortedFunc(maps.Keys(snap.Records), resource.Compare) {
		if r := snap.Records[x]; a.Contains(x) && r.LastError != "" {
			return r.LastError
		}
	}
	return ""
}

// corrected is the record with what the plan's refresh found.
func corrected(snap *resource.Snapshot, plan *planner.Plan) *resource.Snapshot {
	out := *snap
	out.Records = maps.Clone(snap.Records)
	for _, d := range slices.Concat(plan.Drift, plan.Refreshed) {
		rec := out.Records[d.Address]
		switch {
		case rec == nil || rec.ID != d.ID:
		case d.Gone:
			delete(out.Records, d.Address)
		case d.Observed != nil:
			seen := *rec
			seen.Spec = d.Observed.Spec
			out.Records[d.Address] = &seen
		}
	}
	return &out
}

func sortRecords(list []*resource.Record) {
	slices.SortFunc(list, func(a, b *resource.Record) int { return resource.Compare(a.Address, b.Address) })
}
