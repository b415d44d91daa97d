package blockschema

import (
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/zclconf/go-cty/cty"

	"github.com/clusterform/clusterform/hclconfig"
)

// Attributes are the arguments and the computed attributes of a block as those of a resource. Nested blocks become nested
// attributes: one that may stand once an object, one with a label a map by label, others a list.
func Attributes(s *hclconfig.Schema) map[string]schema.Attribute {
	out := nested(s, "")
	for _, a := range Computed(s) {
		out[a.Name] = computed(a)
	}
	return out
}

func nested(s *hclconfig.Schema, path string) map[string]schema.Attribute {
	out := map[string]schema.Attribute{}
	for _, a := range Arguments(s) {
		out[a.Name] = argument(a, path+a.Name)
	}
	for _, b := range Blocks(s) {
		out[b.Type] = block(b, path+b.Type+".")
	}
	return out
}

func block(b hclconfig.NestedBlock, path string) schema.Attribute {
	attrs := nested(b.Schema, path)
	required := b.Min > 0
	switch {
	case b.Max == 1:
		return schema.SingleNestedAttribute{MarkdownDescription: b.Schema.Description, Attributes: attrs, Required: required, Optional: !required}
	case b.Label != "":
		return schema.MapNestedAttribute{
			MarkdownDescription: b.Schema.Description + " By " + b.Label + ".",
			NestedObject:        schema.NestedAttributeObject{Attributes: attrs}, Required: required, Optional: !required,
		}
	default:
		return schema.ListNestedAttribute{
			MarkdownDescription: b.Schema.Description,
			NestedObject:        schema.NestedAttributeObject{Attributes: attrs}, Required: required, Optional: !required,
		}
	}
}

// Description is an argument's, with its default and what it may be.
func Description(a hclconfig.Attribute) string {
	d := a.Description
	if len(a.Values) > 0 {
		d += " One of `" + strings.Join(a.Values, "`, `") + "`."
	}
	if a.Default != "" && a.Default != `""` && a.Default != "{}" && a.Default != "[]" {
		d += " Default: `" + strings.Trim(a.Default, `"`) + "`."
	}
	return strings.NewReplacer("`cluster.lab`", "`clusterform_cluster.lab.id`").Replace(d)
}

func argument(a hclconfig.Attribute, path string) schema.Attribute {
	d, required, optional := Description(a), a.Required, !a.Required
	hidden := writeOnly(path)
	if hidden {
		d += " Write-only: never in the plan or the state."
	}
	switch shapeOf(a) {
	case number:
		return schema.Int64Attribute{MarkdownDescription: d, Required: required, Optional: optional}
	case truth:
		return schema.BoolAttribute{MarkdownDescription: d, Required: required, Optional: optional}
	case texts:
		return schema.ListAttribute{MarkdownDescription: d, ElementType: types.StringType, Required: required, Optional: optional}
	case textMap:
		return schema.MapAttribute{
			MarkdownDescription: d, ElementType: types.StringType, Required: required, Optional: optional, WriteOnly: hidden, Sensitive: hidden,
		}
	case anything:
		return schema.DynamicAttribute{MarkdownDescription: d, Required: required, Optional: optional}
	default:
		return schema.StringAttribute{MarkdownDescription: d, Required: required, Optional: optional}
	}
}

func computed(a hclconfig.Attribute) schema.Attribute {
	switch t := TypeOf(a.Type).(type) {
	case types.ListType:
		return schema.ListAttribute{MarkdownDescription: a.Description, ElementType: t.ElemType, Computed: true}
	case types.MapType:
		return schema.MapAttribute{MarkdownDescription: a.Description, ElementType: t.ElemType, Computed: true}
	default:
		return schema.StringAttribute{MarkdownDescription: a.Description, Computed: true}
	}
}

// TypeOf is the framework's type for one of the language.
func TypeOf(t cty.Type) attr.Type {
	switch {
	case t == cty.Number:
		return types.Int64Type
	case t == cty.Bool:
		return types.BoolType
	case t.IsListType():
		return types.ListType{ElemType: TypeOf(t.ElementType())}
	case t.IsMapType():
		return types.MapType{ElemType: TypeOf(t.ElementType())}
	case t.IsObjectType():
		attrs := map[string]attr.Type{}
		for name, at := range t.AttributeTypes() {
			attrs[name] = TypeOf(at)
		}
		return types.ObjectType{AttrTypes: attrs}
	default:
		return types.StringType
	}
}
