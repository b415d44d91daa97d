package provider

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/clusterform/clusterform/internal/render"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/provider/blockschema"
)

func newPlanData() datasource.DataSource { return &planData{} }

// planData is what `clusterform plan` would say in a directory.
type planData struct{ reach }

var _ datasource.DataSourceWithConfigure = (*planData)(nil)

type planDataModel struct {
	Directory types.String  `tfsdk:"directory"`
	Variables types.Dynamic `tfsdk:"variables"`
	State     types.String  `tfsdk:"state"`
	Targets   []string      `tfsdk:"targets"`
	Excludes  []string      `tfsdk:"excludes"`
	Destroy   types.Bool    `tfsdk:"destroy"`
	Refresh   types.Bool    `tfsdk:"refresh"`
	Empty     types.Bool    `tfsdk:"empty"`
	Summary   types.Object  `tfsdk:"summary"`
	Changes   []planChange  `tfsdk:"changes"`
	JSON      types.String  `tfsdk:"json"`
}

// planChange is one of the plan's document, under Terraform's names.
type planChange struct {
	Address types.String `tfsdk:"address"`
	Kind    types.String `tfsdk:"kind"`
	Action  types.String `tfsdk:"action"`
	Reason  types.String `tfsdk:"reason"`
	Because types.String `tfsdk:"because"`
}

// planCounts are the parts of the summary, with what they count.
var planCounts = map[string]string{
	"create": "Objects that are made.", "update": "Objects that are changed in place.", "replace": "Objects that are replaced.",
	"destroy": "Objects that are removed.", "adopt": "Objects that are taken up, as an interrupted run made them.", "import": "Objects that are imported.",
	"move": "Objects that get another address.", "forget": "Objects that are let go of.", "no_op": "Objects that stay as they are.",
	"drifted": "Objects that are not as they were recorded.", "nodes_disrupted": "Nodes that go or are replaced.",
	"workloads_interrupted": "Workloads that lose replicas for a while.", "api_calls": "Calls that it would take, about.",
}

// Metadata implements datasource.DataSource.
func (d *planData) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_plan"
}

// Schema implements datasource.DataSource.
func (d *planData) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text := func(d string) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: d, Computed: true}
	}
	optional := func(d string) schema.ListAttribute {
		return schema.ListAttribute{MarkdownDescription: d, ElementType: types.StringType, Optional: true}
	}
	counts := map[string]schema.Attribute{}
	for name, what := range planCounts {
		counts[name] = schema.Int64Attribute{MarkdownDescription: what, Computed: true}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "What `clusterform apply` would do in a directory with files of clusterform's own language. It looks at what is recorded there and at what really exists, with this provider's credentials, and changes nothing. Checks and conditions on it keep an apply from going on while a cluster that is managed elsewhere is not as it should be.",
		Attributes: map[string]schema.Attribute{
			"directory": schema.StringAttribute{MarkdownDescription: "The directory with the `*.cluster.hcl` files, from where terraform runs.", Required: true},
			"variables": schema.DynamicAttribute{MarkdownDescription: "Values of the files' variables, by name, before those of variables files. Terraform's state has what is written here, as of any data source: a secret is better left to the environment, as `CLUSTERFORM_VAR_name`.", Optional: true},
			"state":     schema.StringAttribute{MarkdownDescription: "The state file, from `directory`. Default: `clusterform.state.json`.", Optional: true},
			"targets":   optional("Only these addresses, and what they need."),
			"excludes":  optional("Not these addresses, nor what needs them."),
			"destroy":   schema.BoolAttribute{MarkdownDescription: "Plan the end of everything that is recorded. Default: `false`.", Optional: true},
			"refresh":   schema.BoolAttribute{MarkdownDescription: "Look at what really exists; otherwise the records are believed. Default: `true`.", Optional: true},
			"empty":     schema.BoolAttribute{MarkdownDescription: "There is nothing to do: neither a change nor drift.", Computed: true},
			"summary":   schema.SingleNestedAttribute{MarkdownDescription: "How much of what.", Computed: true, Attributes: counts},
			"changes": schema.ListNestedAttribute{MarkdownDescription: "What changes, by address.", Computed: true, NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"address": text("Address of the object: `cluster.lab.vpc`, `node_pool.worker[3]`."),
				"kind":    text("What it is: `vpc`, `node`, `workload`."),
				"action":  text("`create`, `update`, `replace`, `roll`, `destroy`, `adopt`, `import`, `move` or `forget`."),
				"reason":  text("Why, as a word for programs: `config_changed`, `drifted`, `scaled_down`."),
				"because": text("Why, for people, where there is more to say."),
			}}},
			"json": text("The plan as a document, as of `clusterform show -json` without its time, with no sensitive value. What does not exist yet gets another UID with each plan."),
		},
	}
}

// Configure implements datasource.DataSourceWithConfigure.
func (d *planData) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	d.connect(req.ProviderData)
}

// Read implements datasource.DataSource.
func (d *planData) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m planDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() || !d.ready(&resp.Diagnostics) {
		return
	}
	ask := directoryPlan{
		Dir: m.Directory.ValueString(), State: m.State.ValueString(), Targets: m.Targets, Excludes: m.Excludes,
		Destroy: m.Destroy.ValueBool(), Believe: !m.Refresh.IsNull() && !m.Refresh.ValueBool(),
	}
	var fields map[string]tftypes.Value
	err := req.Config.Raw.As(&fields)
	if err == nil {
		ask.Variables, err = blockschema.ToCty(fields["variables"])
	}
	if err != nil {
		resp.Diagnostics.AddAttributeError(path.Root("variables"), "Invalid variables", err.Error())
		return
	}
	plan, found := d.conn.plan(ctx, ask)
	tellPlaces(&resp.Diagnostics, found)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := m.take(plan); err != nil {
		resp.Diagnostics.AddError("The plan cannot be shown", err.Error())
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// take fills in what a plan says.
func (m *planDataModel) take(plan *planner.Plan) error {
	text, err := planner.JSON(plan)
	if err != nil {
		return err
	}
	var doc struct {
		Summary map[string]int64 `json:"summary"`
		Changes []struct {
			Address string `json:"address"`
			Kind    string `json:"kind"`
			Action  string `json:"action"`
			Reason  string `json:"action_reason"`
			Because string `json:"because"`
		} `json:"resource_changes"`
	}
	whole := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &doc); err != nil {
		return err
	}
	if err := json.Unmarshal(text, &whole); err != nil {
		return err
	}
	delete(whole, "timestamp") // a document that is other at each look would make each plan of Terraform one with changes
	if text, err = json.Marshal(whole); err != nil {
		return err
	}
	m.JSON = types.StringValue(string(render.EscapeJSON(text)))
	m.Empty = types.BoolValue(!plan.HasChanges() && len(plan.Drift) == 0)
	values, kinds := map[string]attr.Value{}, map[string]attr.Type{}
	for name := range planCounts {
		values[name], kinds[name] = types.Int64Value(doc.Summary[name]), types.Int64Type
	}
	m.Summary = types.ObjectValueMust(kinds, values)
	m.Changes = []planChange{}
	for _, c := range doc.Changes {
		m.Changes = append(m.Changes, planChange{
			Address: types.StringValue(c.Address), Kind: types.StringValue(c.Kind), Action: types.StringValue(c.Action),
			Reason: types.StringValue(c.Reason), Because: optionalText(printable(c.Because)),
		})
	}
	return nil
}
