package resource

import "reflect"

// Fields lists what is set of a spec, computed and recorded fields too, in the order of the fields, map entries apart:
// for showing it. The values are in New. To compare two specs, see Diff.
func Fields(s Spec) []FieldChange {
	v := reflect.ValueOf(s).Elem()
	var out []FieldChange
	for _, f := range fieldsOf(v.Type()) {
		out = appendFieldDiff(out, f, reflect.Value{}, v.Field(f.index))
	}
	return out
}
