package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/clusterform/clusterform/planner/resource"
)

// document is a snapshot file of the present version.
type document struct {
	Format      string                                      `json:"format"`
	Version     int                                         `json:"version"`
	ToolVersion string                                      `json:"clusterform_version"`
	Lineage     string                                      `json:"lineage"`
	Serial      uint64                                      `json:"serial"`
	Sequence    uint64                                      `json:"sequence"`
	Fence       uint64                                      `json:"fence"`
	LastIntent  uint64                                      `json:"last_intent"`
	Clusters    map[resource.Address]resource.ClusterRecord `json:"clusters"`
	Outputs     map[string]resource.OutputRecord            `json:"outputs"`
	Records     []json.RawMessage                           `json:"records"`
	Deposed     []json.RawMessage                           `json:"deposed"`
	Intents     []resource.Intent                           `json:"intents"`
	Digest      string                                      `json:"digest"`
}

// decoded is what a snapshot file says.
type decoded struct {
	snapshot *resource.Snapshot
	position position
	// digest is empty when the file has none.
	digest string
	// upgradedFrom is the file's version when it is not the present one, else -1.
	upgradedFrom int
}

// decodeSnapshot reads a snapshot file. path is for messages; hint says what to do about a damaged one.
func decodeSnapshot(path string, data []byte, hint string) (*decoded, error) {
	if d, ok, err := decodeCanonical(data); ok {
		if err == nil {
			return d, nil
		}
		return nil, &FileError{Path: path, Problem: Invalid, Message: "is no valid state", Hint: hint, Err: err}
	}
	raw, err := decodeRaw(path, data, hint)
	if err != nil {
		return nil, err
	}
	from, err := upgrade(path, raw)
	if err != nil {
		return nil, err
	}
	d, err := decodeDocument(raw)
	if err != nil {
		return nil, &FileError{Path: path, Problem: Invalid, Message: "is no valid state", Hint: hint, Err: err}
	}
	d.upgradedFrom = from
	if from >= 0 {
		d.digest = "" // older versions have none
		return d, nil
	}
	if d.digest == "" {
		return d, nil
	}
	// The layout is not ours (a formatter was at it), or the content is not: the digest is of the canonical form.
	_, digest, err := encodeSnapshot(d.snapshot, d.position, d.toolVersion(raw))
	if err != nil || digest != d.digest {
		return nil, &FileError{Path: path, Problem: Altered, Hint: hint,
			Message: "does not match its digest: it is damaged, or was edited by hand"}
	}
	return d, nil
}

func (*decoded) toolVersion(raw map[string]json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw["clusterform_version"], &s)
	return s
}

// decodeRaw takes the file apart and tells foreign ones.
func decodeRaw(path string, data []byte, hint string) (map[string]json.RawMessage, error) {
	refuse := func(p Problem, message, hint string, err error) (map[string]json.RawMessage, error) {
		return nil, &FileError{Path: path, Problem: p, Message: message, Hint: hint, Err: err}
	}
	foreignHint := "Choose another file with -state, or move this one away"
	trimmed := bytes.TrimSpace(data)
	switch {
	case len(trimmed) == 0:
		return refuse(Empty, "is empty", hint, nil)
	case !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 || trimmed[0] != '{':
		return refuse(NotJSON, "is not a clusterform state: it is no JSON object", hint+"; or, if it is another program's file, "+
			strings.ToLower(foreignHint[:1])+foreignHint[1:], nil)
	}
	var raw map[string]json.RawMessage
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&raw); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			return refuse(Truncated, fmt.Sprintf("is cut off after %d bytes", len(data)), hint, nil)
		}
		return refuse(NotJSON, "is not valid JSON", hint, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return refuse(NotJSON, "has something behind its end", hint, nil)
	}
	var format string
	_ = json.Unmarshal(raw["format"], &format)
	switch {
	case format == snapshotFormat:
		return raw, nil
	case raw["terraform_version"] != nil:
		return refuse(Foreign, "is a state of Terraform or OpenTofu, which clusterform does not read",
			foreignHint+"; `clusterform import` takes over existing objects one by one", nil)
	default:
		return refuse(Foreign, `is JSON, but not a clusterform state (it has no "format": "`+snapshotFormat+`")`, foreignHint, nil)
	}
}

func decodeDocument(raw map[string]json.RawMessage) (*decoded, error) {
	data, err := json.Marshal(raw)
	if err != nil {
		return nil, err
	}
	var doc document
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		return nil, err
	}
	b := newSnapshotBuilder(&doc)
	for _, r := range doc.Records {
		if err := b.record(r, false); err != nil {
			return nil, err
		}
	}
	for _, r := range doc.Deposed {
		if err := b.record(r, true); err != nil {
			return nil, err
		}
	}
	return b.finish(&doc)
}

// snapshotBuilder puts a snapshot together and holds it to its rules.
type snapshotBuilder struct {
	s    *resource.Snapshot
	fast *recordReader
}

func newSnapshotBuilder(doc *document) *snapshotBuilder {
	s := resource.NewSnapshot(doc.Lineage)
	s.Serial = doc.Serial
	if doc.Clusters != nil {
		s.Clusters = doc.Clusters
	}
	if doc.Outputs != nil {
		s.Outputs = doc.Outputs
	}
	return &snapshotBuilder{s: s, fast: newRecordReader()}
}

func (b *snapshotBuilder) record(data []byte, deposed bool) error {
	r, ok := b.fast.read(data)
	if !ok {
		r = new(resource.Record)
		if err := r.UnmarshalJSON(data); err != nil {
			return err
		}
	}
	if err := checkRecord(r); err != nil {
		return err
	}
	if r.Deposed != deposed {
		return fmt.Errorf("%s: the record stands in the wrong list", r.Address)
	}
	if deposed {
		b.s.Deposed[r.Address] = append(b.s.Deposed[r.Address], r)
		return nil
	}
	if b.s.Records[r.Address] != nil {
		return fmt.Errorf("%s: there are two records", r.Address)
	}
	b.s.Records[r.Address] = r
	return nil
}

func (b *snapshotBuilder) finish(doc *document) (*decoded, error) {
	if doc.Lineage == "" {
		return nil, fmt.Errorf("the lineage is missing")
	}
	var last uint64
	for _, i := range doc.Intents {
		if i.Seq <= last || len(i.Addresses) == 0 {
			return nil, fmt.Errorf("intent %d is out of order or without an address", i.Seq)
		}
		last = i.Seq
	}
	b.s.Intents = doc.Intents
	return &decoded{
		snapshot:     b.s,
		position:     position{Sequence: doc.Sequence, Fence: doc.Fence, LastIntent: doc.LastIntent},
		digest:       doc.Digest,
		upgradedFrom: -1,
	}, nil
}
