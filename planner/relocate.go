package planner

import (
	"context"
	"slices"
	"strings"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// relocate applies the moved blocks: the view is the same objects under their new addresses, in which their references
// to one another are renamed too.
func (p *planning) relocate(context.Context) {
	moves := renames(p.desired.Moved)
	if len(moves) == 0 {
		return
	}
	v := *p.seen
	v.records = make(map[resource.Address]*resource.Record, len(p.seen.records))
	v.moved = map[resource.Address]resource.Address{}
	for _, a := range sortedAddresses(p.seen.records) {
		to := moves.rename(a)
		if to != a && p.seen.records[to] != nil && moves.rename(to) == to {
			p.failTurn(nil, to, "Two objects for one address",
				"A moved block says that %s is now %s, but both are recorded. Remove one of them (`clusterform state rm`) or the moved block.", a, to)
			continue
		}
		v.records[to] = moves.record(p.seen.records[a])
		if to != a {
			v.moved[to] = a
		}
	}
	v.deposed = map[resource.Address][]*resource.Record{}
	for a, list := range p.seen.deposed {
		to := moves.rename(a)
		for _, r := range list {
			v.deposed[to] = append(v.deposed[to], moves.record(r))
		}
	}
	v.clusters = map[resource.Address]resource.ClusterRecord{}
	for a, c := range p.seen.clusters {
		v.clusters[moves.rename(a)] = c
	}
	v.gone, v.unwell, v.dead = renameKeys(moves, p.seen.gone), renameKeys(moves, p.seen.unwell), renameKeys(moves, p.seen.dead)
	v.before = map[resource.Address]*resource.Record{}
	for a, r := range p.seen.before {
		v.before[moves.rename(a)] = moves.record(r)
	}
	v.orphans = nil
	for _, r := range p.seen.orphans {
		v.orphans = append(v.orphans, moves.record(r))
	}
	p.current = &v
}

func renameKeys[V any](m moves, in map[resource.Address]V) map[resource.Address]V {
	out := make(map[resource.Address]V, len(in))
	for a, x := range in {
		out[m.rename(a)] = x
	}
	return out
}

// moves are the moved blocks that the state may need.
type moves []move

type move struct {
	from, to resource.Address
	// unkeyed: only the instance without a key moves (node_pool.a becomes node_pool.a["blue"]), not those that have one.
	unkeyed bool
}

func renames(blocks []hclconfig.Moved) moves {
	var out moves
	for _, b := range blocks {
		m := move{from: resource.Address(b.From), to: resource.Address(b.To)}
		m.unkeyed = strings.HasSuffix(string(m.to), `"]`) && !strings.HasSuffix(string(m.from), `"]`)
		out = append(out, m)
	}
	return out
}

// rename follows the moves from an address to the present one. Each move is taken once, so that it ends.
func (ms moves) rename(a resource.Address) resource.Address {
	var used uint64
	for again := true; again; {
		again = false
		for i, m := range ms {
			if i < 64 && used&(1<<i) != 0 || !m.from.Contains(a) {
				continue
			}
			rest := a[len(m.from):]
			if m.unkeyed && strings.HasPrefix(string(rest), `["`) {
				continue
			}
			a = m.to + rest
			if i < 64 {
				used |= 1 << i
				again = true
			}
		}
	}
	return a
}

// record renames a record and what it refers to; it returns the record itself when nothing in it moves.
func (ms moves) record(r *resource.Record) *resource.Record {
	out := *r
	out.Address, out.Cluster = ms.rename(r.Address), ms.rename(r.Cluster)
	out.Spec = resource.MapRefs(r.Spec, ms.rename)
	depends := false
	for i, d := range r.DependsOn {
		if to := ms.rename(d); to != d {
			if !depends {
				out.DependsOn, depends = slices.Clone(r.DependsOn), true
			}
			out.DependsOn[i] = to
		}
	}
	if out.Address == r.Address && out.Cluster == r.Cluster && out.Spec == r.Spec && !depends {
		return r
	}
	return &out
}

// moveSteps records every object that a moved block touches, also those that only refer to one that moved.
func (p *planning) moveSteps() {
	if p.current.moved == nil {
		return
	}
	for _, a := range sortedAddresses(p.current.records) {
		rec := p.current.records[a]
		from, moved := p.current.moved[a]
		if !moved {
			from = a
		}
		old := p.seen.records[from]
		if _, gone := p.current.gone[a]; gone || old == rec {
			continue
		}
		because := "moved from " + string(from)
		if !moved {
			because = "refers to an object that moved"
		}
		p.changes.add(Step{
			Address: a, Kind: rec.Kind, Action: ActionMove, Reason: ReasonMoved, Because: because, From: from,
			Before: old, After: &rec.Object, Protected: rec.Protected, DependsOn: rec.DependsOn, Generation: rec.Generation,
		}, nil)
	}
}

func sortedAddresses[V any](m map[resource.Address]V) []resource.Address {
	out := make([]resource.Address, 0, len(m))
	for a := range m {
		out = append(out, a)
	}
	slices.SortFunc(out, resource.Compare)
	return out
}
