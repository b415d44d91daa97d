package state

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/clusterform/clusterform/planner/resource"
	"pgregory.net/rapid"
)

// model is the state as a person would write it down: lists and no index.
type model struct {
	records  []*resource.Record
	deposed  []*resource.Record
	intents  []resource.Intent
	clusters map[resource.Address]resource.ClusterRecord
	seq      uint64
	serial   uint64
	began    bool
}

func at(a resource.Address) func(*resource.Record) bool {
	return func(r *resource.Record) bool { return r.Address == a }
}

func (m *model) put(r *resource.Record) {
	if r.Deposed {
		m.depose(r)
		return
	}
	m.records = append(slices.DeleteFunc(m.records, at(r.Address)), r)
}

func (m *model) depose(r *resource.Record) {
	for i, o := range m.deposed {
		if o.Address == r.Address && o.ID == r.ID {
			m.deposed[i] = r
			return
		}
	}
	m.deposed = append(m.deposed, r)
}

func (m *model) remove(a resource.Address, id string) {
	same := func(r *resource.Record) bool { return r.Address == a && r.ID == id }
	if i := slices.IndexFunc(m.records, same); i >= 0 {
		m.records = slices.Delete(m.records, i, i+1)
		return
	}
	m.deposed = slices.DeleteFunc(m.deposed, same)
}

func (m *model) settle(a resource.Address) {
	var open []resource.Intent
	for _, i := range m.intents {
		if slices.Contains(i.Addresses, a) && !slices.Contains(i.Settled, a) {
			i.Settled = append(slices.Clone(i.Settled), a)
		}
		if len(i.Settled) < len(i.Addresses) {
			open = append(open, i)
		}
	}
	m.intents = open
}

func (m *model) snapshot(lineage string) *resource.Snapshot {
	s := resource.NewSnapshot(lineage)
	s.Serial, s.Clusters, s.Intents = m.serial, m.clusters, m.intents
	for _, r := range m.records {
		s.Records[r.Address] = r
	}
	for _, r := range m.deposed {
		s.Deposed[r.Address] = append(s.Deposed[r.Address], r)
	}
	return s
}

// Any entries in any order, with restarts, torn ends and compactions between, leave what the model says.
func TestAnyHistoryIsKept(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "clusterform-state-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		h := &history{dir: dir, m: &model{clusters: map[resource.Address]resource.ClusterRecord{}}}
		h.restart(t)
		t.Repeat(map[string]func(*rapid.T){
			"commit": h.commit,
			"settle": func(t *rapid.T) {
				a := addresses.Draw(t, "address")
				h.do(t, CloseIntents(a))
				h.m.settle(a)
			},
			"close":   func(t *rapid.T) { h.close(t); h.restart(t) },
			"torn":    h.tear,
			"":        h.check,
			"depose":  h.depose,
			"nothing": func(t *rapid.T) { h.do(t) },
		})
		h.close(t)
	})
}

// history is a state under test with its model.
type history struct {
	dir     string
	f       *File
	s       *Session
	m       *model
	lineage string
}

var addresses = rapid.Map(rapid.IntRange(0, 3), nodeAddress)

func (h *history) restart(t *rapid.T) {
	o := testOptions()
	o.Warn = func(string) {}
	f, err := Open(h.dir+"/s.json", o)
	if err != nil {
		t.Fatal(err)
	}
	f.compactAbove = rapid.SampledFrom([]int64{1, 4000, 1 << 20}).Draw(t, "compact above")
	f.compactRunning = rapid.SampledFrom([]int64{1000, 1 << 20}).Draw(t, "compact running")
	if h.s, err = f.Lock(context.Background(), LockRequest{}); err != nil {
		t.Fatal(err)
	}
	h.f, h.m.began = f, false
}

