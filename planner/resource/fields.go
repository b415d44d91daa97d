package resource

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sort"
	"strings"
	"sync"
)

// Effect is what a difference in a field means; see Spec.
type Effect string

// The effects, weakest first.
const (
	EffectNone    Effect = ""
	EffectUpdate  Effect = "update"
	EffectRoll    Effect = "roll"
	EffectReplace Effect = "replace"
)

// FieldChange is one difference. Path is in the words of the state file: `cidr`, `tags.owner`, `ingress[2].from_port`.
// Whole lists are compared as a whole and named as one path.
type FieldChange struct {
	Path string `json:"path"`
	// Old and New are values of the field's type; nil where there is none.
	Old    any    `json:"old"`
	New    any    `json:"new"`
	Effect Effect `json:"effect"`
	// Unknown: New is decided during apply.
	Unknown bool `json:"unknown,omitempty"`
}

type fieldInfo struct {
	index  int
	name   string
	effect Effect
	// computed and recorded fields never make a change.
	computed, recorded, unobserved bool
	isRef, isRefs                  bool
}

var fieldCache sync.Map // reflect.Type → []fieldInfo

var (
	refType  = reflect.TypeFor[Ref]()
	refsType = reflect.TypeFor[[]Ref]()
	tagsType = reflect.TypeFor[Tags]()
)

func fieldsOf(t reflect.Type) []fieldInfo {
	if f, ok := fieldCache.Load(t); ok {
		return f.([]fieldInfo)
	}
	var fields []fieldInfo
	for i := range t.NumField() {
		sf := t.Field(i)
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		f := fieldInfo{index: i, name: name, isRef: sf.Type == refType, isRefs: sf.Type == refsType}
		for word := range strings.SplitSeq(sf.Tag.Get("cf"), ",") {
			switch word {
			case "update", "roll", "replace":
				f.effect = Effect(word)
			case "computed":
				f.computed = true
			case "recorded":
				f.recorded = true
			case "unobserved":
				f.unobserved = true
			default:
				panic(fmt.Sprintf("resource: %s.%s has no valid cf tag", t.Name(), sf.Name))
			}
		}
		fields = append(fields, f)
	}
	fieldCache.Store(t, fields)
	return fields
}

// Diff compares two specs of one kind and returns what differs, in the order of the fields, map entries apart. Computed
// and recorded fields do not count. Either may be nil: then every field that is set is listed.
func Diff(old, new Spec) []FieldChange {
	return diff(old, new, func(fieldInfo) bool { return true })
}

// DiffObserved is Diff without the fields that cannot be read back from reality.
func DiffObserved(recorded, observed Spec) []FieldChange {
	return diff(recorded, observed, func(f fieldInfo) bool { return !f.unobserved })
}

func diff(old, new Spec, counts func(fieldInfo) bool) []FieldChange {
	var t reflect.Type
	var a, b reflect.Value
	if old != nil {
		a = reflect.ValueOf(old).Elem()
		t = a.Type()
	}
	if new != nil {
		b = reflect.ValueOf(new).Elem()
		t = b.Type()
	}
	if t == nil {
		return nil
	}
	if a.IsValid() && b.IsValid() && a.Type() != b.Type() {
		panic(fmt.Sprintf("resource: cannot compare %s with %s", a.Type(), b.Type()))
	}
	var out []FieldChange
	for _, f := range fieldsOf(t) {
		if f.computed || f.recorded || !counts(f) {
			continue
		}
		var x, y reflect.Value
		if a.IsValid() {
			x = a.Field(f.index)
		}
		if b.IsValid() {
			y = b.Field(f.index)
		}
		out = appendFieldDiff(out, f, x, y)
	}
	return out
}

func appendFieldDiff(out []FieldChange, f fieldInfo, x, y reflect.Value) []FieldChange {
	typ := y
	if !y.IsValid() {
		typ = x
	}
	if typ.Kind() == reflect.Map {
		return appendMapDiff(out, f, x, y)
	}
	if x.IsValid() && y.IsValid() && equal(x, y) {
		return out
	}
	o, n := valueOf(x), valueOf(y)
	if o == nil && n == nil {
		return out
	}
	return append(out, FieldChange{Path: f.name, Old: o, New: n, Effect: f.effect})
}

