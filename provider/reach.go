package provider

import (
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/clusterform/clusterform/provider/engine"
)

// reach is what everything has that looks at an existing cluster: the way to it.
type reach struct{ conn *connection }

// connect takes the provider's connection; there is none while its settings are unknown.
func (r *reach) connect(data any) {
	if c, ok := data.(*connection); ok {
		r.conn = c
	}
}

// ready fails while there is no connection.
func (r *reach) ready(diags *diag.Diagnostics) bool {
	if r.conn == nil {
		diags.AddError("The provider is not configured", "Some of its settings are still unknown. Apply what they come from first, with -target.")
	}
	return r.conn != nil
}

// cluster finds the cluster that an argument names.
func (r *reach) cluster(id types.String, diags *diag.Diagnostics) *engine.Cluster {
	if !r.ready(diags) {
		return nil
	}
	parsed, err := engine.ParseID(id.ValueString(), r.conn.region)
	if err != nil {
		diags.AddAttributeError(path.Root("cluster"), "Invalid cluster", err.Error())
		return nil
	}
	return r.conn.engine.Cluster(parsed)
}
