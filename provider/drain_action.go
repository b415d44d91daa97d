package provider

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

func newDrain() action.Action { return &drainAction{} }

// drainAction moves the work of one node away, and leaves the node cordoned.
type drainAction struct{ reach }

var _ action.ActionWithConfigure = (*drainAction)(nil)

// Metadata implements action.Action.
func (d *drainAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_drain"
}

// Schema implements action.Action.
func (d *drainAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Moves the work of a node away, honouring disruption budgets, and keeps new work off it.",
		Attributes: map[string]schema.Attribute{
			"cluster": schema.StringAttribute{MarkdownDescription: "The cluster: `clusterform_cluster.lab.id`.", Required: true},
			"node":    schema.StringAttribute{MarkdownDescription: "Id of the node's instance.", Required: true},
			"timeout": schema.StringAttribute{MarkdownDescription: "How long work has to move away. Default: `10m`.", Optional: true},
			"force":   schema.BoolAttribute{MarkdownDescription: "Go on with what nobody replaces, and at the end of the time with what a budget held.", Optional: true},
		},
	}
}

// Configure implements action.ActionWithConfigure.
func (d *drainAction) Configure(_ context.Context, req action.ConfigureRequest, _ *action.ConfigureResponse) {
	d.connect(req.ProviderData)
}

// Invoke implements action.Action.
func (d *drainAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m struct {
		Cluster types.String `tfsdk:"cluster"`
		Node    types.String `tfsdk:"node"`
		Timeout types.String `tfsdk:"timeout"`
		Force   types.Bool   `tfsdk:"force"`
	}
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	cluster := d.cluster(m.Cluster, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	timeout := 10 * time.Minute
	if text := m.Timeout.ValueString(); text != "" {
		var err error
		if timeout, err = time.ParseDuration(text); err != nil || timeout <= 0 {
			resp.Diagnostics.AddAttributeError(path.Root("timeout"), "Invalid duration", "Write a time such as \"10m\".")
			return
		}
	}
	client, err := cluster.Client(ctx)
	var members []orchestrator.Member
	if err == nil {
		members, err = client.Members(ctx)
	}
	if err != nil {
		resp.Diagnostics.AddError("The cluster cannot be asked", printable(err.Error()))
		return
	}
	for _, member := range members {
		if member.Instance != m.Node.ValueString() {
			continue
		}
		following(resp, func(events event.Sink) {
			err = client.Drain(ctx, member, orchestrator.DrainOptions{
				Timeout: timeout, Grace: -1, Force: m.Force.ValueBool(),
				Progress: func(text string) { events.Emit(event.Event{Type: event.Log, At: time.Now(), Message: text}) },
			})
		})
		if err != nil {
			resp.Diagnostics.AddError("Not drained", printable(err.Error()))
		}
		return
	}
	resp.Diagnostics.AddAttributeError(path.Root("node"), "No such node", fmt.Sprintf("%s is no member of %s.", m.Node.ValueString(), cluster.ID()))
}
