package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/clusterform/clusterform/provider/engine"
)

func newClusterReady() resource.Resource { return &clusterReady{} }

// clusterReady fails an apply as long as its cluster is not ready. It owns nothing, so that failing it replaces nothing.
type clusterReady struct{ conn *connection }

var _ resource.ResourceWithConfigure = (*clusterReady)(nil)

type clusterReadyModel struct {
	ID       types.String   `tfsdk:"id"`
	Cluster  types.String   `tfsdk:"cluster"`
	Triggers types.Map      `tfsdk:"triggers"`
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

// Metadata implements resource.Resource.
func (r *clusterReady) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_cluster_ready"
}

// Schema implements resource.Resource.
func (r *clusterReady) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		Version:             stateVersion,
		MarkdownDescription: "Waits until a cluster and all of its node pools and workloads are ready, and fails otherwise. A cluster that is half-way up is kept and only warned of; this makes the apply fail, and whatever depends on it wait. Destroying it does nothing.",
		Attributes: map[string]schema.Attribute{
			"id": schema.StringAttribute{
				MarkdownDescription: "The cluster's id.", Computed: true, PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"cluster": schema.StringAttribute{
				MarkdownDescription: "The cluster: `clusterform_cluster.lab.id`.", Required: true,
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"triggers": schema.MapAttribute{
				MarkdownDescription: "Values that make it look again when they change, such as `{ pool = clusterform_node_pool.worker.phase }`.", ElementType: types.StringType, Optional: true,
			},
			"timeouts": timeouts.Attributes(ctx, timeouts.Opts{
				Create: true, Update: true, CreateDescription: timeoutText(readyTimeout), UpdateDescription: timeoutText(readyTimeout),
			}),
		},
	}
}

const (
	readyTimeout = 10 * time.Minute
	readyPoll    = 5 * time.Second
)

// Configure implements resource.ResourceWithConfigure.
func (r *clusterReady) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	if c, ok := req.ProviderData.(*connection); ok {
		r.conn = c
	}
}

// Create implements resource.Resource.
func (r *clusterReady) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var m clusterReadyModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	bound, diags := m.Timeouts.Create(ctx, readyTimeout)
	resp.Diagnostics.Append(diags...)
	if r.wait(ctx, &m, bound, &resp.Diagnostics) {
		resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
	}
}

// Update implements resource.Resource.
func (r *clusterReady) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var m clusterReadyModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	bound, diags := m.Timeouts.Update(ctx, readyTimeout)
	resp.Diagnostics.Append(diags...)
	if r.wait(ctx, &m, bound, &resp.Diagnostics) {
		resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
	}
}

// Read implements resource.Resource. What it waited for is over.
func (r *clusterReady) Read(context.Context, resource.ReadRequest, *resource.ReadResponse) {}

// Delete implements resource.Resource. There is nothing to delete.
func (r *clusterReady) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}

// wait asks again and again until all is ready.
func (r *clusterReady) wait(ctx context.Context, m *clusterReadyModel, bound time.Duration, diags *diag.Diagnostics) bool {
	if diags.HasError() {
		return false
	}
	if r.conn == nil {
		diags.AddError("The provider is not configured", "Some of its settings are still unknown.")
		return false
	}
	id, err := engine.ParseID(m.Cluster.ValueString(), r.conn.region)
	if err != nil {
		diags.AddAttributeError(path.Root("cluster"), "Invalid cluster", err.Error())
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	for {
		why, err := r.notReady(ctx, id)
		switch {
		case err == nil && len(why) == 0:
			m.ID = types.StringValue(id.String())
			return true
		case err != nil:
			why = []string{err.Error()}
		}
		timer := time.NewTimer(readyPoll)
		select {
		case <-timer.C:
			continue
		case <-ctx.Done():
			timer.Stop()
		}
		diags.AddError("The cluster is not ready", fmt.Sprintf("%s, after waiting %s:\n\n%s\n\nApply again: it goes on from what there is.", id, bound, strings.Join(why, "\n")))
		return false
	}
}

func (r *clusterReady) notReady(ctx context.Context, id engine.ID) ([]string, error) {
	cluster := r.conn.engine.Cluster(id)
	blocks, err := cluster.Blocks()
	if err != nil {
		return nil, err
	}
	if len(blocks) == 0 {
		return nil, fmt.Errorf("there is no cluster %s", id)
	}
	cluster.LookAgain()
	var why []string
	for _, a := range slices.Sorted(maps.Keys(blocks)) {
		seen, diags := cluster.Read(ctx, a)
		if err := diags.Err(); err != nil {
			return nil, err
		}
		if seen.Phase != engine.PhaseReady {
			why = append(why, strings.TrimSpace(fmt.Sprintf("%s is %s. %s", a, seen.Phase, seen.LastError)))
		}
	}
	if len(why) > 0 {
		return why, nil
	}
	return nil, cluster.Answers(ctx)
}
