package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"

	"github.com/clusterform/clusterform/planner/resource"
)

const (
	snapshotFormat = "clusterform.state"
	// formatVersion is what this version writes; see upgrade.go for older ones.
	formatVersion = 1
	digestPrefix  = "sha256:"
)

// position ties a snapshot file to its journal. The zero value is that of an export, which has no journal.
type position struct {
	Sequence   uint64
	Fence      uint64
	LastIntent uint64
}

// Export returns a snapshot as canonical JSON: sorted by address, one object per line, with a digest. Equal snapshots
// give equal bytes. File.Push takes it back.
func Export(s *resource.Snapshot) ([]byte, error) {
	data, _, err := encodeSnapshot(s, position{}, "")
	return data, err
}

// encodeSnapshot returns the bytes of a snapshot file and their digest.
func encodeSnapshot(s *resource.Snapshot, p position, toolVersion string) (data []byte, digest string, err error) {
	w := &snapshotWriter{}
	w.b.Grow(512 + 1024*len(s.Records))
	w.b.WriteByte('{')
	w.field("format", snapshotFormat)
	w.field("version", formatVersion)
	if toolVersion != "" {
		w.field("clusterform_version", toolVersion)
	}
	w.field("lineage", s.Lineage)
	w.field("serial", s.Serial)
	if p != (position{}) {
		w.field("sequence", p.Sequence)
		w.field("fence", p.Fence)
		w.field("last_intent", p.LastIntent)
	}
	writeObject(w, "clusters", slices.SortedFunc(maps.Keys(s.Clusters), resource.Compare), s.Clusters)
	writeObject(w, "outputs", slices.Sorted(maps.Keys(s.Outputs)), s.Outputs)
	writeArray(w, "records", slices.SortedFunc(maps.Keys(s.Records), resource.Compare), func(a resource.Address) []*resource.Record {
		return []*resource.Record{s.Records[a]}
	})
	writeArray(w, "deposed", slices.SortedFunc(maps.Keys(s.Deposed), resource.Compare), func(a resource.Address) []*resource.Record {
		return s.Deposed[a]
	})
	writeArray(w, "intents", s.Intents, func(i resource.Intent) []resource.Intent { return []resource.Intent{i} })
	if w.err != nil {
		return nil, "", w.err
	}
	digest = digestOf(w.b.Bytes())
	w.field("digest", digest)
	w.b.WriteString("\n}\n")
	return w.b.Bytes(), digest, w.err
}

// digestOf is the digest of a snapshot: of all that stands before the line of the digest itself.
func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return digestPrefix + hex.EncodeToString(sum[:])
}

// snapshotWriter writes the one JSON object of a snapshot file, one line per field or element.
type snapshotWriter struct {
	b     bytes.Buffer
	later bool
	err   error
}

// key begins a field.
func (w *snapshotWriter) key(name string) {
	if w.later {
		w.b.WriteByte(',')
	}
	w.later = true
	w.b.WriteString("\n\"" + name + "\": ")
}

func (w *snapshotWriter) field(name string, v any) {
	w.key(name)
	w.value(v)
}

func (w *snapshotWriter) value(v any) {
	e := json.NewEncoder(&w.b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		if w.err == nil {
			w.err = err
		}
		return
	}
	w.b.Truncate(w.b.Len() - 1) // the encoder's line break
}

func writeObject[K ~string, V any](w *snapshotWriter, name string, keys []K, values map[K]V) {
	w.key(name)
	w.b.WriteByte('{')
	for i, k := range keys {
		if i > 0 {
			w.b.WriteByte(',')
		}
		w.b.WriteByte('\n')
		w.value(string(k))
		w.b.WriteString(": ")
		w.value(values[k])
	}
	w.close(len(keys), '}')
}

func writeArray[K, V any](w *snapshotWriter, name string, keys []K, values func(K) []V) {
	w.key(name)
	w.b.WriteByte('[')
	n := 0
	for _, k := range keys {
		for _, v := range values(k) {
			if n > 0 {
				w.b.WriteByte(',')
			}
			w.b.WriteByte('\n')
			w.value(v)
			n++
		}
	}
	w.close(n, ']')
}

func (w *snapshotWriter) close(elements int, c byte) {
	if elements > 0 {
		w.b.WriteByte('\n')
	}
	w.b.WriteByte(c)
}
