package conformance

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// compare lists how two answers differ: "error code A / B", "+Field" that only the lab has, "-Field" that only moto has.
func compare(a any, aerr error, b any, berr error) []string {
	if ca, cb := codeOf(aerr), codeOf(berr); ca != cb {
		return []string{fmt.Sprintf("error %s / %s", ca, cb)}
	}
	if aerr != nil {
		return nil
	}
	fa, fb := map[string]bool{}, map[string]bool{}
	fields(reflect.ValueOf(a), "", fa)
	fields(reflect.ValueOf(b), "", fb)
	var out []string
	for f := range fa {
		if !fb[f] && fb[parent(f)] {
			out = append(out, "+"+f)
		}
	}
	for f := range fb {
		if !fa[f] && fa[parent(f)] {
			out = append(out, "-"+f)
		}
	}
	slices.Sort(out)
	return out
}

// parent is the field that holds f; only the outermost field of a difference is reported.
func parent(f string) string {
	if list, ok := strings.CutSuffix(f, "[]"); ok {
		return list
	}
	return f[:max(strings.LastIndexByte(f, '.'), 0)]
}

func codeOf(err error) string {
	if err == nil {
		return "none"
	}
	code := "no API error"
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		code = e.ErrorCode()
	}
	if e, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		code += fmt.Sprintf(" (%d)", e.HTTPStatusCode())
	}
	return code
}

// fields collects the paths of everything an answer sets; elements of a list share one path.
func fields(v reflect.Value, at string, out map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			out[at] = true
			fields(v.Elem(), at, out)
		}
	case reflect.Slice:
		if v.Len() > 0 {
			out[at] = true
		}
		for i := range v.Len() {
			fields(v.Index(i), at+"[]", out)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		out[at] = true
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.Name == "ResultMetadata" || !f.IsExported() {
				continue
			}
			name := f.Name
			if at != "" {
				name = at + "." + name
			}
			fields(v.Field(i), name, out)
		}
	case reflect.String:
		if v.Len() > 0 {
			out[at] = true
		}
	case reflect.Map:
		for _, k := range slices.SortedFunc(maps.Keys(mapOf(v)), strings.Compare) {
			out[at+"["+k+"]"] = true
		}
	default:
		if !v.IsZero() {
			out[at] = true
		}
	}
}

func mapOf(v reflect.Value) map[string]bool {
	out := map[string]bool{}
	for it := v.MapRange(); it.Next(); {
		out[it.Key().String()] = true
	}
	return out
}

// difference is one that is known and meant. Steps and fields may have * and ?.
type difference struct{ step, field, why string }

func (d difference) key() string { return d.step + ": " + d.field }

func expected(step, field string) int {
	return slices.IndexFunc(differences(), func(d difference) bool {
		s, err1 := path.Match(d.step, step)
		f, err2 := path.Match(strings.NewReplacer("[", `\[`, "]", `\]`).Replace(d.field), field)
		return err1 == nil && err2 == nil && s && f
	})
}
