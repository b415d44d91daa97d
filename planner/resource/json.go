package resource

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

type objectWire struct {
	Address Address         `json:"address"`
	Kind    Kind            `json:"kind"`
	Cluster Address         `json:"cluster"`
	UID     string          `json:"uid"`
	Region  string          `json:"region"`
	ID      string          `json:"id,omitempty"`
	Spec    json.RawMessage `json:"spec"`
}

// UnmarshalJSON reads an object of any known kind; unknown fields of a Spec are an error, so that a file of a newer
// version is refused and not cut down.
func (o *Object) UnmarshalJSON(b []byte) error {
	var w objectWire
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	return o.fromWire(w)
}

func (o *Object) fromWire(w objectWire) error {
	spec, ok := NewSpec(w.Kind)
	if !ok {
		return fmt.Errorf("%s: kind %q is not known to this version", w.Address, w.Kind)
	}
	d := json.NewDecoder(bytes.NewReader(w.Spec))
	d.DisallowUnknownFields()
	if err := d.Decode(spec); err != nil {
		return fmt.Errorf("%s: %w", w.Address, err)
	}
	*o = Object{Address: w.Address, Kind: w.Kind, Cluster: w.Cluster, UID: w.UID, Region: w.Region, ID: w.ID, Spec: spec}
	return nil
}

// recordTail is a Record without its Object; a test holds it to Record.
type recordTail struct {
	Generation int       `json:"generation"`
	Phase      Phase     `json:"phase,omitempty"`
	Tainted    bool      `json:"tainted,omitempty"`
	Incomplete bool      `json:"incomplete,omitempty"`
	LastError  string    `json:"last_error,omitempty"`
	Protected  bool      `json:"protected,omitempty"`
	DependsOn  []Address `json:"depends_on,omitempty"`
	Deposed    bool      `json:"deposed,omitempty"`
	UpdatedAt  time.Time `json:"updated_at,omitzero"`
}

// UnmarshalJSON reads a record; Object's own method would otherwise be promoted and lose the rest.
func (r *Record) UnmarshalJSON(b []byte) error {
	var w struct {
		objectWire
		recordTail
	}
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	if err := r.Object.fromWire(w.objectWire); err != nil {
		return err
	}
	t := w.recordTail
	r.Generation, r.Phase, r.Tainted, r.Incomplete, r.LastError = t.Generation, t.Phase, t.Tainted, t.Incomplete, t.LastError
	r.Protected, r.DependsOn, r.Deposed, r.UpdatedAt = t.Protected, t.DependsOn, t.Deposed, t.UpdatedAt
	return nil
}