func appendMapDiff(out []FieldChange, f fieldInfo, x, y reflect.Value) []FieldChange {
	a, b := stringMap(x), stringMap(y)
	if maps.Equal(a, b) {
		return out
	}
	keys := make([]string, 0, len(a)+len(b))
	for k := range a {
		keys = append(keys, k)
	}
	for k := range b {
		if _, both := a[k]; !both {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	for _, k := range keys {
		o, inA := a[k]
		n, inB := b[k]
		if inA == inB && o == n {
			continue
		}
		c := FieldChange{Path: f.name + "." + k, Effect: f.effect}
		if inA {
			c.Old = o
		}
		if inB {
			c.New = n
		}
		out = append(out, c)
	}
	return out
}

func stringMap(v reflect.Value) map[string]string {
	if !v.IsValid() || v.IsNil() {
		return nil
	}
	if v.Type() == tagsType {
		return v.Interface().(Tags)
	}
	return v.Interface().(map[string]string)
}

// equal compares field values; an empty list equals a missing one.
func equal(x, y reflect.Value) bool {
	switch x.Kind() {
	case reflect.String:
		return x.String() == y.String()
	case reflect.Bool:
		return x.Bool() == y.Bool()
	case reflect.Int:
		return x.Int() == y.Int()
	case reflect.Slice:
		if x.Len() != y.Len() {
			return false
		}
		for i := range x.Len() {
			if !x.Index(i).Equal(y.Index(i)) {
				return false
			}
		}
		return true
	default:
		return reflect.DeepEqual(x.Interface(), y.Interface())
	}
}

func valueOf(v reflect.Value) any {
	if !v.IsValid() || v.Kind() == reflect.Slice && v.Len() == 0 {
		return nil
	}
	if v.IsZero() && v.Kind() == reflect.String {
		return nil
	}
	return v.Interface()
}

// StrongestEffect is the most far-reaching of the changes' effects.
func StrongestEffect(changes []FieldChange) Effect {
	best := EffectNone
	for _, c := range changes {
		if effectRank(c.Effect) > effectRank(best) {
			best = c.Effect
		}
	}
	return best
}

func effectRank(e Effect) int {
	switch e {
	case EffectUpdate:
		return 1
	case EffectRoll:
		return 2
	case EffectReplace:
		return 3
	}
	return 0
}

// Refs lists the addresses that a spec points to, each once, without self. They are the object's dependencies.
func Refs(self Address, s Spec) []Address {
	var out []Address
	add := func(r Ref) {
		a := Address(r)
		if r == "" || a == self || !IsAddress(r) || slices.Contains(out, a) {
			return
		}
		out = append(out, a)
	}
	v := reflect.ValueOf(s).Elem()
	for _, f := range fieldsOf(v.Type()) {
		switch {
		case f.isRef:
			add(v.Field(f.index).Interface().(Ref))
		case f.isRefs:
			for _, r := range v.Field(f.index).Interface().([]Ref) {
				add(r)
			}
		}
	}
	switch s := s.(type) { // refs inside list elements
	case *RouteTable:
		for _, r := range s.Routes {
			add(r.Gateway)
		}
	case *SecurityGroupRules:
		for _, r := range slices.Concat(s.Ingress, s.Egress) {
			add(r.Group)
		}
	}
	return out
}

// ReplacingRefs tells what the replacement of each object that a field points to means for this one, because the id
// behind the Ref changes with it. Refs inside list elements (routes, rules) are not in it: their lists are updated.
func ReplacingRefs(s Spec) map[Address]Effect {
	out := map[Address]Effect{}
	strongest := func(r Ref, e Effect) {
		if known, has := out[Address(r)]; !has || effectRank(e) > effectRank(known) {
			out[Address(r)] = e
		}
	}
	v := reflect.ValueOf(s).Elem()
	for _, f := range fieldsOf(v.Type()) {
		switch {
		case f.isRef:
			strongest(v.Field(f.index).Interface().(Ref), f.effect)
		case f.isRefs:
			for _, r := range v.Field(f.index).Interface().([]Ref) {
				strongest(r, f.effect)
			}
		}
	}
	delete(out, "")
	return out
}

// IsAddress tells an address of ours from a literal cloud id.
func IsAddress(r Ref) bool {
	return strings.Contains(string(r), ".") && !strings.HasPrefix(string(r), "arn:")
}

// FieldEffect returns what a difference in the field of that name (its first path element) means; ok is false for a
// field that the kind does not have.
func FieldEffect(k Kind, name string) (e Effect, ok bool) {
	s, known := NewSpec(k)
	if !known {
		return EffectNone, false
	}
	for _, f := range fieldsOf(reflect.TypeOf(s).Elem()) {
		if f.name == name {
			return f.effect, true
		}
	}
	return EffectNone, false
}

// Clone copies a spec. Lists and maps are shared: they are replaced, never changed in place.
func Clone[S Spec](s S) S {
	v := reflect.New(reflect.TypeOf(s).Elem())
	v.Elem().Set(reflect.ValueOf(s).Elem())
	return v.Interface().(S)
}

// TakeComputed copies the computed fields of from into to, which are of one kind.
func TakeComputed(to, from Spec) {
	a, b := reflect.ValueOf(to).Elem(), reflect.ValueOf(from).Elem()
	for _, f := range fieldsOf(a.Type()) {
		if f.computed {
			a.Field(f.index).Set(b.Field(f.index))
		}
	}
}

// TakeUnobserved copies into observed what cannot be read back, from the record.
func TakeUnobserved(observed, recorded Spec) {
	a, b := reflect.ValueOf(observed).Elem(), reflect.ValueOf(recorded).Elem()
	for _, f := range fieldsOf(a.Type()) {
		if f.unobserved || f.recorded {
			a.Field(f.index).Set(b.Field(f.index))
		}
	}
}

// RefField is the name of the field through which a spec points to an address; "" when it does not.
func RefField(s Spec, to Address) string {
	v := reflect.ValueOf(s).Elem()
	for _, f := range fieldsOf(v.Type()) {
		switch {
		case f.isRef && Address(v.Field(f.index).String()) == to && f.effect != EffectNone:
			return f.name
		case f.isRefs && f.effect != EffectNone && slices.Contains(v.Field(f.index).Interface().([]Ref), Ref(to)):
			return f.name
		}
	}
	switch s := s.(type) {
	case *RouteTable:
		if slices.ContainsFunc(s.Routes, func(r Route) bool { return Address(r.Gateway) == to }) {
			return "routes"
		}
	case *SecurityGroupRules:
		for _, side := range []struct {
			name  string
			rules []Rule
		}{{"ingress", s.Ingress}, {"egress", s.Egress}} {
			if slices.ContainsFunc(side.rules, func(r Rule) bool { return Address(r.Group) == to }) {
				return side.name
			}
		}
	}
	return ""
}
