package state

import (
	"maps"
	"reflect"
	"slices"

	"github.com/clusterform/clusterform/planner/resource"
)

// renamed returns the new name of an address, when from contains it.
func renamed(a, from, to resource.Address) (resource.Address, bool) {
	if !from.Contains(a) {
		return a, false
	}
	return to + a[len(from):], true
}

// rename carries out Rename. It goes through everything: a person asked for it, once.
func (m *memory) rename(from, to resource.Address) {
	records := m.records
	m.records = make(map[resource.Address]*resource.Record, len(records))
	m.byID = make(map[objectID]resource.Address, len(records))
	for _, r := range records {
		m.put(renameRecord(r, from, to))
	}
	deposed := m.deposed
	m.deposed = make(map[resource.Address][]*resource.Record, len(deposed))
	for _, list := range deposed {
		for _, r := range list {
			m.put(renameRecord(r, from, to))
		}
	}
	clusters := make(map[resource.Address]resource.ClusterRecord, len(m.clusters))
	for a, c := range m.clusters {
		a, _ = renamed(a, from, to)
		clusters[a] = c
	}
	m.clusters = clusters
	intents := m.intents
	m.intents, m.open = map[uint64]resource.Intent{}, map[resource.Address][]uint64{}
	for _, seq := range slices.Sorted(maps.Keys(intents)) {
		i := intents[seq]
		i.Addresses, i.Settled = renameAll(i.Addresses, from, to), renameAll(i.Settled, from, to)
		m.addIntent(i)
	}
}

func renameAll(list []resource.Address, from, to resource.Address) []resource.Address {
	list = slices.Clone(list)
	for i := range list {
		list[i], _ = renamed(list[i], from, to)
	}
	return list
}

// renameRecord returns r itself when nothing in it has a new name.
func renameRecord(r *resource.Record, from, to resource.Address) *resource.Record {
	v, changed := renameValue(reflect.ValueOf(*r), from, to)
	if !changed {
		return r
	}
	n := v.Interface().(resource.Record)
	return &n
}

// renameValue copies what it changes and shares the rest. Only Address and Ref are names; a Ref may also be a literal
// id, which no address contains.
func renameValue(v reflect.Value, from, to resource.Address) (reflect.Value, bool) {
	switch v.Kind() {
	case reflect.String:
		if t := v.Type(); t != reflect.TypeFor[resource.Address]() && t != reflect.TypeFor[resource.Ref]() {
			return v, false
		}
		s, changed := renamed(resource.Address(v.String()), from, to)
		if !changed {
			return v, false
		}
		n := reflect.New(v.Type()).Elem()
		n.SetString(string(s))
		return n, true
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return v, false
		}
		e, changed := renameValue(v.Elem(), from, to)
		if !changed {
			return v, false
		}
		if v.Kind() == reflect.Interface {
			return e, true
		}
		n := reflect.New(e.Type())
		n.Elem().Set(e)
		return n, true
	case reflect.Struct:
		return renameStruct(v, from, to)
	case reflect.Slice:
		n, changed := v, false
		for i := range v.Len() {
			e, differs := renameValue(v.Index(i), from, to)
			if !differs {
				continue
			}
			if !changed {
				n, changed = reflect.MakeSlice(v.Type(), v.Len(), v.Len()), true
				reflect.Copy(n, v)
			}
			n.Index(i).Set(e)
		}
		return n, changed
	default:
		return v, false
	}
}

func renameStruct(v reflect.Value, from, to resource.Address) (reflect.Value, bool) {
	n, changed := v, false
	for i := range v.NumField() {
		if !v.Type().Field(i).IsExported() {
			continue
		}
		f, differs := renameValue(v.Field(i), from, to)
		if !differs {
			continue
		}
		if !changed {
			n, changed = reflect.New(v.Type()).Elem(), true
			n.Set(v)
		}
		n.Field(i).Set(f)
	}
	return n, changed
}
