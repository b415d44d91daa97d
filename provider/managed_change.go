package provider

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/zclconf/go-cty/cty"

	"github.com/clusterform/clusterform/provider/blockschema"
	"github.com/clusterform/clusterform/provider/engine"
)

// Create implements resource.Resource. It fails only when nothing was made: Terraform replaces as a whole what failed to
// be created.
func (m *managed) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	s := m.wanted(req.Config.Raw, &resp.Diagnostics)
	if s == nil {
		return
	}
	cluster := m.conn.engine.Cluster(s.cluster)
	if m.block == "cluster" {
		if err := cluster.Unclaimed(); err != nil {
			resp.Diagnostics.AddError("Cluster exists", err.Error())
			return
		}
	}
	out := m.carryOut(ctx, timeout(req.Plan.Raw, "create", m.create), cluster, s, false)
	if !out.Recorded && out.Errors.HasErrors() {
		tell(&resp.Diagnostics, out.Errors)
		return
	}
	// What was made is told whole, also when Terraform was interrupted: an error here would taint it.
	ctx = context.WithoutCancel(ctx)
	resp.State.Raw = m.result(req.Plan.Raw, s, out, &resp.Diagnostics)
	identify(ctx, resp.Identity, s.id(), &resp.Diagnostics)
	m.keep(ctx, resp.Private, cluster, s, &resp.Diagnostics)
}

// Update implements resource.Resource.
func (m *managed) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	s := m.wanted(req.Config.Raw, &resp.Diagnostics)
	if s == nil {
		return
	}
	identify(ctx, resp.Identity, s.id(), &resp.Diagnostics)
	var was map[string]tftypes.Value
	if err := req.State.Raw.As(&was); err != nil {
		resp.Diagnostics.AddError("State cannot be read", err.Error())
		return
	}
	if m.restore(ctx, req.Private, req.State.Raw, &resp.Diagnostics); resp.Diagnostics.HasError() {
		return
	}
	cluster := m.conn.engine.Cluster(s.cluster)
	phase, _ := textOf(was["phase"])
	out := m.carryOut(ctx, timeout(req.Plan.Raw, "update", m.update), cluster, s, phase != engine.PhaseReady)
	if !out.Recorded && out.Errors.HasErrors() {
		tell(&resp.Diagnostics, out.Errors) // refused before anything was touched: what is in the state stays right
		return
	}
	resp.State.Raw = m.result(req.Plan.Raw, s, out, &resp.Diagnostics)
	m.keep(context.WithoutCancel(ctx), resp.Private, cluster, s, &resp.Diagnostics)
}

// Delete implements resource.Resource. It needs no more than the id, and what is gone already is gone.
func (m *managed) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	if !m.ready(&resp.Diagnostics) {
		return
	}
	var fields map[string]tftypes.Value
	if err := req.State.Raw.As(&fields); err != nil {
		resp.Diagnostics.AddError("State cannot be read", err.Error())
		return
	}
	if protects(fields) {
		resp.Diagnostics.AddAttributeError(path.Root("deletion_protection"), "Protected from deletion", m.protection(fields))
		return
	}
	s, err := m.subject(req.State.Raw)
	if err != nil {
		resp.Diagnostics.AddError("State cannot be read", err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout(req.State.Raw, "delete", m.remove))
	defer cancel()
	if gone := m.restore(ctx, req.Private, req.State.Raw, &resp.Diagnostics); gone || resp.Diagnostics.HasError() {
		return
	}
	out := m.conn.engine.Cluster(s.cluster).Remove(ctx, s.block)
	if out.Errors.HasErrors() {
		tell(&resp.Diagnostics, out.Errors)
	}
}

