package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/provider/blockschema"
	"github.com/clusterform/clusterform/provider/engine"
)

// ValidateConfig implements resource.ResourceWithValidateConfig: the language's own checks, as far as values are known.
func (m *managed) ValidateConfig(_ context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	s, err := m.subject(req.Config.Raw)
	if err != nil {
		resp.Diagnostics.AddAttributeError(path.Root("cluster"), "Invalid cluster", err.Error())
		return
	}
	if len(s.unknown) > 0 || s.block.Name == "" {
		return
	}
	if s.cluster.Region == "" { // the provider's, which is not known here
		s.cluster.Region = "us-east-1"
		if m.block == "cluster" {
			s.block.Body["region"] = s.cluster.Region
		}
	}
	version := ""
	if m.conn != nil {
		version = m.conn.version
	}
	tell(&resp.Diagnostics, engine.Check(s.cluster, s.block, version))
}

// ModifyPlan implements resource.ResourceWithModifyPlan: the planner says what would be done and what will be known.
func (m *managed) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		m.planRemoval(req, resp)
		return
	}
	s, err := m.subject(req.Config.Raw)
	if err != nil {
		resp.Diagnostics.AddAttributeError(path.Root("cluster"), "Invalid cluster", err.Error())
		return
	}
	if m.conn != nil && !req.State.Raw.IsNull() {
		if m.restore(ctx, req.Private, req.State.Raw, &resp.Diagnostics); resp.Diagnostics.HasError() {
			return
		}
	}
	p := &proposal{managed: m, subject: s, config: req.Config.Raw, plan: req.Plan.Raw, prior: req.State.Raw}
	resp.RequiresReplace = append(resp.RequiresReplace, p.replaces()...)
	set := p.values(ctx, len(resp.RequiresReplace) > 0, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if resp.Plan.Raw, err = with(req.Plan.Raw, set); err != nil {
		resp.Diagnostics.AddError("Plan cannot be written", err.Error())
	}
}

func (m *managed) planRemoval(req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var fields map[string]tftypes.Value
	if req.State.Raw.As(&fields) != nil {
		return
	}
	if protects(fields) {
		resp.Diagnostics.AddAttributeError(path.Root("deletion_protection"), "Protected from deletion", m.protection(fields))
	}
}

func protects(fields map[string]tftypes.Value) bool {
	var on bool
	v := fields["deletion_protection"]
	return v.Type() != nil && v.IsKnown() && !v.IsNull() && v.As(&on) == nil && on
}

func (m *managed) protection(fields map[string]tftypes.Value) string {
	name, _ := textOf(fields["name"])
	return fmt.Sprintf("clusterform_%s %q has deletion_protection = true. Set it to false and apply, then destroy or replace it.", m.block, name)
}

// proposal is a plan that is being made for one resource.
type proposal struct {
	*managed
	subject             *subject
	config, plan, prior tftypes.Value
}

func (p *proposal) creates() bool { return p.prior.IsNull() }

// replaces are the attributes whose change makes another object.
func (p *proposal) replaces() path.Paths {
	if p.creates() {
		return nil
	}
	var was map[string]tftypes.Value
	if p.prior.As(&was) != nil {
		return nil
	}
	var out path.Paths
	differs := func(attribute, now string, known bool) {
		if before, _ := textOf(was[attribute]); !known || before != now && before != "" {
			out = append(out, path.Root(attribute))
		}
	}
	differs("name", p.subject.block.Name, p.subject.block.Name != "")
	if p.block == "cluster" {
		differs("region", p.subject.cluster.Region, !p.subject.unnamed)
		return out
	}
	if id, ok := textOf(was["id"]); ok && (p.subject.unnamed || !strings.HasPrefix(id, p.subject.cluster.String()+"/")) {
		out = append(out, path.Root("cluster"))
	}
	return out
}

// values are the computed attributes as known as they can be.
func (p *proposal) values(ctx context.Context, replaced bool, diags *diag.Diagnostics) map[string]tftypes.Value {
	set := map[string]tftypes.Value{}
	unknown := func(names ...string) {
		for _, name := range names {
			set[name] = tftypes.NewValue(typeOf(p.plan, name), tftypes.UnknownValue)
		}
	}
	text := func(name, value string) { set[name] = tftypes.NewValue(tftypes.String, value) }
	outputs := p.outputs()
	fresh := p.creates() || replaced

	unknown("phase", "last_error")
	unknown(outputs...)
	if p.block == "cluster" {
		text("region", p.subject.cluster.Region)
		if p.subject.unnamed {
			unknown("region")
		}
	}
	if p.subject.unnamed {
		unknown("id")
		return set
	}
	text("id", p.subject.id())
	if p.conn == nil {
		return set
	}
	cluster := p.conn.engine.Cluster(p.subject.cluster)
	if len(p.subject.unknown) > 0 {
		cluster.Defer(p.subject.block.Address())
		return set
	}
	plan, found := cluster.Plan(ctx, p.subject.block)
	tell(diags, found)
	if plan == nil { // deferred, or diags say why
		return set
	}
	if fresh {
		return set
	}
	was := p.recorded()
	if phase, _ := textOf(was["phase"]); phase != engine.PhaseReady {
		set["uid"] = was["uid"]
		if p.block != "cluster" {
			delete(set, "uid")
		}
		p.warn(plan, diags)
		return set
	}
	if len(plan.Steps) == 0 && p.same() {
		for _, name := range append(outputs, "phase", "last_error") {
			set[name] = was[name]
		}
		return set
	}
	if len(plan.Steps) == 0 {
		set["phase"], set["last_error"] = was["phase"], was["last_error"]
	}
	for _, name := range outputs {
		value, known := plan.Values[name]
		if !known {
			continue
		}
		v, err := blockschema.FromCty(value, typeOf(p.plan, name))
		if err != nil {
			diags.AddError("Plan cannot be written", err.Error())
			return set
		}
		set[name] = v
	}
	p.warn(plan, diags)
	return set
}

// outputs are the names of the block's computed attributes.
func (p *proposal) outputs() []string {
	var names []string
	for _, a := range blockschema.Computed(blockschema.Of(p.block)) {
		names = append(names, a.Name)
	}
	return names
}

func (p *proposal) recorded() map[string]tftypes.Value {
	var was map[string]tftypes.Value
	if p.prior.As(&was) != nil {
		return nil
	}
	return was
}

// same tells whether the arguments are as they were.
func (p *proposal) same() bool {
	before, err := p.managed.subject(p.prior)
	if err != nil {
		return false
	}
	return equalJSON(before.block.Body, p.subject.block.Body)
}

// warn says what a person may not expect: nodes that go, and why.
func (p *proposal) warn(plan *engine.Plan, diags *diag.Diagnostics) {
	if plan.Summary.NodesDisrupted == 0 {
		return
	}
	why := map[planner.Reason]int{}
	for i := range plan.Steps {
		st := &plan.Steps[i]
		if st.Before != nil && st.After == nil {
			why[st.Reason]++
		}
	}
	var reasons []string
	for _, r := range slices.Sorted(maps.Keys(why)) {
		reasons = append(reasons, fmt.Sprintf("%d %s", why[r], r))
	}
	diags.AddWarning(
		fmt.Sprintf("%s %q: %s replaced or removed", p.block, p.subject.block.Name, count(plan.Summary.NodesDisrupted, "node is", "nodes are")),
		fmt.Sprintf("What runs on them is interrupted, or moves. Objects that go, by reason: %s. About %d API calls.", strings.Join(reasons, ", "), plan.Summary.APICalls))
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
