package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/event"
)

func newUpgrade() action.Action { return &upgradeAction{} }

// upgradeAction brings a cluster to another version.
type upgradeAction struct{ reach }

var _ action.ActionWithConfigure = (*upgradeAction)(nil)

// Metadata implements action.Action.
func (u *upgradeAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_upgrade"
}

// Schema implements action.Action.
func (u *upgradeAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Brings a cluster and its node pools to another version, the control plane first, and shows what happens meanwhile. Without the action, another `version` of the `clusterform_cluster` does the same; where the resource has a `version`, write the new one there too, or let it be ignored (`ignore_changes`), since no cluster goes back.",
		Attributes: map[string]schema.Attribute{
			"cluster": schema.StringAttribute{MarkdownDescription: "The cluster: `clusterform_cluster.lab.id`.", Required: true},
			"version": schema.StringAttribute{MarkdownDescription: "The version, at most one minor version up: `1.34.4`.", Required: true},
		},
	}
}

// Configure implements action.ActionWithConfigure.
func (u *upgradeAction) Configure(_ context.Context, req action.ConfigureRequest, _ *action.ConfigureResponse) {
	u.connect(req.ProviderData)
}

// Invoke implements action.Action.
func (u *upgradeAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m struct {
		Cluster types.String `tfsdk:"cluster"`
		Version types.String `tfsdk:"version"`
	}
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	cluster := u.cluster(m.Cluster, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.SendProgress(action.InvokeProgressEvent{Message: fmt.Sprintf("Bringing %s to %s", cluster.ID(), printable(m.Version.ValueString()))})
	var found hclconfig.Diagnostics
	following(resp, func(events event.Sink) { found = cluster.Upgrade(ctx, m.Version.ValueString(), events) })
	tell(&resp.Diagnostics, found)
}
