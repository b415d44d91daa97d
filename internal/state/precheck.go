package state

import (
	"fmt"
	"maps"

	"github.com/clusterform/clusterform/planner/resource"
)

// precheck finds out, before anything is written, whether entries can be carried out one after the other. It keeps
// what earlier entries of the same journal record will have changed.
type precheck struct {
	m *memory
	// earlier has what earlier commits changed, changed what the one being checked does.
	earlier, changed map[resource.Address]occupant
}

// occupant is the record at an address: whether there is one, and its ID.
type occupant struct {
	there bool
	id    string
}

func newPrecheck(m *memory) *precheck {
	return &precheck{m: m, earlier: map[resource.Address]occupant{}, changed: map[resource.Address]occupant{}}
}

func (p *precheck) at(a resource.Address) occupant {
	if o, known := p.changed[a]; known {
		return o
	}
	if o, known := p.earlier[a]; known {
		return o
	}
	if r, ok := p.m.records[a]; ok {
		return occupant{true, r.ID}
	}
	return occupant{}
}

// commit checks the entries of one commit; after an error none of them counts.
func (p *precheck) commit(entries []*wireEntry) error {
	clear(p.changed)
	for _, w := range entries {
		if err := p.entry(w); err != nil {
			return err
		}
	}
	maps.Copy(p.earlier, p.changed)
	return nil
}

func (p *precheck) entry(w *wireEntry) error {
	switch w.Op {
	case opPut:
		if !w.Record.Deposed {
			p.changed[w.Record.Address] = occupant{true, w.Record.ID}
		}
	case opRemove:
		if o := p.at(w.Address); o.there && (w.ID == "" || o.id == w.ID) {
			p.changed[w.Address] = occupant{}
		}
	case opDepose:
		if !p.at(w.Address).there {
			return fmt.Errorf("%s is not in the state, so it cannot be deposed", w.Address)
		}
		p.changed[w.Address] = occupant{}
	case opMove:
		from := p.at(w.Address)
		if !from.there {
			return fmt.Errorf("%s is not in the state; `clusterform state list` shows what is", w.Address)
		}
		if p.at(w.To).there {
			return fmt.Errorf("%s cannot be moved to %s: there is a record already", w.Address, w.To)
		}
		p.changed[w.Address], p.changed[w.To] = occupant{}, from
	case opRename:
		return p.m.checkRename(w.Address, w.To)
	}
	return nil
}

// exclusive tells of a commit that must be a journal record of its own, because precheck cannot see past it.
func exclusive(entries []*wireEntry) (bool, error) {
	for _, w := range entries {
		if w.Op == opRename {
			if len(entries) > 1 {
				return true, fmt.Errorf("renaming %s cannot be combined with other changes in one commit", w.Address)
			}
			return true, nil
		}
	}
	return false, nil
}

func (m *memory) checkRename(from, to resource.Address) error {
	if from.Contains(to) || to.Contains(from) {
		return fmt.Errorf("%s cannot be renamed to %s: one contains the other", from, to)
	}
	found := false
	check := func(a resource.Address, taken bool) error {
		found = true
		if taken {
			n, _ := renamed(a, from, to)
			return fmt.Errorf("%s cannot be renamed to %s: %s is in the state already", from, to, n)
		}
		return nil
	}
	for a := range m.records {
		if n, ok := renamed(a, from, to); ok {
			if err := check(a, m.records[n] != nil || len(m.deposed[n]) > 0); err != nil {
				return err
			}
		}
	}
	for a := range m.deposed {
		if n, ok := renamed(a, from, to); ok {
			if err := check(a, m.records[n] != nil || len(m.deposed[n]) > 0); err != nil {
				return err
			}
		}
	}
	for a := range m.clusters {
		if n, ok := renamed(a, from, to); ok {
			_, taken := m.clusters[n]
			if err := check(a, taken); err != nil {
				return err
			}
		}
	}
	if !found {
		return fmt.Errorf("%s is not in the state; `clusterform state list` shows what is", from)
	}
	return nil
}
