package provider

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

func newKubeconfig() ephemeral.EphemeralResource { return &kubeconfigResource{} }

// kubeconfigResource makes access to a cluster that lives as long as the run of Terraform.
type kubeconfigResource struct{ reach }

var _ ephemeral.EphemeralResourceWithConfigure = (*kubeconfigResource)(nil)

type kubeconfigModel struct {
	Cluster           types.String `tfsdk:"cluster"`
	TTL               types.String `tfsdk:"ttl"`
	Server            types.String `tfsdk:"server"`
	Kubeconfig        types.String `tfsdk:"kubeconfig"`
	Host              types.String `tfsdk:"host"`
	CA                types.String `tfsdk:"cluster_ca_certificate"`
	ClientCertificate types.String `tfsdk:"client_certificate"`
	ClientKey         types.String `tfsdk:"client_key"`
	TLSServerName     types.String `tfsdk:"tls_server_name"`
}

// Metadata implements ephemeral.EphemeralResource.
func (k *kubeconfigResource) Metadata(_ context.Context, req ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_kubeconfig"
}

// Schema implements ephemeral.EphemeralResource.
func (k *kubeconfigResource) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	text := func(d string, secret bool) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: d, Computed: true, Sensitive: secret}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Access to a Kubernetes cluster with a short-lived client certificate, made on demand and never in a plan or a state. For `provider \"kubernetes\"` and its like.",
		Attributes: map[string]schema.Attribute{
			"cluster":                schema.StringAttribute{MarkdownDescription: "The cluster: `clusterform_cluster.lab.id`.", Required: true},
			"ttl":                    schema.StringAttribute{MarkdownDescription: "How long the certificate is good, such as `30m`. Default: `1h`.", Optional: true},
			"server":                 schema.StringAttribute{MarkdownDescription: "URL of the API. Default: the address that answers from here.", Optional: true},
			"kubeconfig":             text("The whole kubeconfig.", true),
			"host":                   text("URL of the API.", false),
			"cluster_ca_certificate": text("The cluster's CA in PEM.", false),
			"client_certificate":     text("The client's certificate in PEM.", false),
			"client_key":             text("Its key in PEM.", true),
			"tls_server_name":        text("The name that the API's certificate is checked against.", false),
		},
	}
}

// Configure implements ephemeral.EphemeralResourceWithConfigure.
func (k *kubeconfigResource) Configure(_ context.Context, req ephemeral.ConfigureRequest, _ *ephemeral.ConfigureResponse) {
	k.connect(req.ProviderData)
}

// Open implements ephemeral.EphemeralResource.
func (k *kubeconfigResource) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var m kubeconfigModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	cluster := k.cluster(m.Cluster, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	ttl := time.Hour
	if text := m.TTL.ValueString(); text != "" {
		var err error
		if ttl, err = time.ParseDuration(text); err != nil || ttl <= 0 {
			resp.Diagnostics.AddAttributeError(path.Root("ttl"), "Invalid duration", "Write a time such as \"30m\" or \"2h\".")
			return
		}
	}
	text, err := cluster.Kubeconfig(ctx, m.Server.ValueString(), ttl)
	if err != nil {
		resp.Diagnostics.AddError("No kubeconfig", printable(err.Error()))
		return
	}
	values, err := settingsOf(string(text))
	if err != nil {
		resp.Diagnostics.AddError("No kubeconfig", err.Error())
		return
	}
	get := func(name string) types.String {
		v, _ := values[name].(types.String)
		return v
	}
	m.Kubeconfig = types.StringValue(string(text))
	m.Host, m.CA, m.TLSServerName = get("host"), get("cluster_ca_certificate"), get("tls_server_name")
	m.ClientCertificate, m.ClientKey = get("client_certificate"), get("client_key")
	resp.Diagnostics.Append(resp.Result.Set(ctx, &m)...)
}
