package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// group is one entry, or several that differ in nothing but their ordinal and zone.
type group struct {
	entries  []entry
	parent   resource.Address
	ordinals []int
}

// grouped collapses neighbours that show the same; verbose keeps them apart. The input is sorted by address.
func grouped(list []entry, verbose bool) []group {
	out := make([]group, 0, min(len(list), 64))
	index := map[string]int{}
	for _, e := range list {
		parent, n, ok := e.step.Address.Ordinal()
		if !ok || verbose {
			out = append(out, group{entries: []entry{e}})
			continue
		}
		key := e.likeness(parent)
		i, seen := index[key]
		if !seen {
			i = len(out)
			index[key] = i
			out = append(out, group{parent: parent})
		}
		out[i].entries = append(out[i].entries, e)
		out[i].ordinals = append(out[i].ordinals, n)
	}
	return out
}

// likeness is a text that is equal for entries that are shown as one.
func (e entry) likeness(parent resource.Address) string {
	s := e.step
	var b strings.Builder
	fmt.Fprintf(&b, "%s|%s|%s|%t|%s|%s|", parent, s.Action, s.Reason, s.CreateFirst, s.Because, s.ImportID)
	if s.Action == planner.ActionMove {
		b.WriteString(string(s.From))
	}
	if s.Action == planner.ActionCreate && s.After != nil {
		b.WriteString(essentials(s.After.Spec))
	}
	for _, f := range s.Fields {
		if s.Action == planner.ActionCreate || s.Action == planner.ActionDestroy || ownPlace(f.Path) || ownNode(f.Path) {
			continue
		}
		fmt.Fprintf(&b, "%s=%v>%v;%t", f.Path, f.Old, f.New, f.Unknown)
	}
	return b.String()
}

// ownPlace are the fields in which the nodes of one pool differ by nature.
func ownPlace(path string) bool { return path == "zone" || path == "subnet" || path == "tags.Name" }

// ownNode is the field of a target or an association that names its own node.
func ownNode(path string) bool { return path == "node" }

func (g group) print(p *Printer, verbose bool) {
	e := g.entries[0]
	p.styled(e.style(), fmt.Sprintf("%5s ", e.symbol()))
	p.styled(bold, g.name())
	p.Text(" " + e.phrase())
	if id := e.id(); id != "" && len(g.entries) == 1 {
		p.styled(dim, " ["+id+"]")
	}
	if e.step.Action == planner.ActionCreate && !verbose {
		if text := essentials(e.step.After.Spec); text != "" {
			p.Text(": " + text)
		}
		p.Text(g.zones())
	}
	if r := e.reason(); r != "" {
		p.styled(dim, " ("+r+")")
	}
	p.Newline()
	e.fields(p, verbose, len(g.entries) > 1)
}

// name is the address, or the addresses as node_pool.worker[0..9] (10 nodes).
func (g group) name() string {
	if len(g.entries) == 1 {
		return string(g.entries[0].step.Address)
	}
	one, many := "object", "objects"
	if g.entries[0].step.Kind == resource.KindNode {
		one, many = "node", "nodes"
	}
	return fmt.Sprintf("%s[%s] (%s)", g.parent, ordinals(g.ordinals), count(len(g.entries), one, many))
}

// zones says how new nodes are spread.
func (g group) zones() string {
	per := map[string]int{}
	for _, e := range g.entries {
		if n, ok := e.step.After.Spec.(*resource.Node); ok && n.Zone != "" {
			per[n.Zone]++
		}
	}
	type zone struct {
		name  string
		nodes int
	}
	var list []zone
	for name, n := range per {
		list = append(list, zone{name, n})
	}
	slices.SortFunc(list, func(a, b zone) int { return cmp.Compare(a.name, b.name) })
	var parts []string
	for _, z := range list {
		if len(g.entries) == 1 {
			parts = append(parts, "in "+z.name)
			continue
		}
		parts = append(parts, fmt.Sprintf("%s in %s", thousands(z.nodes), z.name))
	}
	if parts == nil {
		return ""
	}
	return ", " + strings.Join(parts, ", ")
}

func (e entry) id() string {
	switch {
	case e.old != nil && e.old.Before != nil:
		return e.old.Before.ID
	case e.step.Before != nil:
		return e.step.Before.ID
	case e.step.Action == planner.ActionAdopt && e.step.After != nil:
		return e.step.After.ID
	default:
		return ""
	}
}

// essentials is what a person wants to know of a new object, on one line.
func essentials(s resource.Spec) string {
	switch s := s.(type) {
	case *resource.VPC:
		return s.CIDR
	case *resource.Subnet:
		return s.CIDR + " in " + s.Zone
	case *resource.LoadBalancer:
		reach := "public"
		if s.Internal {
			reach = "internal"
		}
		return fmt.Sprintf("%s, tcp %d", reach, s.Port)
	case *resource.Role:
		return s.Name
	case *resource.SecurityGroup:
		return s.Name
	case *resource.Credentials:
		return s.Path
	case *resource.Workload:
		return work(s)
	case *resource.Manifest:
		return manifest(s)
	case *resource.Node:
		types := strings.Join(s.InstanceTypes, " or ")
		if types == "" {
			types = s.InstanceType
		}
		parts := []string{types}
		if s.Spot {
			parts = append(parts, "spot")
		}
		if s.Image != "" {
			parts = append(parts, s.Image)
		}
		if s.DiskGiB > 0 {
			parts = append(parts, fmt.Sprintf("%d GiB", s.DiskGiB))
		}
		return strings.Join(parts, ", ")
	default:
		return ""
	}
}
