package wire

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// DecodeJSON fills the struct that dst points to from a JSON 1.1 body. Members the struct does not have are ignored, as
// AWS does. Errors are *ParamError.
func (c *Codec) DecodeJSON(body []byte, dst any) error {
	if len(body) > MaxBody {
		return malformed("The request is larger than %d bytes", MaxBody)
	}
	if !utf8.Valid(body) {
		return malformed("The request is not valid UTF-8")
	}
	if len(body) == 0 {
		body = []byte("{}")
	}
	return c.jsonStruct(body, reflect.ValueOf(dst).Elem(), "")
}

func (c *Codec) jsonStruct(raw []byte, v reflect.Value, path string) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return malformed("The request is not a JSON object where one is expected (%s)", pathOr(path))
	}
	p := c.plan(v.Type())
	for i := range p.fields {
		f := &p.fields[i]
		m, ok := members[f.in]
		if !ok || string(m) == "null" {
			if f.required {
				return &ParamError{Problem: Missing, Name: join(path, f.in)}
			}
			continue
		}
		if err := c.jsonValue(m, &f.typ, v.Field(f.index), join(path, f.in)); err != nil {
			return err
		}
	}
	return nil
}

func pathOr(path string) string {
	if path == "" {
		return "the whole body"
	}
	return path
}

func (c *Codec) jsonValue(raw json.RawMessage, t *ftype, v reflect.Value, path string) error {
	invalid := func(what string) error {
		return &ParamError{Problem: Invalid, Name: path, Detail: "not " + what}
	}
	switch t.kind {
	case kindStruct:
		if t.ptr {
			v.Set(reflect.New(t.typ))
			v = v.Elem()
		}
		return c.jsonStruct(raw, v, path)
	case kindList:
		var elems []json.RawMessage
		if json.Unmarshal(raw, &elems) != nil {
			return invalid("a list")
		}
		out := reflect.MakeSlice(t.typ, len(elems), len(elems))
		for i, e := range elems {
			if err := c.jsonValue(e, t.elem, out.Index(i), path+"."+strconv.Itoa(i+1)); err != nil {
				return err
			}
		}
		v.Set(out)
	case kindMap:
		var elems map[string]json.RawMessage
		if json.Unmarshal(raw, &elems) != nil {
			return invalid("an object")
		}
		out := reflect.MakeMap(t.typ)
		for k, e := range elems {
			ev := reflect.New(t.typ.Elem()).Elem()
			if err := c.jsonValue(e, t.elem, ev, path+"."+k); err != nil {
				return err
			}
			out.SetMapIndex(reflect.ValueOf(k), ev)
		}
		v.Set(out)
	case kindTime:
		var sec float64
		if json.Unmarshal(raw, &sec) != nil || math.Abs(sec) > 1e11 {
			return invalid("a time in seconds since 1970")
		}
		ts := time.Unix(0, int64(sec*1e3)*1e6).UTC()
		v.Set(reflect.ValueOf(&ts))
	case kindString:
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return invalid("a string")
		}
		v.SetString(s)
	default:
		if json.Unmarshal(raw, v.Addr().Interface()) != nil {
			return invalid([]string{kindInt: "an integer", kindFloat: "a number", kindBool: "true or false", kindBlob: "base64"}[t.kind])
		}
	}
	return nil
}

// AppendJSON appends the answer of a JSON 1.1 action; nil is an empty object.
func (c *Codec) AppendJSON(b []byte, result any) []byte {
	if result == nil {
		return append(b, "{}"...)
	}
	return c.appendJSONStruct(b, reflect.ValueOf(result).Elem())
}

// AppendJSONError appends the JSON 1.1 form of an error.
func AppendJSONError(b []byte, code, message string) []byte {
	b = append(b, `{"__type":`...)
	b = appendJSONString(b, code)
	b = append(b, `,"message":`...)
	b = appendJSONString(b, message)
	return append(b, '}')
}

func (c *Codec) appendJSONStruct(b []byte, v reflect.Value) []byte {
	p := c.plan(v.Type())
	b = append(b, '{')
	first := true
	for i := range p.fields {
		f := &p.fields[i]
		fv := v.Field(f.index)
		if f.typ.kind == kindString {
			if fv.Len() == 0 && !f.always {
				continue
			}
		} else if fv.IsNil() {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendJSONString(b, f.out)
		b = append(b, ':')
		b = c.appendJSONValue(b, &f.typ, fv)
	}
	return append(b, '}')
}

func (c *Codec) appendJSONValue(b []byte, t *ftype, v reflect.Value) []byte {
	if t.ptr {
		v = v.Elem()
	}
	switch t.kind {
	case kindString:
		return appendJSONString(b, v.String())
	case kindInt:
		return strconv.AppendInt(b, v.Int(), 10)
	case kindFloat:
		return strconv.AppendFloat(b, v.Float(), 'g', -1, 64)
	case kindBool:
		return strconv.AppendBool(b, v.Bool())
	case kindBlob:
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, v.Bytes())
		return append(b, '"')
	case kindTime:
		ms := v.Interface().(time.Time).UnixMilli()
		return strconv.AppendFloat(b, float64(ms)/1000, 'f', 3, 64)
	case kindStruct:
		return c.appendJSONStruct(b, v)
	case kindList:
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = c.appendJSONValue(b, t.elem, v.Index(i))
		}
		return append(b, ']')
	case kindMap:
		keys := make(map[string]reflect.Value, v.Len())
		for it := v.MapRange(); it.Next(); {
			keys[it.Key().String()] = it.Value()
		}
		b = append(b, '{')
		for i, k := range slices.Sorted(maps.Keys(keys)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSONString(b, k)
			b = append(b, ':')
			b = c.appendJSONValue(b, t.elem, keys[k])
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

func appendJSONString(b []byte, s string) []byte {
	q, err := json.Marshal(s)
	if err != nil { // a string always marshals
		return append(b, `""`...)
	}
	return append(b, q...)
}
