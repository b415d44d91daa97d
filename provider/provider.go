package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	tfprovider "github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/resource"
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
	_ tfprovider.ProviderWithValidateConfig     = (*provider)(nil)
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
	resp.Schema = settingsSchema()
}

// ValidateConfig implements provider.ProviderWithValidateConfig: what can be told without the environment.
func (p *provider) ValidateConfig(ctx context.Context, req tfprovider.ValidateConfigRequest, resp *tfprovider.ValidateConfigResponse) {
	if given := settingsIn(ctx, req.Config, &resp.Diagnostics); given != nil {
		given.check(&resp.Diagnostics)
	}
}

// Configure implements provider.Provider. It never fails because something is not known yet.
func (p *provider) Configure(ctx context.Context, req tfprovider.ConfigureRequest, resp *tfprovider.ConfigureResponse) {
	given := settingsIn(ctx, req.Config, &resp.Diagnostics)
	if given == nil {
		return
	}
	c := given.connect(ctx, p.version, &resp.Diagnostics)
	if c == nil {
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
	return []func() datasource.DataSource{newClusterData, newNodesData, newPlanData}
}

// EphemeralResources implements provider.ProviderWithEphemeralResources.
func (p *provider) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{newKubeconfig, newJoinToken}
}

// Actions implements provider.ProviderWithActions.
func (p *provider) Actions(context.Context) []func() action.Action {
	return []func() action.Action{newDrain, newRotate, newUpgrade}
}

// ListResources implements provider.ProviderWithListResources.
func (p *provider) ListResources(context.Context) []func() list.ListResource {
	return []func() list.ListResource{listOf("cluster"), listOf("node_pool"), listOf("workload"), listOf("manifest")}
}

// Functions implements provider.ProviderWithFunctions.
func (p *provider) Functions(context.Context) []func() function.Function {
	return []func() function.Function{newCIDRPlan, newParseKubeconfig, newRender(p.version)}
}
