package state

import (
	"bytes"
	"reflect"
	"strings"

	"github.com/clusterform/clusterform/planner/resource"
)

// recordReader reads records as Export writes them, several times faster than encoding/json, which would go through each
// of them five times (a record holds a spec whose type another field tells). Whatever looks different from what Export
// writes it leaves to encoding/json, so both always agree. Equal lists and maps of neighbouring records are shared:
// nobody changes what a record points to.
type recordReader struct {
	types   map[reflect.Type]*typeInfo
	strings [1 << 10]string
}

func newRecordReader() *recordReader {
	return &recordReader{types: map[reflect.Type]*typeInfo{}}
}

// typeInfo has the fields of a struct by their JSON names, embedded ones included.
type typeInfo struct {
	byName map[string]*fieldInfo
	fields []*fieldInfo
}

type fieldInfo struct {
	name  string
	index []int
	order int
	// lastText and last are the value read last, of a list, map or time.
	lastText []byte
	last     reflect.Value
}

func (d *recordReader) typeOf(t reflect.Type) *typeInfo {
	info := d.types[t]
	if info == nil {
		info = &typeInfo{byName: map[string]*fieldInfo{}}
		info.add(t, nil)
		d.types[t] = info
	}
	return info
}

func (i *typeInfo) add(t reflect.Type, index []int) {
	for n := range t.NumField() {
		f := t.Field(n)
		path := append(index[:len(index):len(index)], n)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			i.add(f.Type, path)
		case name != "" && name != "-":
			field := &fieldInfo{name: name, index: path, order: len(i.fields)}
			i.byName[name], i.fields = field, append(i.fields, field)
		}
	}
}

// read returns the record of a line; ok is false when it is for encoding/json.
func (d *recordReader) read(line []byte) (r *resource.Record, ok bool) {
	r = new(resource.Record)
	c := &cursor{data: line}
	if !d.object(c, reflect.ValueOf(r).Elem(), r) || c.pos != len(line) || r.Spec == nil {
		return nil, false
	}
	return r, true
}

// object reads a struct. r is the record when v is one, for its spec.
func (d *recordReader) object(c *cursor, v reflect.Value, r *resource.Record) bool {
	info := d.typeOf(v.Type())
	if !c.skip('{') {
		return false
	}
	if c.skip('}') {
		return true
	}
	next, seen := 0, uint64(0)
	for {
		name, ok := c.plainString()
		if !ok || !c.skip(':') {
			return false
		}
		// Fields come in their order, apart from those left out.
		var f *fieldInfo
		if next < len(info.fields) && info.fields[next].name == string(name) {
			f = info.fields[next]
		} else if f = info.byName[string(name)]; f == nil {
			return false
		}
		if f.order >= 64 || seen&(1<<f.order) != 0 {
			return false
		}
		seen |= 1 << f.order
		next = f.order + 1
		if r != nil && f.name == "spec" {
			ok = d.spec(c, r)
		} else {
			ok = d.value(c, v.FieldByIndex(f.index), f)
		}
		if !ok {
			return false
		}
		if c.skip('}') {
			return true
		}
		if !c.skip(',') {
			return false
		}
	}
}

func (d *recordReader) spec(c *cursor, r *resource.Record) bool {
	spec, ok := resource.NewSpec(r.Kind)
	if !ok {
		return false
	}
	r.Spec = spec
	return d.object(c, reflect.ValueOf(spec).Elem(), nil)
}

// value reads into v. f is nil for elements of lists.
func (d *recordReader) value(c *cursor, v reflect.Value, f *fieldInfo) bool {
	switch v.Kind() {
	case reflect.String:
		s, ok := d.text(c)
		v.SetString(s)
		return ok
	case reflect.Bool:
		b, ok := c.boolean()
		v.SetBool(b)
		return ok
	case reflect.Int:
		n, ok := c.integer()
		v.SetInt(n)
		return ok
	case reflect.Slice, reflect.Map:
		if c.literal("null") {
			return true
		}
	case reflect.Struct:
	default:
		return false
	}
	rest := c.data[c.pos:]
	if f != nil && len(f.lastText) > 0 && bytes.HasPrefix(rest, f.lastText) {
		v.Set(f.last)
		c.pos += len(f.lastText)
		return true
	}
	begin := c.pos
	var ok bool
	switch {
	case v.Kind() == reflect.Slice:
		ok = d.list(c, v)
	case v.Kind() == reflect.Map:
		ok = d.stringMap(c, v)
	case v.Type() == timeType:
		ok = c.time(v)
	default:
		return d.object(c, v, nil)
	}
	if ok && f != nil {
		f.lastText, f.last = c.data[begin:c.pos], v
	}
	return ok
}

func (d *recordReader) list(c *cursor, v reflect.Value) bool {
	if !c.skip('[') {
		return false
	}
	list := reflect.MakeSlice(v.Type(), 0, 4)
	for first := true; !c.skip(']'); first = false {
		if !first && !c.skip(',') {
			return false
		}
		element := reflect.New(v.Type().Elem()).Elem()
		if !d.value(c, element, nil) {
			return false
		}
		list = reflect.Append(list, element)
	}
	v.Set(list.Slice3(0, list.Len(), list.Len()))
	return true
}

func (d *recordReader) stringMap(c *cursor, v reflect.Value) bool {
	if v.Type().Elem().Kind() != reflect.String || v.Type().Key().Kind() != reflect.String || !c.skip('{') {
		return false
	}
	m := map[string]string{}
	for first := true; !c.skip('}'); first = false {
		if !first && !c.skip(',') {
			return false
		}
		key, ok := d.text(c)
		if !ok || !c.skip(':') {
			return false
		}
		if m[key], ok = d.text(c); !ok {
			return false
		}
	}
	v.Set(reflect.ValueOf(m).Convert(v.Type()))
	return true
}

// text reads a string. Those seen lately are not copied again.
func (d *recordReader) text(c *cursor) (string, bool) {
	raw, ok := c.plainString()
	if !ok {
		return c.quotedString()
	}
	h := uint32(2166136261)
	for _, b := range raw {
		h = (h ^ uint32(b)) * 16777619
	}
	slot := &d.strings[(h^h>>15)%uint32(len(d.strings))]
	if *slot != string(raw) {
		*slot = string(raw)
	}
	return *slot, true
}
