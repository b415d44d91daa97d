package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/planner/resource"
	"github.com/clusterform/clusterform/provider/engine"
)

func newRotate() action.Action { return &rotateAction{} }

// rotateAction replaces a pool's nodes by new ones that are alike.
type rotateAction struct{ reach }

var _ action.ActionWithConfigure = (*rotateAction)(nil)

// Metadata implements action.Action.
func (r *rotateAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_rotate"
}

// Schema implements action.Action.
func (r *rotateAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Replaces the nodes of a pool, one after another as its `update` says. Without the action, `image_update` and changes of the pool do the same.",
		Attributes: map[string]schema.Attribute{
			"cluster": schema.StringAttribute{MarkdownDescription: "The cluster: `clusterform_cluster.lab.id`.", Required: true},
			"pool":    schema.StringAttribute{MarkdownDescription: "Name of the node pool. Without one, the control plane.", Optional: true},
		},
	}
}

// Configure implements action.ActionWithConfigure.
func (r *rotateAction) Configure(_ context.Context, req action.ConfigureRequest, _ *action.ConfigureResponse) {
	r.connect(req.ProviderData)
}

// Invoke implements action.Action.
func (r *rotateAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m struct {
		Cluster types.String `tfsdk:"cluster"`
		Pool    types.String `tfsdk:"pool"`
	}
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	cluster := r.cluster(m.Cluster, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	blocks, err := cluster.Blocks()
	if err != nil {
		resp.Diagnostics.AddError("The cluster's record cannot be used", err.Error())
		return
	}
	address := cluster.ID().Address()
	if pool := m.Pool.ValueString(); pool != "" {
		address = resource.Address("node_pool." + pool)
	}
	b, has := blocks[address]
	if !has {
		resp.Diagnostics.AddAttributeError(path.Root("pool"), "No such pool", fmt.Sprintf("%s has no %s on record.", cluster.ID(), address))
		return
	}
	resp.SendProgress(action.InvokeProgressEvent{Message: fmt.Sprintf("Replacing the nodes of %s", address)})
	var out *engine.Outcome
	following(resp, func(events event.Sink) { out = cluster.Rotate(ctx, b, events) })
	tell(&resp.Diagnostics, out.Errors)
}