func (h *history) close(t *rapid.T) {
	if err := h.s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// tear ends the session as kill -9 does in the middle of a write.
func (h *history) tear(t *rapid.T) {
	if err := h.f.BreakLock(context.Background(), h.s.Lock().ID); err != nil {
		t.Fatal(err)
	}
	_ = h.s.Close(context.Background()) // it has lost the lock, and writes nothing
	if journal, err := os.OpenFile(h.f.journalPath, os.O_WRONLY|os.O_APPEND, 0); err == nil {
		whole := appendFrame(nil, recordPayload(99, 0, 99, testTime, [][]byte{[]byte(`{"op":"remove","address":"x"}`)}))
		_, err = journal.Write(whole[:rapid.IntRange(0, len(whole)-1).Draw(t, "bytes")])
		if err != nil || journal.Close() != nil {
			t.Fatal(err)
		}
	}
	h.restart(t)
}

func (h *history) do(t *rapid.T, entries ...Entry) {
	if err := h.s.Commit(context.Background(), rapid.Bool().Draw(t, "durable"), entries...); err != nil {
		t.Fatal(err)
	}
	if len(entries) > 0 && !h.m.began {
		h.m.serial, h.m.began = h.m.serial+1, true
	}
	if len(entries) > 0 && h.lineage == "" {
		h.lineage, _ = h.s.Version()
	}
}

func (h *history) commit(t *rapid.T) {
	var entries []Entry
	var model []func()
	for range rapid.IntRange(1, 4).Draw(t, "entries") {
		a := addresses.Draw(t, "address")
		id := rapid.SampledFrom([]string{"i-a", "i-b", "i-c"}).Draw(t, "id")
		switch rapid.SampledFrom([]string{"put", "remove", "intent", "cluster", "remove cluster"}).Draw(t, "operation") {
		case "put":
			r := nodeRecord(0)
			r.Address, r.ID, r.Deposed = a, id, rapid.Bool().Draw(t, "deposed")
			r.LastError = rapid.String().Draw(t, "error")
			entries, model = append(entries, Put(r)), append(model, func() { h.m.put(r) })
		case "remove":
			entries, model = append(entries, Remove(a, id)), append(model, func() { h.m.remove(a, id) })
		case "intent":
			i := launchIntent(rapid.SliceOfNDistinct(addresses, 1, 3, rapid.ID).Draw(t, "addresses")...)
			entries, model = append(entries, Intent(i)), append(model, func() {
				h.m.seq++
				i.Seq = h.m.seq
				h.m.intents = append(h.m.intents, i)
			})
		case "cluster":
			c := resource.ClusterRecord{UID: id}
			entries, model = append(entries, SetCluster(a, c)), append(model, func() { h.m.clusters[a] = c })
		case "remove cluster":
			entries, model = append(entries, RemoveCluster(a)), append(model, func() { delete(h.m.clusters, a) })
		}
	}
	h.do(t, entries...)
	for _, f := range model {
		f()
	}
}

func (h *history) depose(t *rapid.T) {
	a := addresses.Draw(t, "address")
	i := slices.IndexFunc(h.m.records, at(a))
	if i < 0 {
		if err := h.s.Commit(context.Background(), false, Depose(a)); err == nil {
			t.Fatal("nothing was deposed")
		}
		return
	}
	h.do(t, Depose(a))
	old := *h.m.records[i]
	old.Deposed = true
	h.m.records = slices.Delete(h.m.records, i, i+1)
	h.m.depose(&old)
}

func (h *history) check(t *rapid.T) {
	want, err := Export(h.m.snapshot(h.lineage))
	if err != nil {
		t.Fatal(err)
	}
	other, err := h.f.Read(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]*resource.Snapshot{"session": h.s.Snapshot(), "reader": other} {
		got, err := Export(s)
		if err != nil || string(got) != string(want) {
			t.Fatalf("%s (%v) has\n%s\nwant\n%s", name, err, got, want)
		}
	}
	for i := range 4 {
		r, ok := h.s.Record(nodeAddress(i))
		j := slices.IndexFunc(h.m.records, at(nodeAddress(i)))
		if ok != (j >= 0) || ok && fmt.Sprint(r.ID, r.LastError) != fmt.Sprint(h.m.records[j].ID, h.m.records[j].LastError) {
			t.Fatalf("Record(%s) = %v, %v", nodeAddress(i), r, ok)
		}
	}
	for _, id := range []string{"i-a", "i-b", "i-c"} {
		a, ok := h.s.RecordByID(resource.KindNode, id)
		holds := func(r *resource.Record) bool { return r.ID == id && (!ok || r.Address == a) }
		if ok && !slices.ContainsFunc(h.m.records, holds) {
			t.Fatalf("RecordByID(%s) = %q, which has another id", id, a)
		}
	}
}
