package provider

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/clusterform/clusterform/provider/engine"
)

// listOf lists what is on record of a type of block, for `terraform query` and bulk imports.
func listOf(block string) func() list.ListResource {
	return func() list.ListResource { return &listed{managed: managed{block: block}} }
}

type listed struct{ managed managed }

var _ list.ListResourceWithConfigure = (*listed)(nil)

// Metadata implements list.ListResource.
func (l *listed) Metadata(ctx context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	l.managed.Metadata(ctx, req, resp)
}

// Configure implements list.ListResourceWithConfigure.
func (l *listed) Configure(ctx context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	l.managed.Configure(ctx, req, resp)
}

// ListResourceConfigSchema implements list.ListResource.
func (l *listed) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists each " + strings.ReplaceAll(l.managed.block, "_", " ") + " that is on record in the provider's `state_dir`, for `terraform query` and bulk imports.",
		Attributes: map[string]schema.Attribute{
			"cluster": schema.StringAttribute{MarkdownDescription: "Only of this cluster.", Optional: true},
		},
	}
}

// List implements list.ListResource.
func (l *listed) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var diags diag.Diagnostics
	stream.Results = list.NoListResults
	if !l.managed.ready(&diags) {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	var filter struct {
		Cluster types.String `tfsdk:"cluster"`
	}
	if !req.Config.Raw.IsNull() { // a list block without config
		diags.Append(req.Config.Get(ctx, &filter)...)
	}
	ids, err := l.managed.conn.engine.IDs()
	if err == nil && filter.Cluster.ValueString() != "" {
		var only engine.ID
		only, err = engine.ParseID(filter.Cluster.ValueString(), l.managed.conn.region)
		ids = slices.DeleteFunc(ids, func(id engine.ID) bool { return id != only })
	}
	if err != nil {
		diags.AddError("Nothing can be listed", err.Error())
	}
	if diags.HasError() {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	stream.Results = func(push func(list.ListResult) bool) {
		left := req.Limit
		for _, id := range ids {
			for _, b := range l.blocks(id) {
				if left--; req.Limit > 0 && left < 0 || !push(l.result(ctx, req, id, b)) {
					return
				}
			}
		}
	}
}

// blocks are those of the type in one cluster. A cluster whose record cannot be read has none to offer.
func (l *listed) blocks(id engine.ID) []engine.Block {
	all, err := l.managed.conn.engine.Cluster(id).Blocks()
	if err != nil {
		return nil
	}
	var out []engine.Block
	for _, a := range slices.Sorted(maps.Keys(all)) {
		if b := all[a]; b.Type == l.managed.block {
			out = append(out, b)
		}
	}
	return out
}

func (l *listed) result(ctx context.Context, req list.ListRequest, id engine.ID, b engine.Block) list.ListResult {
	r := req.NewListResult(ctx)
	name := (&subject{block: b, cluster: id}).id()
	r.DisplayName = name
	identify(ctx, r.Identity, name, &r.Diagnostics)
	if req.IncludeResource {
		r.Resource.Raw = l.whole(ctx, r.Resource.Raw.Type(), id, b, &r.Diagnostics)
	}
	return r
}

// whole is a resource with what is really there of it.
func (l *listed) whole(ctx context.Context, t tftypes.Type, id engine.ID, b engine.Block, diags *diag.Diagnostics) tftypes.Value {
	state, err := l.managed.imported(t, id, b)
	if err != nil {
		diags.AddError("Cannot be read", err.Error())
		return state
	}
	seen, found := l.managed.conn.engine.Cluster(id).Read(ctx, b.Address())
	if tell(diags, found); seen == nil || seen.Gone {
		return state
	}
	set := l.managed.outputs(state, seen.Values, diags)
	set["phase"] = tftypes.NewValue(tftypes.String, seen.Phase)
	set["last_error"] = textOrNull(seen.LastError)
	if state, err = with(state, set); err != nil {
		diags.AddError("Cannot be read", err.Error())
	}
	return state
}
