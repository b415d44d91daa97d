package function

import (
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

func types() []Entry {
	dynamic := cty.DynamicPseudoType
	return []Entry{
		{"can", Types, "can(expression)", "Whether the expression can be evaluated without an error.", "can(regex(\"^a\", \"b\")) → false", is(tryfunc.CanFunc)},
		{"issensitive", Types, "issensitive(value)", "Whether the value is sensitive.", "issensitive(sensitive(1)) → true", is(isSensitive)},
		{"nonsensitive", Types, "nonsensitive(value)", "The value, no longer sensitive: your word that it is no secret.", "nonsensitive(var.user)", is(nonSensitive)},
		{"sensitive", Types, "sensitive(value)", "The value, not to be shown or recorded.", "sensitive(file(\"token\"))", is(makeSensitive)},
		{"tobool", Types, "tobool(value)", "The value as true or false.", "tobool(\"true\") → true", is(toType(cty.Bool, "bool"))},
		{"tolist", Types, "tolist(value)", "The value as a list, all elements of one type.", "tolist([\"a\", 1]) → [\"a\", \"1\"]", is(toType(cty.List(dynamic), "a list"))},
		{"tomap", Types, "tomap(value)", "The value as a map, all elements of one type.", "tomap({ a = 1, b = \"2\" }) → { a = \"1\", b = \"2\" }", is(toType(cty.Map(dynamic), "a map"))},
		{"tonumber", Types, "tonumber(value)", "The value as a number.", "tonumber(\"5\") → 5", is(toType(cty.Number, "a number"))},
		{"toset", Types, "toset(value)", "The value as a set: no order, no repetitions. For for_each.", "toset([\"a\", \"a\"])", is(toType(cty.Set(dynamic), "a set"))},
		{"tostring", Types, "tostring(value)", "The value as a text.", "tostring(5) → \"5\"", is(toType(cty.String, "a string"))},
		{"try", Types, "try(expressions...)", "The value of the first expression that can be evaluated without an error.", "try(var.config.size, 1)", is(tryfunc.TryFunc)},
	}
}

func anything() []function.Parameter {
	return []function.Parameter{{
		Name: "value", Type: cty.DynamicPseudoType,
		AllowUnknown: true, AllowNull: true, AllowMarked: true, AllowDynamicType: true,
	}}
}

func sameType(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil }

var makeSensitive = function.New(&function.Spec{
	Params: anything(),
	Type:   sameType,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		return args[0].Mark(Sensitive), nil
	},
})

// nonSensitive takes only our own mark away, and only from the value itself,
// as sensitive() puts it on.
var nonSensitive = function.New(&function.Spec{
	Params: anything(),
	Type:   sameType,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v, marks := args[0].Unmark()
		delete(marks, Sensitive)
		return v.WithMarks(marks), nil
	},
})

var isSensitive = function.New(&function.Spec{
	Params: anything(),
	Type:   function.StaticReturnType(cty.Bool),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v := args[0]
		if v.HasMark(Sensitive) {
			return cty.True, nil
		}
		if !v.IsKnown() {
			return cty.UnknownVal(cty.Bool), nil
		}
		return cty.False, nil
	},
})
