package hclconfig

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
)

// filler reads the arguments of an evaluated block into Go values. What is not
// known yet, or wrong, becomes the zero value; the former is noted in Unknown.
type filler struct {
	block  *evaluatedBlock
	prefix string // path of the block within the object, with a dot at its end
	out    *Block
}

func (f filler) get(name string) (cty.Value, bool) {
	if f.block == nil {
		return cty.NilVal, false
	}
	got := f.block.arg(name)
	if got.bad {
		return cty.NilVal, false
	}
	v, _ := got.value.Unmark()
	if !v.IsKnown() {
		f.unknown(name)
		return cty.NilVal, false
	}
	if v.IsNull() {
		return cty.NilVal, false
	}
	return v, true
}

func (f filler) unknown(path string) {
	if path = f.prefix + path; !slices.Contains(f.out.Unknown, path) {
		f.out.Unknown = append(f.out.Unknown, path)
	}
}

// set says whether an argument has a value, known or not.
func (f filler) set(name string) bool {
	if f.block == nil {
		return false
	}
	got := f.block.arg(name)
	return !got.bad && !got.value.IsNull()
}

func (f filler) text(name string) string {
	if v, ok := f.get(name); ok {
		return v.AsString()
	}
	return ""
}

func (f filler) number(name string) int {
	if v, ok := f.get(name); ok {
		n, _ := v.AsBigFloat().Int64()
		return int(n)
	}
	return 0
}

func (f filler) flag(name string) bool {
	v, ok := f.get(name)
	return ok && v.True()
}

func (f filler) texts(name string) []string {
	v, ok := f.get(name)
	if !ok {
		return nil
	}
	if !v.IsWhollyKnown() {
		f.unknown(name)
		return nil
	}
	var out []string
	for _, e := range v.AsValueSlice() {
		if e, _ := e.Unmark(); !e.IsNull() {
			out = append(out, e.AsString())
		}
	}
	return out
}

// entries reads a map; an entry that is unknown stays, with an empty value.
func (f filler) entries(name string) map[string]FileContent {
	v, ok := f.get(name)
	if !ok || v.LengthInt() == 0 {
		return nil
	}
	all := sensitiveItself(f.block.arg(name).value)
	out := make(map[string]FileContent, v.LengthInt())
	for key, e := range v.AsValueMap() {
		sensitive := all || isSensitive(e)
		e, _ = e.Unmark()
		switch {
		case !e.IsKnown() && all:
			f.unknown(name) // the key itself may be the secret
			out[key] = FileContent{Sensitive: true}
		case !e.IsKnown():
			f.unknown(name + "." + key)
			out[key] = FileContent{Sensitive: sensitive}
		case e.IsNull():
		default:
			out[key] = FileContent{Content: e.AsString(), Sensitive: sensitive}
		}
	}
	return out
}

func (f filler) textMap(name string) map[string]string {
	entries := f.entries(name)
	if entries == nil {
		return nil
	}
	out := make(map[string]string, len(entries))
	for k, e := range entries {
		out[k] = e.Content
	}
	return out
}

func (f filler) duration(name string) time.Duration {
	d, _ := parseDuration(f.textOr(name, "0s"))
	return d
}

func (f filler) amount(name string) Amount {
	a, _ := parseAmount(f.textOr(name, "0"))
	return a
}

func (f filler) bytes(name string) int64 {
	n, _ := parseBytes(f.textOr(name, "0"))
	return n
}

func (f filler) cpu(name string) int64 {
	n, _ := parseCPU(f.textOr(name, "0"))
	return n
}

func (f filler) textOr(name, otherwise string) string {
	if s := f.text(name); s != "" {
		return s
	}
	return otherwise
}

// in goes into the only block of a type; without one, its defaults are read.
func (f filler) in(typ string) filler {
	if f.block == nil {
		return filler{prefix: f.prefix + typ + ".", out: f.out}
	}
	if all := f.block.of(typ); len(all) > 0 {
		return f.into(all[0])
	}
	n := f.block.schema.block(typ)
	return filler{prefix: f.prefix + typ + ".", out: f.out, block: &evaluatedBlock{typ: typ, schema: n.Schema, rng: f.block.rng, ev: f.block.ev}}
}

// has says whether there is a block of a type.
func (f filler) has(typ string) bool { return f.block != nil && len(f.block.of(typ)) > 0 }

// each goes into the blocks of a type, in order.
func (f filler) each(typ string) []filler {
	var out []filler
	for i, b := range f.block.of(typ) {
		inner := f.into(b)
		if b.label == "" {
			inner.prefix = fmt.Sprintf("%s%s[%d].", f.prefix, typ, i)
		}
		out = append(out, inner)
	}
	return out
}

func (f filler) into(b *evaluatedBlock) filler {
	path := []string{b.typ}
	if b.label != "" {
		path = append(path, b.label)
	}
	return filler{block: b, prefix: f.prefix + strings.Join(path, ".") + ".", out: f.out}
}
