package wire

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of a query request. They are far above what AWS's own clients send.
const (
	MaxBody   = 1 << 20 // bytes of a request body
	maxParams = 16384   // parameters of one request
	maxDepth  = 12      // parts of one parameter name
	maxName   = 512     // bytes of one parameter name
)

// Query is a decoded form body: parameters by name, as a tree along the dots.
type Query struct {
	Action  string
	Version string
	root    node
}

type node struct {
	value string
	set   bool
	used  bool
	kids  map[string]*node
}

// ParseQuery takes a form body apart. Errors are *ParamError.
func ParseQuery(body []byte) (*Query, error) {
	if len(body) > MaxBody {
		return nil, malformed("The request is larger than %d bytes", MaxBody)
	}
	q := new(Query)
	n := 0
	for len(body) > 0 {
		var pair []byte
		pair, body, _ = bytes.Cut(body, []byte{'&'})
		if len(pair) == 0 {
			continue
		}
		if n++; n > maxParams {
			return nil, malformed("The request has more than %d parameters", maxParams)
		}
		k, v, _ := strings.Cut(string(pair), "=")
		name, err := url.QueryUnescape(k)
		if err != nil {
			return nil, malformed("A parameter name is not encoded properly: %v", err)
		}
		if len(name) > maxName {
			return nil, malformed("A parameter name is longer than %d bytes", maxName)
		}
		value, err := url.QueryUnescape(v)
		if err != nil {
			return nil, malformed("The value of a parameter is not encoded properly: %v", err)
		}
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return nil, malformed("The request is not valid UTF-8")
		}
		switch name {
		case "Action":
			q.Action = value
			continue
		case "Version":
			q.Version = value
			continue
		}
		if strings.Count(name, ".") >= maxDepth {
			return nil, malformed("A parameter name is nested deeper than %d levels", maxDepth)
		}
		at := &q.root
		for part := range strings.SplitSeq(name, ".") {
			kid := at.kids[part]
			if kid == nil {
				kid = new(node)
				if at.kids == nil {
					at.kids = make(map[string]*node)
				}
				at.kids[part] = kid
			}
			at = kid
		}
		if at.set {
			return nil, malformed("The parameter %s is given twice", name)
		}
		at.value, at.set = value, true
	}
	return q, nil
}

// Decode fills the struct that dst points to. A parameter that the struct does not have is an error, and so is a
// missing one that the model requires. Errors are *ParamError.
func (c *Codec) Decode(q *Query, dst any) error {
	v := reflect.ValueOf(dst).Elem()
	if err := c.decodeStruct(&q.root, v, ""); err != nil {
		return err
	}
	if name := q.root.unused(""); name != "" {
		return &ParamError{Problem: Unknown, Name: name}
	}
	return nil
}

// unused returns the name of a parameter that no field took, the first in no particular order.
func (n *node) unused(name string) string {
	if n.set && !n.used && name != "" {
		return name
	}
	for part, kid := range n.kids {
		full := part
		if name != "" {
			full = name + "." + part
		}
		if u := kid.unused(full); u != "" {
			return u
		}
	}
	return ""
}

func (c *Codec) decodeStruct(n *node, v reflect.Value, path string) error {
	p := c.plan(v.Type())
	n.used = true
	for part, kid := range n.kids {
		i, ok := p.byIn[part]
		if !ok {
			continue
		}
		f := &p.fields[i]
		if err := c.decodeField(kid, f, v.Field(f.index), join(path, f.in)); err != nil {
			return err
		}
	}
	for i := range p.fields {
		f := &p.fields[i]
		if f.required && n.kids[f.in] == nil {
			return &ParamError{Problem: Missing, Name: join(path, f.in)}
		}
	}
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (c *Codec) decodeField(n *node, f *field, v reflect.Value, path string) error {
	if f.typ.kind != kindList {
		return c.decodeValue(n, &f.typ, v, path)
	}
	n.used = true
	list := n
	if f.member {
		if m := n.kids["member"]; m != nil {
			m.used = true
			list = m
		}
	}
	out := reflect.MakeSlice(f.typ.typ, 0, len(list.kids))
	for i := 1; ; i++ {
		kid := list.kids[strconv.Itoa(i)]
		if kid == nil {
			break
		}
		out = reflect.Append(out, reflect.Zero(f.typ.typ.Elem()))
		if err := c.decodeValue(kid, f.typ.elem, out.Index(i-1), path+"."+strconv.Itoa(i)); err != nil {
			return err
		}
	}
	v.Set(out)
	return nil
}

func (c *Codec) decodeValue(n *node, t *ftype, v reflect.Value, path string) error {
	n.used = true
	if t.kind == kindStruct {
		if t.ptr {
			v.Set(reflect.New(t.typ))
			v = v.Elem()
		}
		return c.decodeStruct(n, v, path)
	}
	invalid := func(what string) error {
		return &ParamError{Problem: Invalid, Name: path, Detail: strconv.Quote(clip(n.value)) + " is not " + what}
	}
	if t.kind == kindList || t.kind == kindMap {
		return invalid("supported here")
	}
	if !n.set {
		return invalid("a value")
	}
	switch t.kind {
	case kindString:
		v.SetString(n.value)
	case kindBlob:
		b, err := base64.StdEncoding.DecodeString(n.value)
		if err != nil {
			return invalid("base64")
		}
		v.SetBytes(b)
	case kindInt:
		i, err := strconv.ParseInt(n.value, 10, 64)
		if err != nil {
			return invalid("an integer")
		}
		v.Set(reflect.ValueOf(&i))
	case kindFloat:
		x, err := strconv.ParseFloat(n.value, 64)
		if err != nil {
			return invalid("a number")
		}
		v.Set(reflect.ValueOf(&x))
	case kindBool:
		b, err := strconv.ParseBool(strings.ToLower(n.value))
		if err != nil {
			return invalid("true or false")
		}
		v.Set(reflect.ValueOf(&b))
	case kindTime:
		ts, err := time.Parse(time.RFC3339Nano, n.value)
		if err != nil {
			return invalid("a time in ISO 8601")
		}
		v.Set(reflect.ValueOf(&ts))
	}
	return nil
}

func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}

// Has reports whether the request gives a parameter of this name, even when its value is empty.
func (q *Query) Has(name string) bool {
	at := &q.root
	for part := range strings.SplitSeq(name, ".") {
		if at = at.kids[part]; at == nil {
			return false
		}
	}
	return at.set
}

// Canonical gives the parameters sorted by name, without the named ones: equal for requests that mean the same.
func (q *Query) Canonical(without ...string) []byte {
	var out []string
	q.root.walk("", func(name, value string) {
		if !slices.Contains(without, name) {
			out = append(out, url.QueryEscape(name)+"="+url.QueryEscape(value))
		}
	})
	slices.Sort(out)
	return []byte(strings.Join(out, "&"))
}

func (n *node) walk(name string, f func(name, value string)) {
	if n.set {
		f(name, n.value)
	}
	for part, kid := range n.kids {
		kid.walk(join(name, part), f)
	}
}
