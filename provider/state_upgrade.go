package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// stateVersion is that of the resources' schemas. It goes up when an argument changes its type, so that states with the type
// before are fitted; what is only added or left out needs nothing.
const stateVersion = 1

// stateUpgraders take states of every earlier version, all in the same way: by what stands in them.
func stateUpgraders() map[int64]resource.StateUpgrader {
	out := map[int64]resource.StateUpgrader{}
	for version := range int64(stateVersion) {
		out[version] = resource.StateUpgrader{StateUpgrader: upgradeState}
	}
	return out
}

var (
	_ resource.ResourceWithUpgradeState = (*managed)(nil)
	_ resource.ResourceWithUpgradeState = (*clusterReady)(nil)
)

// UpgradeState implements resource.ResourceWithUpgradeState.
func (m *managed) UpgradeState(context.Context) map[int64]resource.StateUpgrader {
	return stateUpgraders()
}

// UpgradeState implements resource.ResourceWithUpgradeState.
func (r *clusterReady) UpgradeState(context.Context) map[int64]resource.StateUpgrader {
	return stateUpgraders()
}

func upgradeState(ctx context.Context, req resource.UpgradeStateRequest, resp *resource.UpgradeStateResponse) {
	object, ok := resp.State.Schema.Type().TerraformType(ctx).(tftypes.Object)
	var was map[string]json.RawMessage
	if !ok || req.RawState == nil || json.Unmarshal(req.RawState.JSON, &was) != nil {
		resp.Diagnostics.AddError("State cannot be read", "What Terraform's state has of the resource is no JSON object.")
		return
	}
	fields := map[string]tftypes.Value{}
	for _, name := range slices.Sorted(maps.Keys(object.AttributeTypes)) {
		fields[name] = upgradeAttribute(name, was[name], object.AttributeTypes[name], &resp.Diagnostics)
	}
	resp.State.Raw = tftypes.NewValue(object, fields)
}

// upgradeAttribute takes a value as it is, or else fits it. What fits nowhere is left out: it is what the next refresh or
// apply says.
func upgradeAttribute(name string, raw json.RawMessage, t tftypes.Type, diags *diag.Diagnostics) tftypes.Value {
	if len(raw) == 0 {
		return tftypes.NewValue(t, nil)
	}
	if v, err := tftypes.ValueFromJSONWithOpts(raw, t, tftypes.ValueFromJSONOpts{IgnoreUndefinedAttributes: true}); err == nil {
		return v
	}
	var plain any
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	err := d.Decode(&plain)
	if err == nil {
		var v tftypes.Value
		if v, err = fit(plain, t); err == nil {
			return v
		}
	}
	diags.AddWarning("State of another version", fmt.Sprintf("What it has for %s does not fit any more (%s) and is left out. Compare the next plan with your configuration.", name, err))
	return tftypes.NewValue(t, nil)
}

// fit makes a value of a type out of one of another: numbers and truths written as text and the other way round, one where
// there may be several, a list of one where there is one.
func fit(v any, t tftypes.Type) (tftypes.Value, error) {
	if v == nil {
		return tftypes.NewValue(t, nil), nil
	}
	list, isList := v.([]any)
	fields, isObject := v.(map[string]any)
	switch t := t.(type) {
	case tftypes.List:
		if !isList {
			list = []any{v}
		}
		return fitList(list, t)
	case tftypes.Map:
		if isObject {
			return fitFields(fields, t, func(string) tftypes.Type { return t.ElementType }, slices.Collect(maps.Keys(fields)))
		}
	case tftypes.Object:
		if isList && len(list) == 1 {
			fields, isObject = list[0].(map[string]any)
		}
		if isObject {
			return fitFields(fields, t, func(k string) tftypes.Type { return t.AttributeTypes[k] }, slices.Collect(maps.Keys(t.AttributeTypes)))
		}
	default:
		if t.Is(tftypes.DynamicPseudoType) {
			return anyValue(v)
		}
		if isList && len(list) == 1 {
			return fit(list[0], t)
		}
		if !isList && !isObject {
			return fitScalar(fmt.Sprint(v), t)
		}
	}
	return tftypes.Value{}, fmt.Errorf("%T is no %s", v, t)
}

// anyValue is a value of its own type, for where any may stand.
func anyValue(v any) (tftypes.Value, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return tftypes.Value{}, err
	}
	return tftypes.ValueFromJSONWithOpts(raw, typeOfJSON(v), tftypes.ValueFromJSONOpts{})
}

func typeOfJSON(v any) tftypes.Type {
	switch v := v.(type) {
	case json.Number:
		return tftypes.Number
	case bool:
		return tftypes.Bool
	case []any:
		t := tftypes.Tuple{ElementTypes: []tftypes.Type{}}
		for _, e := range v {
			t.ElementTypes = append(t.ElementTypes, typeOfJSON(e))
		}
		return t
	case map[string]any:
		t := tftypes.Object{AttributeTypes: map[string]tftypes.Type{}}
		for k, e := range v {
			t.AttributeTypes[k] = typeOfJSON(e)
		}
		return t
	}
	return tftypes.String
}

func fitList(list []any, t tftypes.List) (tftypes.Value, error) {
	out := []tftypes.Value{}
	for _, e := range list {
		v, err := fit(e, t.ElementType)
		if err != nil {
			return v, err
		}
		out = append(out, v)
	}
	return tftypes.NewValue(t, out), nil
}

func fitFields(fields map[string]any, t tftypes.Type, of func(string) tftypes.Type, names []string) (tftypes.Value, error) {
	out := map[string]tftypes.Value{}
	for _, name := range names {
		v, err := fit(fields[name], of(name))
		if err != nil {
			return v, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = v
	}
	return tftypes.NewValue(t, out), nil
}

func fitScalar(text string, t tftypes.Type) (tftypes.Value, error) {
	switch {
	case t.Is(tftypes.String):
		return tftypes.NewValue(t, text), nil
	case t.Is(tftypes.Number):
		n, _, err := big.ParseFloat(text, 10, 512, big.ToNearestEven)
		if err != nil {
			return tftypes.Value{}, fmt.Errorf("%q is no number", text)
		}
		return tftypes.NewValue(t, n), nil
	case t.Is(tftypes.Bool):
		b, err := strconv.ParseBool(text)
		if err != nil {
			return tftypes.Value{}, fmt.Errorf("%q is neither true nor false", text)
		}
		return tftypes.NewValue(t, b), nil
	}
	return tftypes.Value{}, fmt.Errorf("%q is no %s", text, t)
}
