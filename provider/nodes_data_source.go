package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/clusterform/clusterform/planner/resource"
)

func newNodesData() datasource.DataSource { return &nodesData{} }

// nodesData lists a cluster's nodes as they are recorded.
type nodesData struct{ reach }

var _ datasource.DataSourceWithConfigure = (*nodesData)(nil)

type nodesDataModel struct {
	Cluster types.String    `tfsdk:"cluster"`
	Pool    types.String    `tfsdk:"pool"`
	Nodes   []nodeDataModel `tfsdk:"nodes"`
}

type nodeDataModel struct {
	Address      types.String `tfsdk:"address"`
	ID           types.String `tfsdk:"id"`
	Role         types.String `tfsdk:"role"`
	Phase        types.String `tfsdk:"phase"`
	PrivateIP    types.String `tfsdk:"private_ip"`
	PublicIP     types.String `tfsdk:"public_ip"`
	Zone         types.String `tfsdk:"zone"`
	InstanceType types.String `tfsdk:"instance_type"`
	Version      types.String `tfsdk:"version"`
}

// Metadata implements datasource.DataSource.
func (d *nodesData) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_nodes"
}

// Schema implements datasource.DataSource.
func (d *nodesData) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text := func(d string) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: d, Computed: true}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "The nodes of a cluster, control plane included, as they are recorded.",
		Attributes: map[string]schema.Attribute{
			"cluster": schema.StringAttribute{MarkdownDescription: "Its id, or its name in the provider's region.", Required: true},
			"pool":    schema.StringAttribute{MarkdownDescription: "Only those of this node pool, or of the `control_plane`.", Optional: true},
			"nodes": schema.ListNestedAttribute{MarkdownDescription: "The nodes, by pool and ordinal.", Computed: true, NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"address":       text("Its address in the language: `node_pool.worker[1]`."),
				"id":            text("EC2 instance id, which is its name in Kubernetes too."),
				"role":          text("`control_plane` or `worker`."),
				"phase":         text("From `launching` to `ready`."),
				"private_ip":    text("Private address."),
				"public_ip":     text("Public address."),
				"zone":          text("Availability zone."),
				"instance_type": text("EC2 instance type."),
				"version":       text("Version of the orchestrator."),
			}}},
		},
	}
}

// Configure implements datasource.DataSourceWithConfigure.
func (d *nodesData) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	d.connect(req.ProviderData)
}

// Read implements datasource.DataSource.
func (d *nodesData) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m nodesDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	cluster := d.cluster(m.Cluster, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	var under resource.Address
	switch pool := m.Pool.ValueString(); pool {
	case "":
	case "control_plane":
		under = cluster.ID().Address().Child(pool)
	default:
		under = resource.Address("node_pool." + pool)
	}
	nodes, err := cluster.Nodes(ctx, under)
	if err != nil {
		resp.Diagnostics.AddError("The cluster's record cannot be used", err.Error())
		return
	}
	m.Nodes = []nodeDataModel{}
	for _, r := range nodes {
		n, isNode := r.Spec.(*resource.Node)
		if !isNode {
			continue
		}
		m.Nodes = append(m.Nodes, nodeDataModel{
			Address: types.StringValue(string(r.Address)), ID: types.StringValue(r.ID), Role: types.StringValue(n.Role), Phase: types.StringValue(string(r.Phase)),
			PrivateIP: optionalText(n.PrivateIP), PublicIP: optionalText(n.PublicAddr), Zone: types.StringValue(n.Zone),
			InstanceType: optionalText(n.InstanceType), Version: optionalText(n.Version),
		})
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}
