package blockschema

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/zclconf/go-cty/cty"
)

// FromCty turns a known value of the language into one of Terraform's type.
func FromCty(v cty.Value, t tftypes.Type) (tftypes.Value, error) {
	switch {
	case v == cty.NilVal || v.IsNull():
		return tftypes.NewValue(t, nil), nil
	case !v.IsKnown():
		return tftypes.NewValue(t, tftypes.UnknownValue), nil
	}
	switch {
	case t.Is(tftypes.String):
		return tftypes.NewValue(t, v.AsString()), nil
	case t.Is(tftypes.Number):
		return tftypes.NewValue(t, v.AsBigFloat()), nil
	case t.Is(tftypes.Bool):
		return tftypes.NewValue(t, v.True()), nil
	}
	switch t := t.(type) {
	case tftypes.List:
		list := []tftypes.Value{}
		for _, e := range v.AsValueSlice() {
			inner, err := FromCty(e, t.ElementType)
			if err != nil {
				return tftypes.Value{}, err
			}
			list = append(list, inner)
		}
		return tftypes.NewValue(t, list), nil
	case tftypes.Map:
		fields := map[string]tftypes.Value{}
		for k, e := range v.AsValueMap() {
			inner, err := FromCty(e, t.ElementType)
			if err != nil {
				return tftypes.Value{}, err
			}
			fields[k] = inner
		}
		return tftypes.NewValue(t, fields), nil
	case tftypes.Object:
		fields := map[string]tftypes.Value{}
		for k, at := range t.AttributeTypes {
			e := cty.NilVal
			if v.Type().HasAttribute(k) {
				e = v.GetAttr(k)
			}
			inner, err := FromCty(e, at)
			if err != nil {
				return tftypes.Value{}, err
			}
			fields[k] = inner
		}
		return tftypes.NewValue(t, fields), nil
	}
	return tftypes.Value{}, fmt.Errorf("a value of type %s has no place in Terraform's %s", v.Type().FriendlyName(), t)
}

// FromBody turns what Body made back into a value: an import finds its arguments so.
func FromBody(body any, t tftypes.Type) (tftypes.Value, error) {
	if s, ok := body.(string); ok && strings.HasPrefix(s, "${var.") {
		body = nil // write-only
	}
	if body == nil {
		return tftypes.NewValue(t, nil), nil
	}
	if t.Is(tftypes.DynamicPseudoType) {
		t = typeOfBody(body)
	}
	switch t := t.(type) {
	case tftypes.List:
		return sequence(body, t, func(int) tftypes.Type { return t.ElementType })
	case tftypes.Tuple:
		return sequence(body, t, func(i int) tftypes.Type { return t.ElementTypes[i] })
	case tftypes.Map:
		fields := map[string]tftypes.Value{}
		from, _ := body.(map[string]any)
		for k, e := range from {
			inner, err := FromBody(e, t.ElementType)
			if err != nil {
				return tftypes.Value{}, err
			}
			fields[k] = inner
		}
		return tftypes.NewValue(t, fields), nil
	case tftypes.Object:
		fields := map[string]tftypes.Value{}
		from, _ := body.(map[string]any)
		for k, at := range t.AttributeTypes {
			inner, err := FromBody(from[k], at)
			if err != nil {
				return tftypes.Value{}, err
			}
			fields[k] = inner
		}
		return tftypes.NewValue(t, fields), nil
	}
	switch b := body.(type) {
	case string:
		return tftypes.NewValue(tftypes.String, strings.NewReplacer("$${", "${", "%%{", "%{").Replace(b)), nil
	case bool:
		return tftypes.NewValue(tftypes.Bool, b), nil
	case float64:
		return tftypes.NewValue(tftypes.Number, big.NewFloat(b)), nil
	case json.Number:
		n, _, err := big.ParseFloat(b.String(), 10, 512, big.ToNearestEven)
		return tftypes.NewValue(tftypes.Number, n), err
	}
	return tftypes.Value{}, fmt.Errorf("%T has no place in Terraform's %s", body, t)
}

func sequence(body any, t tftypes.Type, element func(int) tftypes.Type) (tftypes.Value, error) {
	list := []tftypes.Value{}
	from, _ := body.([]any)
	for i, e := range from {
		inner, err := FromBody(e, element(i))
		if err != nil {
			return tftypes.Value{}, err
		}
		list = append(list, inner)
	}
	return tftypes.NewValue(t, list), nil
}

// typeOfBody is the type that a literal of that content has in Terraform.
func typeOfBody(body any) tftypes.Type {
	switch b := body.(type) {
	case bool:
		return tftypes.Bool
	case float64, json.Number:
		return tftypes.Number
	case []any:
		t := tftypes.Tuple{}
		for _, e := range b {
			t.ElementTypes = append(t.ElementTypes, typeOfBody(e))
		}
		return t
	case map[string]any:
		t := tftypes.Object{AttributeTypes: map[string]tftypes.Type{}}
		for k, e := range b {
			t.AttributeTypes[k] = typeOfBody(e)
		}
		return t
	}
	return tftypes.String
}

// ToCty turns a known value of Terraform's into one of the language.
func ToCty(v tftypes.Value) (cty.Value, error) {
	switch t := v.Type(); {
	case t == nil || v.IsNull():
		return cty.NullVal(cty.DynamicPseudoType), nil
	case !v.IsKnown():
		return cty.DynamicVal, nil
	case t.Is(tftypes.String):
		var s string
		err := v.As(&s)
		return cty.StringVal(s), err
	case t.Is(tftypes.Number):
		var n big.Float
		err := v.As(&n)
		return cty.NumberVal(&n), err
	case t.Is(tftypes.Bool):
		var b bool
		err := v.As(&b)
		return cty.BoolVal(b), err
	case t.Is(tftypes.List{}), t.Is(tftypes.Tuple{}), t.Is(tftypes.Set{}):
		var from []tftypes.Value
		if err := v.As(&from); err != nil {
			return cty.NilVal, err
		}
		list := []cty.Value{}
		for _, e := range from {
			inner, err := ToCty(e)
			if err != nil {
				return cty.NilVal, err
			}
			list = append(list, inner)
		}
		return cty.TupleVal(list), nil
	}
	var from map[string]tftypes.Value
	if err := v.As(&from); err != nil {
		return cty.NilVal, err
	}
	fields := map[string]cty.Value{}
	for k, e := range from {
		inner, err := ToCty(e)
		if err != nil {
			return cty.NilVal, err
		}
		fields[k] = inner
	}
	return cty.ObjectVal(fields), nil
}
