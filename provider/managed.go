package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/clusterform/clusterform/provider/blockschema"
	"github.com/clusterform/clusterform/provider/engine"
)

// managed is a resource that is a block of the language. The fields are what kinds of blocks differ in.
type managed struct {
	block    string // its type
	describe string
	// protected is the default of deletion_protection.
	protected bool
	// create, update and remove are the default timeouts.
	create, update, remove time.Duration

	conn *connection
}

var (
	_ resource.ResourceWithConfigure      = (*managed)(nil)
	_ resource.ResourceWithModifyPlan     = (*managed)(nil)
	_ resource.ResourceWithValidateConfig = (*managed)(nil)
	_ resource.ResourceWithImportState    = (*managed)(nil)
)

// Metadata implements resource.Resource.
func (m *managed) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_" + m.block
}

// Schema implements resource.Resource.
func (m *managed) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	attrs := blockschema.Attributes(blockschema.Of(m.block))
	own := map[string]schema.Attribute{
		"name":       schema.StringAttribute{MarkdownDescription: "Its name: a DNS label, part of host names and tags. Another name is another object.", Required: true},
		"id":         schema.StringAttribute{MarkdownDescription: "Its id, which other resources and imports name it by.", Computed: true},
		"phase":      schema.StringAttribute{MarkdownDescription: "`ready`; `incomplete` when a change ended part-way, and the next apply goes on; `drifted` when reality is no longer as applied.", Computed: true},
		"last_error": schema.StringAttribute{MarkdownDescription: "Why it is not `ready`.", Computed: true},
		"deletion_protection": schema.BoolAttribute{
			MarkdownDescription: fmt.Sprintf("Refuse to destroy it. Apply `false` before a destroy. Default: `%t`.", m.protected),
			Optional:            true, Computed: true, Default: booldefault.StaticBool(m.protected),
		},
		"timeouts": timeouts.Attributes(ctx, timeouts.Opts{
			Create: true, Update: true, Delete: true,
			CreateDescription: timeoutText(m.create), UpdateDescription: timeoutText(m.update), DeleteDescription: timeoutText(m.remove),
		}),
	}
	if m.block == "cluster" {
		own["region"] = schema.StringAttribute{MarkdownDescription: "AWS region, such as `ap-northeast-2`. Another region is another cluster. Default: the provider's.", Optional: true, Computed: true}
	}
	maps.Copy(attrs, own)
	resp.Schema = schema.Schema{MarkdownDescription: m.describe, Attributes: attrs, Version: stateVersion}
}

func timeoutText(d time.Duration) string {
	return fmt.Sprintf("How long it may take, such as `90m`. Default: `%s`.", d)
}

// Configure implements resource.ResourceWithConfigure.
func (m *managed) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	if c, ok := req.ProviderData.(*connection); ok {
		m.conn = c
	}
}

// ready fails when the provider was not configured, as some of its settings are not known.
func (m *managed) ready(diags *diag.Diagnostics) bool {
	if m.conn == nil {
		diags.AddError("The provider is not configured", "Some of its settings are still unknown, so nothing can be carried out. Apply what they come from first, with -target.")
		return false
	}
	return true
}

// subject is a resource as the engine has it.
type subject struct {
	block   engine.Block
	cluster engine.ID
	// unknown are the arguments that are not known yet. The block is not whole then; with unnamed not even its cluster is
	// known.
	unknown []string
	unnamed bool
}

// id is the resource's.
func (s *subject) id() string {
	if s.block.Type == "cluster" {
		return s.cluster.String()
	}
	return s.cluster.String() + "/" + s.block.Name
}

// subject reads a resource from its configuration, or, for an import or a removal, from its state.
func (m *managed) subject(value tftypes.Value) (*subject, error) {
	var fields map[string]tftypes.Value
	if err := value.As(&fields); err != nil {
		return nil, err
	}
	written, err := blockschema.Body(blockschema.Of(m.block), value, engine.Literal)
	if err != nil {
		return nil, err
	}
	s := &subject{unknown: written.Unknown, block: engine.Block{Type: m.block, Body: written.Body, Secrets: written.Secrets, Secret: len(written.Secrets) > 0}}
	name, known := textOf(fields["name"])
	s.block.Name = name
	s.unnamed = !known
	region := ""
	if m.conn != nil {
		region = m.conn.region
	}
	if m.block == "cluster" {
		if r, ok := s.block.Body["region"].(string); ok {
			region = r
		}
		s.cluster = engine.ID{Region: region, Name: name}
		s.unnamed = s.unnamed || slices.Contains(s.unknown, "region") || region == ""
		s.block.Body["region"] = region
		m.tag(s.block.Body)
		return s, nil
	}
	of, ok := s.block.Body["cluster"].(string)
	if !ok {
		s.unnamed = true
		return s, nil
	}
	if s.cluster, err = engine.ParseID(of, region); err != nil {
		return nil, err
	}
	s.block.Body["cluster"] = "${" + string(s.cluster.Address()) + "}"
	return s, nil
}

// tag adds the provider's tags to a cluster's, which win.
func (m *managed) tag(body map[string]any) {
	if m.conn == nil || len(m.conn.defaultTags) == 0 {
		return
	}
	tags := map[string]any{}
	for k, v := range m.conn.defaultTags {
		tags[k] = engine.Literal(v)
	}
	if own, ok := body["tags"].(map[string]any); ok {
		maps.Copy(tags, own)
	}
	body["tags"] = tags
}

func textOf(v tftypes.Value) (text string, known bool) {
	if v.Type() == nil || !v.IsKnown() || v.IsNull() {
		return "", v.Type() != nil && v.IsKnown()
	}
	return text, v.As(&text) == nil
}

// with replaces attributes of a resource's value.
func with(value tftypes.Value, set map[string]tftypes.Value) (tftypes.Value, error) {
	var fields map[string]tftypes.Value
	if err := value.As(&fields); err != nil {
		return value, err
	}
	fields = maps.Clone(fields)
	maps.Copy(fields, set)
	return tftypes.NewValue(value.Type(), fields), nil
}

// typeOf is the type of an attribute of a resource's value.
func typeOf(value tftypes.Value, attribute string) tftypes.Type {
	object, _ := value.Type().(tftypes.Object)
	return object.AttributeTypes[attribute]
}

// timeout reads one of the timeouts.
func timeout(value tftypes.Value, verb string, otherwise time.Duration) time.Duration {
	var fields, list map[string]tftypes.Value
	if value.As(&fields) != nil || fields["timeouts"].Type() == nil || fields["timeouts"].IsNull() || fields["timeouts"].As(&list) != nil {
		return otherwise
	}
	text, _ := textOf(list[verb])
	if d, err := time.ParseDuration(text); err == nil {
		return d
	}
	return otherwise
}
