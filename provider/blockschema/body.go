package blockschema

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/clusterform/clusterform/hclconfig"
)

// Written is a resource's configuration as the body of a block.
type Written struct {
	// Body is in the JSON syntax of the language. Strings in it are literal.
	Body map[string]any
	// Secrets are the values of the variables that stand in Body for what is write-only.
	Secrets map[string]string
	// Unknown are the paths of arguments that are not known yet, which are not in Body.
	Unknown []string
}

// Body reads the arguments of a schema from a resource's value; literal makes a string one without templates.
func Body(s *hclconfig.Schema, value tftypes.Value, literal func(string) string) (*Written, error) {
	w := &Written{Secrets: map[string]string{}}
	r := reader{written: w, literal: literal}
	body, err := r.body(s, value, "", "")
	w.Body = body
	return w, err
}

type reader struct {
	written *Written
	literal func(string) string
}

// body reads one block. path is that in the schema, at the one with labels and numbers.
func (r *reader) body(s *hclconfig.Schema, value tftypes.Value, path, at string) (map[string]any, error) {
	var fields map[string]tftypes.Value
	if err := value.As(&fields); err != nil {
		return nil, err
	}
	out := map[string]any{}
	for _, a := range Arguments(s) {
		v, has := fields[a.Name]
		if !has || v.IsNull() {
			continue
		}
		if !v.IsFullyKnown() {
			r.unknown(at + a.Name)
			continue
		}
		plain, err := r.plain(v, at+a.Name, writeOnly(path+a.Name))
		if err != nil {
			return nil, err
		}
		out[a.Name] = plain
	}
	for _, b := range Blocks(s) {
		v, has := fields[b.Type]
		if !has || v.IsNull() {
			continue
		}
		if !v.IsKnown() {
			r.unknown(at + b.Type)
			continue
		}
		inner, err := r.blocks(b, v, path+b.Type+".", at+b.Type+".")
		if err != nil {
			return nil, err
		}
		out[b.Type] = inner
	}
	return out, nil
}

func (r *reader) unknown(at string) { r.written.Unknown = append(r.written.Unknown, at) }

func (r *reader) blocks(b hclconfig.NestedBlock, v tftypes.Value, path, at string) (any, error) {
	switch {
	case b.Max == 1:
		return r.body(b.Schema, v, path, at)
	case b.Label != "":
		var byLabel map[string]tftypes.Value
		if err := v.As(&byLabel); err != nil {
			return nil, err
		}
		out := map[string]any{}
		for label, e := range byLabel {
			if !e.IsKnown() {
				r.unknown(at + label)
				continue
			}
			inner, err := r.body(b.Schema, e, path, at+label+".")
			if err != nil {
				return nil, err
			}
			out[label] = inner
		}
		return out, nil
	default:
		var list []tftypes.Value
		if err := v.As(&list); err != nil {
			return nil, err
		}
		out := []any{}
		for i, e := range list {
			if !e.IsKnown() {
				r.unknown(fmt.Sprint(at, i))
				continue
			}
			inner, err := r.body(b.Schema, e, path, fmt.Sprint(at, i, "."))
			if err != nil {
				return nil, err
			}
			out = append(out, inner)
		}
		return out, nil
	}
}

// plain is a known value as JSON has it. A secret string becomes a reference to a variable.
func (r *reader) plain(v tftypes.Value, at string, secret bool) (any, error) {
	if v.IsNull() {
		return nil, nil
	}
	t := v.Type()
	switch {
	case t.Is(tftypes.String):
		var s string
		if err := v.As(&s); err != nil {
			return nil, err
		}
		if secret {
			name := variable(at)
			r.written.Secrets[name] = s
			return "${var." + name + "}", nil
		}
		return r.literal(s), nil
	case t.Is(tftypes.Number):
		var n big.Float
		if err := v.As(&n); err != nil {
			return nil, err
		}
		return json.Number(n.Text('g', 40)), nil
	case t.Is(tftypes.Bool):
		var b bool
		err := v.As(&b)
		return b, err
	case t.Is(tftypes.List{}), t.Is(tftypes.Tuple{}), t.Is(tftypes.Set{}):
		var list []tftypes.Value
		if err := v.As(&list); err != nil {
			return nil, err
		}
		out := make([]any, len(list))
		for i, e := range list {
			var err error
			if out[i], err = r.plain(e, fmt.Sprint(at, ".", i), secret); err != nil {
				return nil, err
			}
		}
		return out, nil
	default:
		var fields map[string]tftypes.Value
		if err := v.As(&fields); err != nil {
			return nil, err
		}
		out := map[string]any{}
		for k, e := range fields {
			inner, err := r.plain(e, at+"."+k, secret)
			if err != nil {
				return nil, err
			}
			out[k] = inner
		}
		return out, nil
	}
}

// variable is the name of the variable for a secret at a path.
func variable(at string) string {
	sum := sha256.Sum256([]byte(at))
	return "secret_" + hex.EncodeToString(sum[:6])
}
