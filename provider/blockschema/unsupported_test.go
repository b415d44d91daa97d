package blockschema_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/zclconf/go-cty/cty"

	"github.com/clusterform/clusterform/provider/blockschema"
)

// literal is a value as an expression in a configuration has it: objects and tuples, whatever a schema would make of them.
func literal(t *testing.T, text string) tftypes.Value {
	t.Helper()
	var plain any
	if err := json.Unmarshal([]byte(text), &plain); err != nil {
		t.Fatal(err)
	}
	v, err := tftypes.ValueFromJSONWithOpts([]byte(text), typeOf(plain), tftypes.ValueFromJSONOpts{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func typeOf(v any) tftypes.Type {
	switch v := v.(type) {
	case float64:
		return tftypes.Number
	case bool:
		return tftypes.Bool
	case []any:
		out := tftypes.Tuple{ElementTypes: []tftypes.Type{}}
		for _, e := range v {
			out.ElementTypes = append(out.ElementTypes, typeOf(e))
		}
		return out
	case map[string]any:
		out := tftypes.Object{AttributeTypes: map[string]tftypes.Type{}}
		for k, e := range v {
			out.AttributeTypes[k] = typeOf(e)
		}
		return out
	}
	return tftypes.String
}

func TestUnsupported(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, object string
		want         []string
	}{
		{"nothing wrong", `{"name": "web", "replicas": 2, "container": {"app": {"image": "a:1", "env": {"anything": "goes"}}}}`, nil},
		{"names that are not there", `{"replica": 2, "container": {"app": {"imago": "a:1"}}}`, []string{"container.app.imago is no argument", "replica is no argument"}},
		{"null does not count", `{"replica": null}`, nil},
		{"meta-arguments are Terraform's", `{"for_each": ["a"], "depends_on": []}`, []string{"depends_on is no argument", "for_each is no argument"}},
		{"no block by label", `{"container": "app"}`, []string{"container must be objects by name"}},
		{"no object in a block", `{"container": {"app": "a:1"}, "placement": 1}`, []string{"container.app must be an object", "placement must be an object"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := blockschema.Unsupported(blockschema.Of("workload"), literal(t, test.object), "name")
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestToCty(t *testing.T) {
	t.Parallel()
	got, err := blockschema.ToCty(literal(t, `{"size": 3, "on": true, "zones": ["a", 1], "tags": {"team": "web"}, "none": null}`))
	if err != nil {
		t.Fatal(err)
	}
	want := cty.ObjectVal(map[string]cty.Value{
		"size": cty.NumberIntVal(3), "on": cty.True, "zones": cty.TupleVal([]cty.Value{cty.StringVal("a"), cty.NumberIntVal(1)}),
		"tags": cty.ObjectVal(map[string]cty.Value{"team": cty.StringVal("web")}), "none": cty.NullVal(cty.DynamicPseudoType),
	})
	if !got.RawEquals(want) {
		t.Errorf("got %#v, want %#v", got, want)
	}
	if got, err := blockschema.ToCty(tftypes.NewValue(tftypes.String, tftypes.UnknownValue)); err != nil || got.IsKnown() {
		t.Errorf("of an unknown value: %#v, %v", got, err)
	}
}
