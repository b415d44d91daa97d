package wire

import (
	"reflect"
	"strings"
	"sync"
	"time"
)

// Codec encodes and decodes; it remembers what it learned about types. The zero Codec is ready, and safe for
// concurrent use.
type Codec struct {
	plans sync.Map // reflect.Type → *plan
}

type kind uint8

const (
	kindString kind = iota
	kindInt
	kindFloat
	kindBool
	kindTime
	kindBlob
	kindStruct
	kindList
	kindMap
)

// plan is a struct type, taken apart once.
type plan struct {
	fields []field
	byIn   map[string]int
}

type field struct {
	index      int
	in, out    string
	elem       string // name of list elements in answers
	member     bool   // lists are ".member.N" in requests
	required   bool
	always     bool
	typ        ftype
	open, shut string // "<out>", "</out>"
	eopen      string // "<elem>"
	eshut      string
}

// ftype is the type of a field; for lists and maps, elem is the element.
type ftype struct {
	kind kind
	typ  reflect.Type // for structs: the struct, not the pointer
	ptr  bool
	elem *ftype
}

func (c *Codec) plan(t reflect.Type) *plan {
	if p, ok := c.plans.Load(t); ok {
		return p.(*plan)
	}
	p := &plan{byIn: make(map[string]int, t.NumField())}
	for i := range t.NumField() {
		sf := t.Field(i)
		parts := strings.Split(sf.Tag.Get("aws"), ",")
		if len(parts) < 2 {
			continue
		}
		f := field{index: i, in: parts[0], out: parts[1], elem: "member", typ: typeOf(sf.Type)}
		for _, opt := range parts[2:] {
			switch {
			case opt == "m":
				f.member = true
			case opt == "req":
				f.required = true
			case opt == "always":
				f.always = true
			case strings.HasPrefix(opt, "e="):
				f.elem = opt[2:]
			}
		}
		f.open, f.shut = "<"+f.out+">", "</"+f.out+">"
		f.eopen, f.eshut = "<"+f.elem+">", "</"+f.elem+">"
		p.byIn[f.in] = len(p.fields)
		p.fields = append(p.fields, f)
	}
	actual, _ := c.plans.LoadOrStore(t, p)
	return actual.(*plan)
}

func typeOf(t reflect.Type) ftype {
	if t.Kind() == reflect.Pointer {
		f := typeOf(t.Elem())
		f.ptr = true
		return f
	}
	switch t.Kind() {
	case reflect.String:
		return ftype{kind: kindString, typ: t}
	case reflect.Int64:
		return ftype{kind: kindInt, typ: t}
	case reflect.Float64:
		return ftype{kind: kindFloat, typ: t}
	case reflect.Bool:
		return ftype{kind: kindBool, typ: t}
	case reflect.Map:
		e := typeOf(t.Elem())
		return ftype{kind: kindMap, typ: t, elem: &e}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return ftype{kind: kindBlob, typ: t}
		}
		e := typeOf(t.Elem())
		return ftype{kind: kindList, typ: t, elem: &e}
	}
	if t == reflect.TypeFor[time.Time]() {
		return ftype{kind: kindTime, typ: t}
	}
	return ftype{kind: kindStruct, typ: t}
}
