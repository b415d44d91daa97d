package planner

import (
	"context"
	"errors"
	"sync"

	"github.com/clusterform/clusterform/planner/resource"
)

// reader is the Runtime of drivers that only read.
type reader struct {
	state *resource.Snapshot
	ids   func() map[objectID]resource.Address
}

type objectID struct {
	kind resource.Kind
	id   string
}

var errReadOnly = errors.New("planning changes nothing: a driver tried to write")

func newReader(s *resource.Snapshot) *reader {
	return &reader{state: s, ids: sync.OnceValue(func() map[objectID]resource.Address {
		ids := make(map[objectID]resource.Address, len(s.Records))
		for a, r := range s.Records {
			ids[objectID{r.Kind, r.ID}] = a
		}
		return ids
	})}
}

func (r *reader) ID(ref resource.Ref) (string, bool) {
	if !resource.IsAddress(ref) {
		return string(ref), true
	}
	rec, ok := r.state.Records[resource.Address(ref)]
	if !ok {
		return "", false
	}
	return rec.ID, true
}

func (r *reader) Ref(kind resource.Kind, id string) resource.Ref {
	if a, ok := r.ids()[objectID{kind, id}]; ok {
		return resource.Ref(a)
	}
	return resource.Ref(id)
}

func (r *reader) Record(a resource.Address) (*resource.Record, bool) {
	rec, ok := r.state.Records[a]
	return rec, ok
}

func (r *reader) Intend(context.Context, ...resource.Intent) error      { return errReadOnly }
func (r *reader) Checkpoint(context.Context, ...*resource.Record) error { return errReadOnly }
func (r *reader) Blob(string) ([]byte, bool)                            { return nil, false }
func (r *reader) Progress(resource.Address, resource.Phase, string)     {}
func (r *reader) WaitLaunched() bool                                    { return false }
