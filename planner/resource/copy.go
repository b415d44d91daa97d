package resource

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"
)

// CopyField makes one field of to as it is in from: `image`, or one entry of a map, `tags.owner`. The map is replaced, so
// that specs which shared it with to keep theirs. It is false when the kind has no such field.
func CopyField(to, from Spec, path string) bool {
	a, b := reflect.ValueOf(to).Elem(), reflect.ValueOf(from).Elem()
	name, key, isEntry := strings.Cut(path, ".")
	for _, f := range fieldsOf(a.Type()) {
		if f.name != name {
			continue
		}
		if !isEntry {
			a.Field(f.index).Set(b.Field(f.index))
			return true
		}
		if a.Field(f.index).Kind() != reflect.Map {
			return false
		}
		entries := maps.Clone(stringMap(a.Field(f.index)))
		if v, ok := stringMap(b.Field(f.index))[key]; ok {
			if entries == nil {
				entries = map[string]string{}
			}
			entries[key] = v
		} else {
			delete(entries, key)
		}
		a.Field(f.index).Set(reflect.ValueOf(entries).Convert(a.Field(f.index).Type()))
		return true
	}
	return false
}

// FieldValue returns a field's value, nil when it is empty: `image`, or an entry of a map, `tags.owner`.
func FieldValue(s Spec, path string) any {
	v := reflect.ValueOf(s).Elem()
	name, key, isEntry := strings.Cut(path, ".")
	for _, f := range fieldsOf(v.Type()) {
		if f.name != name {
			continue
		}
		if !isEntry {
			return valueOf(v.Field(f.index))
		}
		if v.Field(f.index).Kind() == reflect.Map {
			if e, ok := stringMap(v.Field(f.index))[key]; ok {
				return e
			}
		}
		return nil
	}
	return nil
}

// DiffComputed compares what the cloud decided (addresses, DNS names). A field that observed does not have is left out.
// The changes have no effect.
func DiffComputed(recorded, observed Spec) []FieldChange {
	a, b := reflect.ValueOf(recorded).Elem(), reflect.ValueOf(observed).Elem()
	var out []FieldChange
	for _, f := range fieldsOf(a.Type()) {
		if !f.computed || b.Field(f.index).IsZero() || equal(a.Field(f.index), b.Field(f.index)) {
			continue
		}
		out = append(out, FieldChange{Path: f.name, Old: valueOf(a.Field(f.index)), New: valueOf(b.Field(f.index))})
	}
	return out
}

// MapRefs returns the spec with every address that it points to put through rename; s itself, when nothing changes.
func MapRefs(s Spec, rename func(Address) Address) Spec {
	return mapRefs(s, func(r Ref) Ref {
		if !IsAddress(r) {
			return r
		}
		return Ref(rename(Address(r)))
	}, rename)
}

// LinkRefs returns the spec with the literal cloud ids that it points to replaced by the addresses of those objects,
// where byID knows them; s itself, when nothing changes.
func LinkRefs(s Spec, byID map[string]Address) Spec {
	return mapRefs(s, func(r Ref) Ref {
		if a, ok := byID[string(r)]; ok {
			return Ref(a)
		}
		return r
	}, func(a Address) Address { return a })
}

func mapRefs(s Spec, mapped func(Ref) Ref, rename func(Address) Address) Spec {
	changed := false
	one := func(r Ref) Ref {
		if r == "" {
			return r
		}
		n := mapped(r)
		changed = changed || n != r
		return n
	}
	many := func(refs []Ref) []Ref {
		out := make([]Ref, len(refs))
		for i, r := range refs {
			out[i] = one(r)
		}
		return out
	}
	c := Clone(s)
	v := reflect.ValueOf(c).Elem()
	for _, f := range fieldsOf(v.Type()) {
		switch {
		case f.isRef:
			v.Field(f.index).SetString(string(one(Ref(v.Field(f.index).String()))))
		case f.isRefs && v.Field(f.index).Len() > 0:
			v.Field(f.index).Set(reflect.ValueOf(many(v.Field(f.index).Interface().([]Ref))))
		}
	}
	switch c := c.(type) {
	case *RouteTable:
		routes := make([]Route, len(c.Routes))
		for i, r := range c.Routes {
			r.Gateway = one(r.Gateway)
			routes[i] = r
		}
		c.Routes = SortRoutes(routes)
		c.Subnets = SortRefs(c.Subnets)
	case *SecurityGroupRules:
		rules := func(in []Rule) []Rule {
			out := make([]Rule, len(in))
			for i, r := range in {
				r.Group = one(r.Group)
				out[i] = r
			}
			return SortRules(out)
		}
		c.Ingress, c.Egress = rules(c.Ingress), rules(c.Egress)
	case *Node:
		if n := rename(c.Pool); n != c.Pool {
			c.Pool, changed = n, true
		}
		c.SecurityGroups = SortRefs(c.SecurityGroups)
	}
	if !changed {
		return s
	}
	return c
}

// Retype gives Old and New the types of the kind's field again, which they lose on the way through JSON. Values that do
// not fit stay as they are.
func (c *FieldChange) Retype(k Kind) {
	name, _, isEntry := strings.Cut(c.Path, ".")
	s, ok := NewSpec(k)
	if !ok || isEntry {
		return
	}
	t := reflect.TypeOf(s).Elem()
	for _, f := range fieldsOf(t) {
		if f.name == name {
			c.Old, c.New = retyped(c.Old, t.Field(f.index).Type), retyped(c.New, t.Field(f.index).Type)
			return
		}
	}
}

func retyped(v any, t reflect.Type) any {
	if v == nil {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return v
	}
	p := reflect.New(t)
	if json.Unmarshal(b, p.Interface()) != nil {
		return v
	}
	return valueOf(p.Elem())
}

// ComputedFields are the names of the fields that the cloud decides on.
func ComputedFields(k Kind) []string {
	s, ok := NewSpec(k)
	if !ok {
		return nil
	}
	var out []string
	for _, f := range fieldsOf(reflect.TypeOf(s).Elem()) {
		if f.computed {
			out = append(out, f.name)
		}
	}
	return out
}