// Read implements resource.Resource.
func (m *managed) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	s, err := m.subject(req.State.Raw)
	if err != nil {
		resp.Diagnostics.AddError("State cannot be read", err.Error())
		return
	}
	identify(ctx, resp.Identity, s.id(), &resp.Diagnostics)
	if m.conn == nil {
		return
	}
	if gone := m.restore(ctx, req.Private, req.State.Raw, &resp.Diagnostics); gone || resp.Diagnostics.HasError() {
		if gone {
			resp.State.RemoveResource(ctx)
		}
		return
	}
	cluster := m.conn.engine.Cluster(s.cluster)
	if err := cluster.Claim(); err != nil {
		resp.Diagnostics.AddError("The cluster's record cannot be used", err.Error())
		return
	}
	seen, diags := cluster.Read(ctx, s.block.Address())
	tell(&resp.Diagnostics, diags)
	if seen == nil {
		return
	}
	if seen.Gone {
		resp.State.RemoveResource(ctx)
		return
	}
	set := map[string]tftypes.Value{}
	if seen.Values != nil {
		set = m.outputs(req.State.Raw, seen.Values, &resp.Diagnostics)
	}
	set["phase"] = tftypes.NewValue(tftypes.String, seen.Phase)
	set["last_error"] = textOrNull(seen.LastError)
	if resp.State.Raw, err = with(req.State.Raw, set); err != nil {
		resp.Diagnostics.AddError("State cannot be written", err.Error())
	}
	m.keep(ctx, resp.Private, cluster, s, &resp.Diagnostics)
}

// wanted reads the configuration when it is carried out: everything is known then.
func (m *managed) wanted(config tftypes.Value, diags *diag.Diagnostics) *subject {
	if !m.ready(diags) {
		return nil
	}
	s, err := m.subject(config)
	if err != nil {
		diags.AddAttributeError(path.Root("cluster"), "Invalid cluster", err.Error())
		return nil
	}
	if m.block == "cluster" && s.cluster.Region == "" {
		diags.AddAttributeError(path.Root("region"), "No region", "Neither the cluster nor the provider names a region. Set region, or AWS_REGION.")
		return nil
	}
	return s
}

func (m *managed) carryOut(ctx context.Context, bound time.Duration, cluster *engine.Cluster, s *subject, look bool) *engine.Outcome {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	return cluster.Apply(ctx, s.block, look)
}

// result is the state after a change. Every computed attribute has a value in it, or Terraform would lose the whole.
func (m *managed) result(plan tftypes.Value, s *subject, out *engine.Outcome, diags *diag.Diagnostics) tftypes.Value {
	tellAsWarnings(diags, m.block+" "+s.block.Name, out.Errors)
	set := m.outputs(plan, out.Values, diags)
	set["id"] = tftypes.NewValue(tftypes.String, s.id())
	set["phase"] = tftypes.NewValue(tftypes.String, out.Phase)
	set["last_error"] = textOrNull(out.LastError)
	if m.block == "cluster" {
		set["region"] = tftypes.NewValue(tftypes.String, s.cluster.Region)
		set["uid"] = textOrNull(out.UID)
	}
	value, err := with(plan, set)
	if err != nil {
		diags.AddError("State cannot be written", err.Error())
	}
	return value
}

// outputs are the block's computed attributes, null where they are not known.
func (m *managed) outputs(of tftypes.Value, values map[string]cty.Value, diags *diag.Diagnostics) map[string]tftypes.Value {
	set := map[string]tftypes.Value{}
	for _, a := range blockschema.Computed(blockschema.Of(m.block)) {
		v, err := blockschema.FromCty(values[a.Name], typeOf(of, a.Name))
		if err != nil {
			diags.AddError("State cannot be written", a.Name+": "+err.Error())
			continue
		}
		set[a.Name] = v
	}
	return set
}

func textOrNull(s string) tftypes.Value {
	if s == "" {
		return tftypes.NewValue(tftypes.String, nil)
	}
	return tftypes.NewValue(tftypes.String, s)
}

// equalJSON compares bodies as they are written.
func equalJSON(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(x) == string(y)
}
