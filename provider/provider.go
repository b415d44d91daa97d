package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	tfprovider "github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// Address is where Terraform looks for the provider.
const Address = "registry.terraform.io/clusterform/clusterform"

// New returns the provider of one version, "0.1.0".
func New(version string) func() tfprovider.Provider {
	return func() tfprovider.Provider { return &provider{version: version} }
}

type provider struct{ version string }

var (
	_ tfprovider.Provider                       = (*provider)(nil)
	_ tfprovider.ProviderWithEphemeralResources = (*provider)(nil)
	_ tfprovider.ProviderWithFunctions          = (*provider)(nil)
	_ tfprovider.ProviderWithActions            = (*provider)(nil)
	_ tfprovider.ProviderWithListResources      = (*provider)(nil)
)

// Metadata implements provider.Provider.
func (p *provider) Metadata(_ context.Context, _ tfprovider.MetadataRequest, resp *tfprovider.MetadataResponse) {
	resp.TypeName, resp.Version = "clusterform", p.version
}

// Schema implements provider.Provider.
func (p *provider) Schema(_ context.Context, _ tfprovider.SchemaRequest, resp *tfprovider.SchemaResponse) {
	optional := func(d string) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: d, Optional: true}
	}
	secret := func(d string) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: d, Optional: true, Sensitive: true}
	}
	skip := func(d string) schema.BoolAttribute {
		return schema.BoolAttribute{MarkdownDescription: d, Optional: true}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Clusters, node pools and workloads, planned and made by clusterform's own engine. Nothing is connected to before it is needed, and unknown settings are fine while planning.",
		Attributes: map[string]schema.Attribute{
			"region":       optional("AWS region of clusters that name none. Default: `AWS_REGION`, then `AWS_DEFAULT_REGION`."),
			"profile":      optional("Profile of the shared AWS configuration. Default: `AWS_PROFILE`."),
			"access_key":   optional("AWS access key. Default: the SDK's chain of environment, profile, SSO and instance role."),
			"secret_key":   secret("AWS secret key, with `access_key`."),
			"token":        secret("AWS session token, with `access_key`."),
			"endpoint_url": optional("URL of all AWS services, for the lab or a gateway. Default: `AWS_ENDPOINT_URL` and its like."),
			"default_tags": schema.MapAttribute{
				MarkdownDescription: "Tags on everything that clusters own; a cluster's own `tags` win.", ElementType: types.StringType, Optional: true,
			},
			"wait":      optional("When a node is done: `ready` when the orchestrator says so, `launched` when its instance runs. Default: `CLUSTERFORM_WAIT`, then `ready`."),
			"state_dir": optional("Directory for the engine's record and journal of each cluster. Keep it between runs: after a crash it tells what was begun. One that is lost is made again from Terraform's state. Default: `.clusterform/terraform/WORKSPACE`."),

			"skip_metadata_api_check": skip("Do not ask the instance metadata service for credentials."),
			"skip_region_validation":  skip("Take any region, also one that does not look like AWS's."),
		},
	}
}

// Configure implements provider.Provider. It never fails because something is not known yet.
func (p *provider) Configure(ctx context.Context, req tfprovider.ConfigureRequest, resp *tfprovider.ConfigureResponse) {
	var given settings
	resp.Diagnostics.Append(req.Config.Get(ctx, &given)...)
	if resp.Diagnostics.HasError() || !given.known() {
		return
	}
	c, err := given.connect(ctx, p.version)
	if err != nil {
		resp.Diagnostics.AddAttributeError(path.Root(err.attribute), "Invalid provider configuration", err.message)
		return
	}
	resp.ResourceData, resp.DataSourceData, resp.EphemeralResourceData, resp.ActionData, resp.ListResourceData = c, c, c, c, c
}

// Resources implements provider.Provider.
func (p *provider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{newCluster, newNodePool, newWorkload, newManifest, newClusterReady}
}

// DataSources implements provider.Provider.
func (p *provider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{newClusterData, newNodesData}
}

// EphemeralResources implements provider.ProviderWithEphemeralResources.
func (p *provider) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{newKubeconfig, newJoinToken}
}

// Actions implements provider.ProviderWithActions.
func (p *provider) Actions(context.Context) []func() action.Action {
	return []func() action.Action{newDrain, newRotate}
}

// ListResources implements provider.ProviderWithListResources.
func (p *provider) ListResources(context.Context) []func() list.ListResource {
	return []func() list.ListResource{listOf("cluster"), listOf("node_pool"), listOf("workload"), listOf("manifest")}
}

// Functions implements provider.ProviderWithFunctions.
func (p *provider) Functions(context.Context) []func() function.Function {
	return []func() function.Function{newCIDRPlan, newParseKubeconfig}
}
