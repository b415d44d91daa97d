package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/clusterform/clusterform/provider/engine"
)

func newClusterData() datasource.DataSource { return &clusterData{} }

// clusterData is a cluster that is made elsewhere with the same state directory.
type clusterData struct{ reach }

var _ datasource.DataSourceWithConfigure = (*clusterData)(nil)

type clusterDataModel struct {
	Cluster      types.String `tfsdk:"cluster"`
	ID           types.String `tfsdk:"id"`
	UID          types.String `tfsdk:"uid"`
	Region       types.String `tfsdk:"region"`
	Orchestrator types.String `tfsdk:"orchestrator"`
	Phase        types.String `tfsdk:"phase"`
	LastError    types.String `tfsdk:"last_error"`
	Endpoint     types.String `tfsdk:"endpoint"`
	EndpointURL  types.String `tfsdk:"endpoint_url"`
	VPC          types.String `tfsdk:"vpc_id"`
	CA           types.String `tfsdk:"ca_certificate"`
}

// Metadata implements datasource.DataSource.
func (d *clusterData) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_cluster"
}

// Schema implements datasource.DataSource.
func (d *clusterData) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text := func(d string) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: d, Computed: true}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "A cluster on record: where its API is, and how it is.",
		Attributes: map[string]schema.Attribute{
			"cluster":        schema.StringAttribute{MarkdownDescription: "Its id, or its name in the provider's region.", Required: true},
			"id":             text("Its id."),
			"uid":            text("Every object of the cluster is tagged with it."),
			"region":         text("AWS region."),
			"orchestrator":   text("What runs on the nodes."),
			"phase":          text("`ready`, `incomplete` or `drifted`."),
			"last_error":     text("Why it is not `ready`."),
			"endpoint":       text("Host name or address of the API endpoint."),
			"endpoint_url":   text("URL of the API endpoint."),
			"vpc_id":         text("Id of the VPC."),
			"ca_certificate": text("The certificate, in PEM, that the API's is signed with. It is public."),
		},
	}
}

// Configure implements datasource.DataSourceWithConfigure.
func (d *clusterData) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	d.connect(req.ProviderData)
}

// Read implements datasource.DataSource.
func (d *clusterData) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m clusterDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	cluster := d.cluster(m.Cluster, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	id, credentials, err := cluster.Identity(ctx)
	if err != nil {
		resp.Diagnostics.AddError("Cluster not found", err.Error())
		return
	}
	seen, diags := cluster.Read(ctx, cluster.ID().Address())
	tell(&resp.Diagnostics, diags)
	if resp.Diagnostics.HasError() {
		return
	}
	m.ID, m.UID, m.Region, m.Orchestrator = types.StringValue(cluster.ID().String()), types.StringValue(id.UID), types.StringValue(id.Region), types.StringValue(id.Orchestrator)
	m.Phase, m.LastError = types.StringValue(seen.Phase), optionalText(seen.LastError)
	m.Endpoint, m.EndpointURL, m.VPC = output(seen, "endpoint"), output(seen, "endpoint_url"), output(seen, "vpc_id")
	if credentials != nil {
		m.CA = optionalText(credentials.CA)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

func output(seen *engine.Reading, name string) types.String {
	if v, ok := seen.Values[name]; ok && v.IsKnown() && !v.IsNull() {
		return types.StringValue(v.AsString())
	}
	return types.StringNull()
}

func optionalText(s string) types.String {
	if s == "" {
		return types.StringNull()
	}
	return types.StringValue(s)
}
