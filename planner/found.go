package planner

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// findImports reads the objects that import blocks name and puts them at their addresses, unless they are recorded.
func (p *planning) findImports(ctx context.Context) {
	for _, im := range p.desired.Imports {
		a := resource.Address(im.To)
		block := &hclconfig.Block{Range: im.Range}
		if rec, gone := p.current.at(a); rec != nil && (!gone || rec.ID == im.ID) {
			if rec.ID != im.ID {
				p.warnTurn(block, a, "Nothing to import",
					"The import block says that %s is %s, but %s is recorded there, as after a replacement, and stays. Remove the block; or, if the record is wrong, take it away with `clusterform state rm '%s'`.", a, im.ID, rec.ID, a)
			}
			continue
		}
		kind, region, ok := p.kindOf(a)
		if !ok {
			p.failTurn(block, a, "Nothing to import to",
				"The configuration has no object %s. Import to an address that it has, such as node_pool.worker[0] or cluster.lab.vpc.", a)
			continue
		}
		obj, err := p.lookups.find(ctx, region, kind, im.ID)
		if err != nil {
			p.failTurn(block, a, "Cannot import", "%s (%s) could not be read in %s: %s", im.ID, kind, region, callText(err))
			continue
		}
		p.wanted.found[a] = &foundObject{record: &resource.Record{Object: *obj, Generation: 1}, imported: true}
		p.wanted.found[a].record.Address = a
	}
}

// kindOf tells what stands at an address of the configuration, before it is expanded.
func (p *planning) kindOf(a resource.Address) (kind resource.Kind, region string, ok bool) {
	regions := map[hclconfig.Address]string{}
	for _, c := range p.desired.Clusters {
		regions[c.Address] = c.Region
		addr := resource.Address(c.Address)
		if !addr.Contains(a) || addr == a {
			continue
		}
		part := strings.TrimPrefix(string(parent(a)), string(addr)+".")
		if part == roleControlPlane {
			return resource.KindNode, c.Region, true
		}
		if slices.Contains(resource.Kinds(), resource.Kind(part)) {
			return resource.Kind(part), c.Region, true
		}
	}
	for _, np := range p.desired.NodePools {
		pool, i, isNode := a.Ordinal()
		if isNode && pool == resource.Address(np.Address) && i < np.Size {
			return resource.KindNode, regions[np.Cluster], true
		}
	}
	return "", "", false
}

// orphansOf lists the instances tagged as a group's that no record names.
func (p *planning) orphansOf(group resource.Address) []*resource.Record {
	var out []*resource.Record
	for _, r := range p.current.orphans {
		if r.Kind != resource.KindNode {
			continue
		}
		of := r.Address // a node's tag has the address of its group
		if g, _, hasOrdinal := of.Ordinal(); hasOrdinal {
			of = g
		}
		if of == group {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *resource.Record) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// takeOrphan puts an object of another kind, tagged as ours, at its address when nothing is recorded there.
func (p *planning) takeOrphan(w *want) {
	if w.group != nil || p.current.records[w.address] != nil || p.wanted.found[w.address] != nil {
		return
	}
	for _, r := range p.current.orphans {
		if r.Address == w.address && r.Kind == w.spec.Kind() {
			p.wanted.found[w.address] = &foundObject{record: r}
			return
		}
	}
}
