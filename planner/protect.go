package planner

import (
	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// refusal is a block whose protected objects the plan would destroy or replace.
type refusal struct {
	block *hclconfig.Block
	first resource.Address
	count int
}

// refuseIfProtected notes that a protected object would go. The block decides while there is one; without it, what was
// last applied holds.
func (p *planning) refuseIfProtected(block *hclconfig.Block, rec *resource.Record) {
	protected := rec.Protected
	if block != nil {
		protected = block.Lifecycle.PreventDestroy
	}
	if !protected {
		return
	}
	a := blockAddress(rec)
	r := p.changes.refused[a]
	if r.count == 0 {
		r.block, r.first = block, rec.Address
	}
	r.count++
	p.changes.refused[a] = r
}

// refuseProtected turns what was noted into errors, one for each block.
func (p *planning) refuseProtected() {
	for _, a := range sortedAddresses(p.changes.refused) {
		r := p.changes.refused[a]
		what := string(r.first)
		if r.count > 1 {
			what = plural(r.count-1, "more object", "more objects")
			what = string(r.first) + " and " + what
		}
		if r.block != nil {
			p.failTurn(r.block, a, "Protected object would be destroyed",
				"%s has lifecycle.prevent_destroy, and this plan would destroy or replace %s. To allow it, set prevent_destroy = false; or leave it out with -exclude='%s'.", a, what, a)
			continue
		}
		p.failTurn(nil, a, "Protected object would be destroyed",
			"%s is no longer in the configuration, but was applied with lifecycle.prevent_destroy, which stays recorded. This plan would destroy %s. To allow it, put the block back with prevent_destroy = false, apply, and then remove it; or keep the objects and forget them, with a removed block that has lifecycle { destroy = false }.", a, what)
	}
}
