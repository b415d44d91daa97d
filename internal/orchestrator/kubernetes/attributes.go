package kubernetes

import (
	"strconv"

	"github.com/zclconf/go-cty/cty"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

// manifestAttributes are the leaves of a manifest's object by path: "spec.ports[0].port". What the object is named by is not
// among them. secret hides everything that holds a Secret's values.
func manifestAttributes(m *hclconfig.Manifest, secret bool, key []byte) map[string]string {
	l := leaves{out: map[string]string{}, key: key}
	for name, v := range fields(m.Object) {
		switch name {
		case "apiVersion", "kind":
		case "metadata":
			for part, of := range fields(v) {
				if part != "name" && part != "namespace" {
					l.add("metadata."+part, of, v.IsMarked())
				}
			}
		default:
			l.add(name, v, secret && (name == "data" || name == "stringData"))
		}
	}
	return l.out
}

type leaves struct {
	out map[string]string
	key []byte
}

func (l leaves) add(path string, v cty.Value, hidden bool) {
	if v.IsMarked() {
		v, _ = v.Unmark()
		hidden = true
	}
	if !v.IsKnown() || v.IsNull() {
		return
	}
	t := v.Type()
	switch {
	case t.IsObjectType() || t.IsMapType():
		for k, e := range fields(v) {
			l.add(path+"."+k, e, hidden)
		}
		return
	case t.IsTupleType() || t.IsListType() || t.IsSetType():
		i := 0
		for _, e := range v.Elements() {
			l.add(path+"["+strconv.Itoa(i)+"]", e, hidden)
			i++
		}
		return
	}
	text := ""
	switch t {
	case cty.String:
		text = v.AsString()
	case cty.Bool:
		text = strconv.FormatBool(v.True())
	case cty.Number:
		text = v.AsBigFloat().Text('f', -1)
	}
	if hidden {
		l.out[path] = orchestrator.Concealed(l.key, text)
		return
	}
	l.out[path] = orchestrator.Shortened(text)
}

// fields are the parts of an object or map, whatever marks it has.
func fields(v cty.Value) map[string]cty.Value {
	if v == cty.NilVal {
		return nil
	}
	v, marks := v.Unmark()
	if !v.IsKnown() || v.IsNull() || !v.Type().IsObjectType() && !v.Type().IsMapType() {
		return nil
	}
	out := make(map[string]cty.Value, v.LengthInt())
	for k, e := range v.Elements() {
		name, _ := k.Unmark()
		out[name.AsString()] = e.WithMarks(marks)
	}
	return out
}
