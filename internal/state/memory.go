package state

import (
	"maps"
	"slices"

	"github.com/clusterform/clusterform/planner/resource"
)

// memory is the state in memory, with what finds records in constant time. Entries are replaced, never changed.
type memory struct {
	lineage string
	serial  uint64
	// seq is the number of the last journal record taken in; fence the highest number of a lock that wrote.
	seq, fence uint64
	// lastIntent is the Seq given last.
	lastIntent uint64

	clusters map[resource.Address]resource.ClusterRecord
	records  map[resource.Address]*resource.Record
	deposed  map[resource.Address][]*resource.Record
	outputs  map[string]resource.OutputRecord

	intents map[uint64]resource.Intent
	// open has the Seqs of the intents of an address that it is not settled in.
	open map[resource.Address][]uint64
	byID map[objectID]resource.Address
}

type objectID struct {
	kind resource.Kind
	id   string
}

func newMemory() *memory {
	return &memory{
		clusters: map[resource.Address]resource.ClusterRecord{},
		records:  map[resource.Address]*resource.Record{},
		deposed:  map[resource.Address][]*resource.Record{},
		outputs:  map[string]resource.OutputRecord{},
		intents:  map[uint64]resource.Intent{},
		open:     map[resource.Address][]uint64{},
		byID:     map[objectID]resource.Address{},
	}
}

// fromSnapshot indexes s and takes over its maps.
func fromSnapshot(s *resource.Snapshot) *memory {
	m := newMemory()
	m.lineage, m.serial = s.Lineage, s.Serial
	m.clusters, m.records, m.deposed, m.outputs = s.Clusters, s.Records, s.Deposed, s.Outputs
	m.byID = make(map[objectID]resource.Address, len(s.Records))
	for a, r := range s.Records {
		m.byID[objectID{r.Kind, r.ID}] = a
	}
	for _, i := range s.Intents {
		m.addIntent(i)
	}
	return m
}

// snapshot returns a copy that no later change reaches.
func (m *memory) snapshot() *resource.Snapshot {
	s := m.view()
	s.Clusters, s.Records, s.Deposed = maps.Clone(m.clusters), maps.Clone(m.records), maps.Clone(m.deposed)
	s.Outputs = maps.Clone(m.outputs)
	return s
}

// view is snapshot without copying: for reading before the next change.
func (m *memory) view() *resource.Snapshot {
	s := &resource.Snapshot{
		Lineage: m.lineage, Serial: m.serial, Clusters: m.clusters, Records: m.records, Deposed: m.deposed, Outputs: m.outputs,
	}
	for _, seq := range slices.Sorted(maps.Keys(m.intents)) {
		s.Intents = append(s.Intents, m.intents[seq])
	}
	return s
}

// apply takes in an entry that check and a precheck have found right.
func (m *memory) apply(w *wireEntry) {
	switch w.Op {
	case opBeginRun:
		m.serial++
	case opIntent:
		i := *w.Intent
		i.Seq, i.Settled = m.lastIntent+1, nil
		m.addIntent(i)
	case opPut:
		m.put(w.Record)
	case opDepose:
		if r, ok := m.records[w.Address]; ok {
			m.drop(w.Address)
			old := *r
			old.Deposed = true
			m.put(&old)
		}
	case opRemove:
		m.remove(w.Address, w.ID)
	case opClose:
		for _, a := range w.Addresses {
			m.settle(a)
		}
	case opCloseIntent:
		m.forgetIntent(w.Seq)
	case opMove:
		m.move(w.Address, w.To)
	case opRename:
		m.rename(w.Address, w.To)
	case opCluster:
		m.clusters[w.Address] = *w.Cluster
	case opRemoveCluster:
		delete(m.clusters, w.Address)
	case opOutputs:
		m.outputs = *w.Outputs
	}
}

func (m *memory) put(r *resource.Record) {
	if r.Deposed {
		list := slices.Clone(m.deposed[r.Address])
		if i := slices.IndexFunc(list, func(o *resource.Record) bool { return o.ID == r.ID }); i >= 0 {
			list[i] = r
		} else {
			list = append(list, r)
		}
		m.deposed[r.Address] = list
		return
	}
	m.drop(r.Address)
	m.records[r.Address] = r
	m.byID[objectID{r.Kind, r.ID}] = r.Address
}

// drop takes the current record of an address out.
func (m *memory) drop(a resource.Address) {
	r, ok := m.records[a]
	if !ok {
		return
	}
	delete(m.records, a)
	if id := (objectID{r.Kind, r.ID}); m.byID[id] == a {
		delete(m.byID, id)
	}
}

func (m *memory) remove(a resource.Address, id string) {
	if r, ok := m.records[a]; ok && (id == "" || r.ID == id) {
		m.drop(a)
		return
	}
	list := slices.DeleteFunc(slices.Clone(m.deposed[a]), func(r *resource.Record) bool { return r.ID == id })
	if len(list) == 0 {
		delete(m.deposed, a)
		return
	}
	m.deposed[a] = list
}

func (m *memory) move(from, to resource.Address) {
	if r, ok := m.records[from]; ok {
		m.drop(from)
		moved := *r
		moved.Address = to
		m.put(&moved)
	}
	if list, ok := m.deposed[from]; ok {
		delete(m.deposed, from)
		for _, r := range list {
			moved := *r
			moved.Address = to
			m.put(&moved)
		}
	}
	for _, seq := range slices.Clone(m.open[from]) {
		i := m.intents[seq]
		i.Addresses = replaced(i.Addresses, from, to)
		m.forgetIntent(seq)
		m.addIntent(i)
	}
}

func replaced(list []resource.Address, from, to resource.Address) []resource.Address {
	list = slices.Clone(list)
	for i := range list {
		if list[i] == from {
			list[i] = to
		}
	}
	return list
}

// addIntent takes in an open intent with its Seq.
func (m *memory) addIntent(i resource.Intent) {
	m.lastIntent = max(m.lastIntent, i.Seq)
	if len(i.Settled) >= len(i.Addresses) {
		return
	}
	m.intents[i.Seq] = i
	for _, a := range i.Addresses {
		if !slices.Contains(i.Settled, a) {
			m.open[a] = append(m.open[a], i.Seq)
		}
	}
}

// settle closes what the open intents say of an address.
func (m *memory) settle(a resource.Address) {
	seqs := m.open[a]
	delete(m.open, a)
	for _, seq := range seqs {
		i := m.intents[seq]
		i.Settled = append(slices.Clip(i.Settled), a)
		if len(i.Settled) >= len(i.Addresses) {
			delete(m.intents, seq)
			continue
		}
		m.intents[seq] = i
	}
}

// forgetIntent drops an intent as a whole.
func (m *memory) forgetIntent(seq uint64) {
	for _, a := range m.intents[seq].Addresses {
		left := slices.DeleteFunc(slices.Clone(m.open[a]), func(s uint64) bool { return s == seq })
		if len(left) == 0 {
			delete(m.open, a)
		} else {
			m.open[a] = left
		}
	}
	delete(m.intents, seq)
}
