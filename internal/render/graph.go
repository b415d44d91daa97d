package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// Graph is what depends on what: nodes with edges to those they need.
type Graph struct {
	Nodes []GraphNode
}

// GraphNode is an object, or a group of equal nodes of one pool.
type GraphNode struct {
	Name string
	// Note is shown below the name: an action, a kind.
	Note string
	// Needs are indices of Graph.Nodes.
	Needs []int
}

// StateGraph is the graph of recorded objects; the nodes of a pool are one.
func StateGraph(s *resource.Snapshot) Graph {
	b := newGraphBuilder()
	for _, a := range sortedKeys(s.Records) {
		r := s.Records[a]
		b.node(a, r.Kind, string(r.Kind))
	}
	for _, a := range sortedKeys(s.Records) {
		r := s.Records[a]
		for _, to := range slices.Concat(resource.Refs(a, r.Spec), r.DependsOn) {
			b.edge(graphKey(a, r.Kind)+"|"+string(r.Kind), to)
		}
	}
	return b.graph()
}

// PlanGraph is the graph of a plan's steps; steps of one pool with one action are one.
func PlanGraph(plan *planner.Plan) Graph {
	b := newGraphBuilder()
	keys := make([]string, len(plan.Steps))
	for i := range plan.Steps {
		s := &plan.Steps[i]
		note := string(s.Action)
		if s.Pair >= 0 && s.Operation != "" {
			note += ": " + string(s.Operation)
		}
		keys[i] = b.node(s.Address, s.Kind, note)
	}
	for i := range plan.Steps {
		for _, n := range plan.Steps[i].Needs {
			b.edgeKeys(keys[i], keys[n])
		}
	}
	return b.graph()
}

type graphBuilder struct {
	order   []string
	names   map[string]string
	notes   map[string]string
	members map[string]int
	// at has the keys that stand for an address.
	at    map[resource.Address]string
	edges map[string]map[string]bool
}

func newGraphBuilder() *graphBuilder {
	return &graphBuilder{
		names: map[string]string{}, notes: map[string]string{}, members: map[string]int{},
		at: map[resource.Address]string{}, edges: map[string]map[string]bool{},
	}
}

// graphKey is the address, or a node's pool.
func graphKey(a resource.Address, k resource.Kind) string {
	if parent, _, ok := a.Ordinal(); ok && k == resource.KindNode {
		return string(parent) + "[*]"
	}
	return string(a)
}

func (b *graphBuilder) node(a resource.Address, k resource.Kind, note string) string {
	name := graphKey(a, k)
	key := name + "|" + note
	if b.members[key] == 0 {
		b.order = append(b.order, key)
		b.names[key], b.notes[key] = name, note
	}
	b.members[key]++
	b.at[a] = key
	return key
}

func (b *graphBuilder) edge(from string, to resource.Address) {
	if key, ok := b.at[to]; ok {
		b.edgeKeys(from, key)
	}
}

func (b *graphBuilder) edgeKeys(from, to string) {
	if from == to {
		return
	}
	if b.edges[from] == nil {
		b.edges[from] = map[string]bool{}
	}
	b.edges[from][to] = true
}

func (b *graphBuilder) graph() Graph {
	index := map[string]int{}
	for i, k := range b.order {
		index[k] = i
	}
	var g Graph
	for _, k := range b.order {
		n := GraphNode{Name: b.names[k], Note: b.notes[k]}
		if m := b.members[k]; m > 1 {
			n.Note += fmt.Sprintf(" ×%d", m)
		}
		for to := range b.edges[k] {
			n.Needs = append(n.Needs, index[to])
		}
		slices.Sort(n.Needs)
		g.Nodes = append(g.Nodes, n)
	}
	g.reduce()
	return g
}

// reduce leaves out an edge where a longer way leads to the same node. Grouping may have made cycles; edges on one stay.
func (g *Graph) reduce() {
	const most = 2000 // beyond that nobody can read the drawing, and the reduction takes long
	if len(g.Nodes) > most {
		return
	}
	reach := func(from, to int) bool {
		seen := make([]bool, len(g.Nodes))
		seen[from] = true
		var stack []int
		for _, n := range g.Nodes[from].Needs {
			if n != to {
				stack = append(stack, n)
			}
		}
		for len(stack) > 0 {
			n := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if n == to {
				return true
			}
			if seen[n] {
				continue
			}
			seen[n] = true
			stack = append(stack, g.Nodes[n].Needs...)
		}
		return false
	}
	for i := range g.Nodes {
		for _, to := range slices.Clone(g.Nodes[i].Needs) {
			if reach(i, to) {
				g.Nodes[i].Needs = slices.DeleteFunc(slices.Clone(g.Nodes[i].Needs), func(n int) bool { return n == to })
			}
		}
	}
}

// DOT writes the graph in Graphviz's language.
func (g Graph) DOT(p *Printer) {
	p.Text("digraph clusterform {\n  rankdir = \"RL\";\n  node [shape = \"box\", fontname = \"sans-serif\"];\n")
	for i, n := range g.Nodes {
		p.Linef("  n%d [label = %s];", i, dotString(n.Name, n.Note))
	}
	for i, n := range g.Nodes {
		for _, to := range n.Needs {
			p.Linef("  n%d -> n%d;", i, to)
		}
	}
	p.Text("}\n")
}

func dotString(name, note string) string {
	esc := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	return `"` + esc.Replace(hclconfig.PrintableLine(name)) + `\n` + esc.Replace(hclconfig.PrintableLine(note)) + `"`
}

// Mermaid writes the graph as a flowchart.
func (g Graph) Mermaid(p *Printer) {
	p.Text("flowchart RL\n")
	esc := strings.NewReplacer(`"`, "#quot;", "<", "&lt;", ">", "&gt;")
	for i, n := range g.Nodes {
		p.Linef(`  n%d["%s<br/>%s"]`, i, esc.Replace(n.Name), esc.Replace(n.Note))
	}
	for i, n := range g.Nodes {
		for _, to := range n.Needs {
			p.Linef("  n%d --> n%d", i, to)
		}
	}
}
