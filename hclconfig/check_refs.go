package hclconfig

import (
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
)

func mapKeys[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

// checkInstances finds references to instances that there are not, and moved
// and removed blocks that contradict what for_each makes.
func (c *checker) checkInstances() {
	for _, b := range c.d.Blocks() {
		for _, a := range slices.Concat(b.DependsOn, b.Lifecycle.ReplaceTriggeredBy) {
			if p, err := a.Parse(); err == nil && p.HasKey && c.declared[a] == nil {
				c.at(b.Address).error("", "No such instance", "%s depends on %s, and there is no such instance.", b.Address, a)
			}
		}
	}
	for _, m := range c.d.Moved {
		if still := c.still(m.From); still != nil {
			c.ev.diags.errorf(m.Range, "Moved object still declared", "%s is declared at %s. Take its instance away, or this block.", still.Address, place(still.Range))
		}
	}
	for _, r := range c.d.Removed {
		if still := c.still(r.From); still != nil {
			c.ev.diags.errorf(r.Range, "Removed object still declared", "%s is declared at %s. Take it away there, or take this block away.", still.Address, place(still.Range))
		}
	}
}

// still finds a declared object that an address names, where Load could not
// tell: with a key, or within modules.
func (c *checker) still(from Address) *Block {
	p, err := from.Parse()
	if err != nil {
		return nil
	}
	if p.Type != "" {
		if b := c.declared[from]; b != nil && (p.HasKey || p.Module != "") {
			return b
		}
		return nil
	}
	if steps, err := moduleSteps(p.Module); err != nil || len(steps) == 1 && !steps[0].hasKey {
		return nil
	}
	for _, b := range c.d.Blocks() {
		if Address(b.Module) == from || strings.HasPrefix(b.Module, string(from)+".") {
			return b
		}
	}
	return nil
}

// checkImports compares imports with what is declared.
func (c *checker) checkImports() {
	to, ids := map[Address]Import{}, map[string]Import{}
	for _, x := range c.d.Imports {
		p, err := x.To.Parse()
		if err != nil {
			continue
		}
		if c.declared[p.Object()] == nil {
			c.ev.diags.errorf(x.Range, "Import into nothing", "%s is not declared. Write its block first.", p.Object())
			continue
		}
		if first, ok := to[x.To]; ok {
			c.ev.diags.errorf(x.Range, "Duplicate import", "%s is imported at %s already.", x.To, place(first.Range))
		}
		if first, ok := ids[x.ID]; ok {
			c.ev.diags.errorf(x.Range, "Duplicate import", "%q is imported as %s already, at %s.", x.ID, first.To, place(first.Range))
		}
		to[x.To], ids[x.ID] = x, x
		c.checkOrdinal(x, p)
	}
}

// checkOrdinal wants the ordinal of a node to be within its pool.
func (c *checker) checkOrdinal(x Import, p AddressParts) {
	if p.Type != "node_pool" {
		return
	}
	digits, ok := strings.CutPrefix(p.Rest, "[")
	n, err := strconv.Atoi(strings.TrimSuffix(digits, "]"))
	if !ok || err != nil {
		c.ev.diags.errorf(x.Range, "Invalid import", "Only the nodes of a pool can be imported: %s[0].", p.Object())
		return
	}
	for _, pool := range c.d.NodePools {
		if pool.Address == p.Object() && n >= pool.Size && !c.at(pool.Address).bad("size") {
			c.ev.diags.errorf(x.Range, "Import beyond the pool", "%s has %d nodes, counted from 0. Raise its size, or import as one of them.", pool.Address, pool.Size)
		}
	}
}

// checkCycles finds objects that wait for each other.
func (c *checker) checkCycles() {
	const (
		fresh = iota
		open
		closed
	)
	blocks := c.d.Blocks()
	next := make(map[Address][]Address, len(blocks))
	for _, b := range blocks {
		next[b.Address] = b.References
		// An address without a key stands for all instances.
		if b.Key != "" {
			whole := Address(strings.TrimSuffix(string(b.Address), "["+quoteKey(b.Key)+"]"))
			next[whole] = append(next[whole], b.Address)
		}
	}
	state := make(map[Address]int, len(next))
	var path []Address
	var visit func(a Address)
	visit = func(a Address) {
		state[a] = open
		path = append(path, a)
		for _, n := range next[a] {
			switch state[n] {
			case open:
				c.reportCycle(path[slices.Index(path, n):])
			case fresh:
				if _, ok := next[n]; ok {
					visit(n)
				}
			}
		}
		path = path[:len(path)-1]
		state[a] = closed
	}
	for _, b := range blocks {
		if state[b.Address] == fresh {
			visit(b.Address)
		}
	}
}

func (c *checker) reportCycle(path []Address) {
	if slices.ContainsFunc(path, func(a Address) bool { return c.ev.cyclic[a] }) {
		return
	}
	var names []string
	for _, a := range append(slices.Clone(path), path[0]) {
		names = append(names, string(a))
	}
	for _, a := range path {
		if b := c.declared[a]; b != nil {
			c.ev.diags.add(Diagnostic{
				Severity: Error, Summary: "Cycle", Subject: &b.Range, Address: b.Address,
				Detail: "These wait for each other: " + strings.Join(names, " → ") + ". Take one of the references away.",
			})
			return
		}
	}
}
