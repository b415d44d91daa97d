package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

func newJoinToken() ephemeral.EphemeralResource { return &joinToken{} }

// joinToken is the credential with which machines that clusterform does not make can join.
type joinToken struct{ reach }

var _ ephemeral.EphemeralResourceWithConfigure = (*joinToken)(nil)

type joinTokenModel struct {
	Cluster types.String `tfsdk:"cluster"`
	Role    types.String `tfsdk:"role"`
	Token   types.String `tfsdk:"token"`
	CA      types.String `tfsdk:"cluster_ca_certificate"`
}

// Metadata implements ephemeral.EphemeralResource.
func (j *joinToken) Metadata(_ context.Context, req ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_join_token"
}

// Schema implements ephemeral.EphemeralResource.
func (j *joinToken) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A credential with which machines that clusterform does not manage can join a cluster. It ends with the next wave of joins, or by itself.",
		Attributes: map[string]schema.Attribute{
			"cluster":                schema.StringAttribute{MarkdownDescription: "The cluster: `clusterform_cluster.lab.id`.", Required: true},
			"role":                   schema.StringAttribute{MarkdownDescription: "`worker` or `control_plane`. Default: `worker`.", Optional: true},
			"token":                  schema.StringAttribute{MarkdownDescription: "kubeadm's bootstrap token, or Swarm's join token.", Computed: true, Sensitive: true},
			"cluster_ca_certificate": schema.StringAttribute{MarkdownDescription: "The cluster's CA in PEM.", Computed: true},
		},
	}
}

// Configure implements ephemeral.EphemeralResourceWithConfigure.
func (j *joinToken) Configure(_ context.Context, req ephemeral.ConfigureRequest, _ *ephemeral.ConfigureResponse) {
	j.connect(req.ProviderData)
}

// Open implements ephemeral.EphemeralResource.
func (j *joinToken) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var m joinTokenModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	cluster := j.cluster(m.Cluster, &resp.Diagnostics)
	role := m.Role.ValueString()
	if role != "" && role != "worker" && role != "control_plane" {
		resp.Diagnostics.AddAttributeError(path.Root("role"), "Invalid role", "It is \"worker\" or \"control_plane\".")
	}
	if resp.Diagnostics.HasError() {
		return
	}
	_, credentials, err := cluster.Identity(ctx)
	if err == nil {
		var token string
		token, err = cluster.JoinToken(ctx, role == "control_plane")
		m.Token = types.StringValue(token)
	}
	if err != nil {
		resp.Diagnostics.AddError("No join token", printable(err.Error()))
		return
	}
	m.CA = types.StringNull()
	if credentials != nil {
		m.CA = types.StringValue(credentials.CA)
	}
	resp.Diagnostics.Append(resp.Result.Set(ctx, &m)...)
}
