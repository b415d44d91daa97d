package api

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"sort"
	"time"
)

// store is all the server's records. Records are values that are replaced, never changed in place, so that an answer can
// be encoded without the lock and an older view of a record can be shown for a while (eventual consistency).
type store struct {
	now     time.Time // of the call that holds the lock
	seq     uint64
	tables  map[string]anyTable
	changed []change
	// lag says how long a change (or a new record) stays unseen by callers; nil: never.
	lag func(fresh bool) time.Duration
}

type change struct {
	table anyTable
	id    string
}

// anyTable is what persistence needs of a table.
type anyTable interface {
	name() string
	load(id string, raw json.RawMessage) error
	encode(id string) (value any, live bool)
	ids() iter.Seq[string]
}

// table holds the records of one kind in the order they were made.
type table[T any] struct {
	db   *store
	kind string
	byID map[string]*row[T]
	rows []*row[T]
	live int
	lags bool // callers may see old records of this kind when the fault is on
}

type row[T any] struct {
	id    string
	seq   uint64
	value *T // nil: deleted
	old   *T // what callers see until then
	until time.Time
}

func newTable[T any](db *store, kind string, lags bool) *table[T] {
	t := &table[T]{db: db, kind: kind, byID: map[string]*row[T]{}, lags: lags}
	if db.tables == nil {
		db.tables = map[string]anyTable{}
	}
	db.tables[kind] = t
	return t
}

// get returns the record as it is, or nil.
func (t *table[T]) get(id string) *T {
	if r := t.byID[id]; r != nil {
		return r.value
	}
	return nil
}

// seen returns the record as callers see it now, or nil.
func (t *table[T]) seen(id string) *T {
	if r := t.byID[id]; r != nil {
		return r.view(t.db.now)
	}
	return nil
}

func (r *row[T]) view(now time.Time) *T {
	if !r.until.IsZero() && now.Before(r.until) {
		return r.old
	}
	return r.value
}

// put stores a record.
func (t *table[T]) put(id string, v *T) {
	r := t.byID[id]
	fresh := r == nil
	if fresh {
		t.db.seq++
		r = &row[T]{id: id, seq: t.db.seq}
		t.byID[id] = r
		t.rows = append(t.rows, r)
	}
	if r.value == nil {
		t.live++
	}
	t.delay(r, fresh)
	r.value = v
	t.db.changed = append(t.db.changed, change{t, id})
}

// update replaces a record by a changed copy; it does nothing when there is none.
func (t *table[T]) update(id string, f func(*T)) *T {
	r := t.byID[id]
	if r == nil || r.value == nil {
		return nil
	}
	v := new(*r.value)
	f(v)
	t.put(id, v)
	return v
}

// delete removes a record; it does nothing when there is none.
func (t *table[T]) delete(id string) {
	r := t.byID[id]
	if r == nil || r.value == nil {
		return
	}
	t.delay(r, false)
	r.value = nil
	t.live--
	t.db.changed = append(t.db.changed, change{t, id})
	if !t.db.now.Before(r.until) {
		delete(t.byID, id)
	}
	if len(t.rows) > 64 && t.live < len(t.rows)/2 {
		t.compact()
	}
}

func (t *table[T]) delay(r *row[T], fresh bool) {
	if !t.lags || t.db.lag == nil || t.db.now.Before(r.until) {
		return
	}
	if d := t.db.lag(fresh); d > 0 {
		r.old, r.until = r.value, t.db.now.Add(d)
	}
}

func (t *table[T]) compact() {
	t.rows = slices.DeleteFunc(t.rows, func(r *row[T]) bool {
		gone := r.value == nil && !t.db.now.Before(r.until)
		if gone && t.byID[r.id] == r {
			delete(t.byID, r.id)
		}
		return gone
	})
}

// all yields the records as they are, oldest first.
func (t *table[T]) all() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for _, r := range t.rows {
			if r.value != nil && !yield(r.value) {
				return
			}
		}
	}
}

// after yields what callers see, oldest first, with sequence numbers above seq.
func (t *table[T]) after(seq uint64) iter.Seq2[uint64, *T] {
	return func(yield func(uint64, *T) bool) {
		i := sort.Search(len(t.rows), func(i int) bool { return t.rows[i].seq > seq })
		for _, r := range t.rows[i:] {
			if v := r.view(t.db.now); v != nil && !yield(r.seq, v) {
				return
			}
		}
	}
}

// any reports whether a record as it is satisfies f.
func (t *table[T]) any(f func(*T) bool) bool {
	for v := range t.all() {
		if f(v) {
			return true
		}
	}
	return false
}

func (t *table[T]) name() string { return t.kind }

func (t *table[T]) load(id string, raw json.RawMessage) error {
	if len(raw) == 0 {
		if r := t.byID[id]; r != nil && r.value != nil {
			r.value = nil
			t.live--
			delete(t.byID, id)
		}
		return nil
	}
	v := new(T)
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("record %s %s: %w", t.kind, id, err)
	}
	t.put(id, v)
	return nil
}

func (t *table[T]) encode(id string) (any, bool) {
	v := t.get(id)
	return v, v != nil
}

func (t *table[T]) ids() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, r := range t.rows {
			if r.value != nil && !yield(r.id) {
				return
			}
		}
	}
}
