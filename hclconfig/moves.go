package hclconfig

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// declareMove reads a moved, removed or import block.
func (l *loader) declareMove(m *module, b *block) {
	switch b.typ {
	case "moved":
		from, ok1 := l.address(b.attrs["from"])
		to, ok2 := l.address(b.attrs["to"])
		if !ok1 || !ok2 {
			return
		}
		if problem := moveProblem(from, to); problem != "" {
			l.diags.errorf(b.rng, "Invalid moved block", "%s", problem)
			return
		}
		m.moved = append(m.moved, Moved{From: Address(from.String()), To: Address(to.String()), Range: b.rng})
	case "removed":
		from, ok := l.address(b.attrs["from"])
		if !ok {
			return
		}
		destroy := true
		if i := slices.IndexFunc(b.blocks, func(n *block) bool { return n.typ == "lifecycle" }); i >= 0 {
			destroy = b.blocks[i].staticBool("destroy", true, &l.diags)
		}
		m.removed = append(m.removed, Removed{From: Address(from.String()), Destroy: destroy, Range: b.rng})
	case "import":
		to, ok := l.address(b.attrs["to"])
		if !ok || b.attrs["id"] == nil {
			return
		}
		if to.Type == "" {
			l.diags.errorf(b.attrs["to"].expr.Range(), "Invalid import", "A module cannot be imported, only an object: node_pool.worker[0], cluster.lab.vpc.")
			return
		}
		if to.Rest == "" {
			l.diags.errorf(b.attrs["to"].expr.Range(), "Invalid import", "%s is made of several cloud objects. Name one of them: %s.", to.String(), partOf(to))
			return
		}
		m.imports = append(m.imports, &importBlock{to: to, id: b.attrs["id"], block: b})
	}
}

// partOf is an example of a cloud object within an object.
func partOf(to AddressParts) string {
	if to.Type == "node_pool" {
		return to.String() + "[0]"
	}
	return to.String() + ".vpc"
}

// address reads an argument that is a reference.
func (l *loader) address(a *argument) (AddressParts, bool) {
	if a == nil {
		return AddressParts{}, false
	}
	t, found := hcl.AbsTraversalForExpr(a.expr)
	if found.HasErrors() {
		l.diags.errorf(a.expr.Range(), "Invalid address", "Write a reference without quotes or expressions: %s = node_pool.worker.", a.name)
		return AddressParts{}, false
	}
	parts, err := addressOfTraversal(t)
	if err != nil {
		l.diags.errorf(a.expr.Range(), "Invalid address", "%q is not an address: %s.", traversalText(t), err)
		return AddressParts{}, false
	}
	return parts, true
}

func moveProblem(from, to AddressParts) string {
	switch {
	case from.String() == to.String():
		return "Both addresses are the same. Take the block away."
	case from.Type != to.Type:
		return "A " + orModule(from.Type) + " cannot become a " + orModule(to.Type) + "."
	case from.Rest != "" || to.Rest != "":
		return "Only whole objects and modules move, not parts of them."
	}
	return ""
}

func orModule(typ string) string {
	if typ == "" {
		return "module"
	}
	return typ
}

// checkMoves finds contradictions among moved, removed and what is declared.
func (m *module) checkMoves(diags *Diagnostics) {
	from, to := map[Address]Moved{}, map[Address]Moved{}
	for _, x := range m.moved {
		if first, ok := from[x.From]; ok && first.To != x.To {
			diags.errorf(x.Range, "Ambiguous move", "%s moves to %s already, at %s.", x.From, first.To, place(first.Range))
		}
		if first, ok := to[x.To]; ok && first.From != x.From {
			diags.errorf(x.Range, "Ambiguous move", "%s moves to %s already, at %s.", first.From, x.To, place(first.Range))
		}
		from[x.From], to[x.To] = x, x
		if at, ok := m.declares(x.From); ok {
			diags.errorf(x.Range, "Moved object still declared", "%s is declared at %s. Rename that block, or take this one away.", x.From, place(at))
		}
	}
	told := map[Address]bool{}
	for _, x := range m.moved {
		if moveCycles(from, x) && !told[x.From] {
			diags.errorf(x.Range, "Moves in a circle", "%s comes back to where it was: take away the moved block that is out of date.", x.From)
			for at := x.From; !told[at]; at = from[at].To { // once for the whole circle
				told[at] = true
			}
		}
	}
	seen := map[Address]Removed{}
	for _, x := range m.removed {
		if at, ok := m.declares(x.From); ok {
			diags.errorf(x.Range, "Removed object still declared", "%s is declared at %s. Delete that block, or take this one away.", x.From, place(at))
		}
		if first, ok := seen[x.From]; ok {
			diags.errorf(x.Range, "Duplicate removed block", "%s is removed at %s already.", x.From, place(first.Range))
		}
		if move, ok := from[x.From]; ok {
			diags.errorf(x.Range, "Removed and moved", "%s is moved to %s at %s. It cannot be both.", x.From, move.To, place(move.Range))
		}
		seen[x.From] = x
	}
}

func moveCycles(from map[Address]Moved, start Moved) bool {
	at := start.To
	for range len(from) {
		next, ok := from[at]
		if !ok {
			return false
		}
		if at = next.To; at == start.To {
			return true
		}
	}
	return false
}

// declares says where an address without a key is declared, as far as that is
// known before anything is evaluated: an instance key may or may not be there.
func (m *module) declares(a Address) (hcl.Range, bool) {
	p, err := a.Parse()
	if err != nil {
		return hcl.Range{}, false
	}
	if p.Type == "" {
		steps, err := moduleSteps(p.Module)
		if err != nil || len(steps) != 1 || steps[0].hasKey {
			return hcl.Range{}, false
		}
		if c := m.calls[steps[0].name]; c != nil {
			return c.block.rng, true
		}
		return hcl.Range{}, false
	}
	if p.Module != "" || p.HasKey {
		return hcl.Range{}, false
	}
	o := m.objects[p.Type+"."+p.Name]
	if o == nil || o.forEach != nil {
		return hcl.Range{}, false
	}
	return o.block.rng, true
}
