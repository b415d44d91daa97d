package blockschema

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/clusterform/clusterform/hclconfig"
)

// Unsupported says what a schema does not take of an object that no schema of Terraform's has checked: "port" is no
// argument. Attributes that are null do not count, nor do computed ones, nor those named in own.
func Unsupported(s *hclconfig.Schema, value tftypes.Value, own ...string) []string {
	out := unsupported(s, value, "", own)
	slices.Sort(out)
	return out
}

func unsupported(s *hclconfig.Schema, value tftypes.Value, at string, own []string) []string {
	var fields map[string]tftypes.Value
	if !value.IsKnown() || value.IsNull() {
		return nil
	}
	if value.As(&fields) != nil {
		return []string{strings.TrimSuffix(at, ".") + " must be an object"}
	}
	has := map[string]bool{}
	for _, a := range s.Attributes {
		has[a.Name] = !omitted(a.Name)
	}
	for _, name := range own {
		has[name] = true
	}
	blocks := map[string]hclconfig.NestedBlock{}
	for _, b := range Blocks(s) {
		blocks[b.Type] = b
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		v := fields[name]
		b, nested := blocks[name]
		switch {
		case v.IsNull() || has[name]:
		case nested:
			inner, ok := elements(b, v)
			if !ok {
				out = append(out, at+name+" must be "+form(b))
			}
			for label, e := range inner {
				out = append(out, unsupported(b.Schema, e, at+name+label+".", nil)...)
			}
		default:
			out = append(out, at+name+" is no argument")
		}
	}
	return out
}

// elements are the blocks in a value, by what their paths have after the block's type.
func elements(b hclconfig.NestedBlock, v tftypes.Value) (out map[string]tftypes.Value, ok bool) {
	out = map[string]tftypes.Value{}
	var list []tftypes.Value
	var byLabel map[string]tftypes.Value
	switch {
	case !v.IsKnown():
	case b.Max == 1:
		out[""] = v
	case b.Label != "":
		if v.As(&byLabel) != nil {
			return nil, false
		}
		for label, e := range byLabel {
			out["."+label] = e
		}
	default:
		if v.As(&list) != nil {
			return nil, false
		}
		for i, e := range list {
			out[fmt.Sprint(".", i)] = e
		}
	}
	return out, true
}

func form(b hclconfig.NestedBlock) string {
	if b.Label != "" {
		return "objects by " + b.Label
	}
	return "a list of objects"
}
