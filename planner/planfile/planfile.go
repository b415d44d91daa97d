package planfile

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner"
)

// maxBytes bounds what a file may unpack to, so that a small file cannot fill the memory.
const maxBytes = 4 << 30

// body is the second part of a file.
type body struct {
	Plan            *planner.Plan `json:"plan"`
	ConfigDigest    string        `json:"config_digest"`
	VariablesDigest string        `json:"variables_digest"`
	// Sealed is the JSON of origin.
	Sealed string `json:"sealed"`
}

// origin is what the plan was made from.
type origin struct {
	Sources   hclconfig.Sources `json:"sources"`
	Variables []variable        `json:"variables,omitempty"`
}

type variable struct {
	Name      string          `json:"name"`
	Value     json.RawMessage `json:"value"`
	Type      json.RawMessage `json:"type"`
	Sensitive bool            `json:"sensitive,omitempty"`
	From      string          `json:"from,omitempty"`
	Default   bool            `json:"default,omitempty"`
}

// Write writes a plan file.
func Write(w io.Writer, s *Saved, key Sealer) error {
	sources, variables, err := s.encode()
	if err != nil {
		return err
	}
	s.ConfigDigest, s.VariablesDigest = key.MAC(sources), key.MAC(variables)
	var plain bytes.Buffer
	fmt.Fprintf(&plain, `{"sources":%s,"variables":%s}`, sources, variables)
	sealed, err := key.Seal(plain.Bytes())
	if err != nil {
		return fmt.Errorf("sealing the configuration: %w", err)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if err := json.NewEncoder(z).Encode(body{Plan: s.Plan, ConfigDigest: s.ConfigDigest, VariablesDigest: s.VariablesDigest, Sealed: sealed}); err != nil {
		return fmt.Errorf("writing the plan as JSON: %w", err)
	}
	if err := z.Close(); err != nil {
		return err
	}
	h := header{
		Format: magic, FormatVersion: planner.FormatVersion, ToolVersion: s.Plan.ToolVersion,
		Key: key.MAC([]byte(keyCheck)), Length: packed.Len(),
	}
	h.MAC = key.MAC(h.authenticated(packed.Bytes()))
	if _, err := w.Write(h.line()); err != nil {
		return err
	}
	_, err = w.Write(packed.Bytes())
	return err
}

// encode makes JSON of what the plan was made from. Variables files are left out: the variables have their values.
func (s *Saved) encode() (sources, variables []byte, err error) {
	if sources, err = json.Marshal(s.Sources.WithoutVariables()); err != nil {
		return nil, nil, err
	}
	list := make([]variable, 0, len(s.Variables))
	for _, v := range s.Variables {
		if !v.Value.IsWhollyKnown() {
			continue // one without a value, which nothing needed
		}
		value, _ := v.Value.UnmarkDeep()
		out := variable{Name: v.Name, Sensitive: v.Sensitive, From: v.From, Default: v.Default}
		if out.Value, err = ctyjson.Marshal(value, value.Type()); err != nil {
			return nil, nil, fmt.Errorf("variable %q cannot be saved", v.Name)
		}
		if out.Type, err = ctyjson.MarshalType(value.Type()); err != nil {
			return nil, nil, fmt.Errorf("variable %q cannot be saved", v.Name)
		}
		list = append(list, out)
	}
	variables, err = json.Marshal(list)
	return sources, variables, err
}

// Read reads a plan file that was written with the same key. Nothing of it is used before its MAC was found right.
func Read(r io.Reader, key Sealer) (*Saved, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	h, rest, err := readHeader(data)
	switch {
	case err != nil:
		return nil, err
	case !key.Verify([]byte(keyCheck), h.Key):
		return nil, ErrOtherKey
	case len(rest) < h.Length:
		return nil, ErrTruncated
	case !key.Verify(h.authenticated(rest), h.MAC):
		return nil, ErrTampered
	}
	b, err := unpack(rest)
	if err != nil {
		return nil, err
	}
	s := &Saved{Plan: b.Plan, ConfigDigest: b.ConfigDigest, VariablesDigest: b.VariablesDigest}
	for i := range s.Plan.Steps {
		for f := range s.Plan.Steps[i].Fields {
			s.Plan.Steps[i].Fields[f].Retype(s.Plan.Steps[i].Kind)
		}
	}
	for _, d := range slices.Concat(s.Plan.Drift, s.Plan.Refreshed) {
		for f := range d.Fields {
			d.Fields[f].Retype(d.Kind)
		}
	}
	plain, err := key.Open(b.Sealed)
	if err != nil {
		return nil, fmt.Errorf("%w (its sealed part: %w)", ErrTampered, err)
	}
	return s, s.decode(plain)
}

func unpack(packed []byte) (*body, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("the plan file cannot be unpacked: %w", err)
	}
	var b body
	if err := json.NewDecoder(io.LimitReader(z, maxBytes)).Decode(&b); err != nil {
		return nil, fmt.Errorf("the plan file cannot be read by this version: %w; make a new plan", err)
	}
	if b.Plan == nil {
		return nil, errors.New("the plan file has no plan; make a new one")
	}
	return &b, nil
}

func (s *Saved) decode(plain []byte) error {
	var o origin
	if err := json.Unmarshal(plain, &o); err != nil {
		return errors.New("the configuration in the plan file cannot be read; make a new plan")
	}
	s.Sources = o.Sources
	for _, v := range o.Variables {
		typ, err := ctyjson.UnmarshalType(v.Type)
		if err != nil {
			return fmt.Errorf("variable %q in the plan file cannot be read; make a new plan", v.Name)
		}
		value, err := ctyjson.Unmarshal(v.Value, typ)
		if err != nil {
			return fmt.Errorf("variable %q in the plan file cannot be read; make a new plan", v.Name)
		}
		s.Variables = append(s.Variables, hclconfig.Variable{
			Name: v.Name, Value: value, Type: typ, Sensitive: v.Sensitive, From: v.From, Default: v.Default,
		})
	}
	return nil
}
