package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

const afterApply = "(known after apply)"

// fields writes what differs below an entry's header. A group's members share it: what is each one's own is left out.
func (e entry) fields(p *Printer, verbose, several bool) {
	s := e.step
	if s.Preview != nil {
		e.preview(p)
		return
	}
	switch s.Action {
	case planner.ActionCreate, planner.ActionImport, planner.ActionAdopt:
		if s.After == nil {
			return
		}
		if verbose {
			e.newFields(p)
		} else if r, ok := s.After.Spec.(*resource.SecurityGroupRules); ok && s.Action == planner.ActionCreate {
			newRules(p, r)
		}
		if s.Action != planner.ActionCreate {
			changedFields(p, e.inWords(s.Fields))
		}
	case planner.ActionUpdate, planner.ActionReplace, planner.ActionRoll, planner.ActionMove:
		list := s.Fields
		if len(list) == 0 && e.old != nil {
			list = e.old.Fields
		}
		if several {
			list = slices.DeleteFunc(slices.Clone(list), func(f resource.FieldChange) bool { return ownPlace(f.Path) || ownNode(f.Path) })
		}
		changedFields(p, e.inWords(list))
		if verbose {
			e.unchangedFields(p, list)
		} else if n := unchanged(s, list); n > 0 && len(list) > 0 {
			p.styled(dim, fmt.Sprintf("        (%s hidden)\n", count(n, "unchanged field", "unchanged fields")))
		}
	}
}

func changedFields(p *Printer, list []resource.FieldChange) {
	width := 0
	for _, f := range list {
		width = max(width, len(f.Path))
	}
	for _, f := range list {
		changedField(p, f, width)
	}
}

func changedField(p *Printer, f resource.FieldChange, width int) {
	symbol, st := "~", yellow
	switch {
	case f.Old == nil:
		symbol, st = "+", green
	case f.New == nil && !f.Unknown:
		symbol, st = "-", red
	}
	p.Text("      ")
	p.styled(st, symbol)
	p.Text(" " + f.Path)
	if listDiff(p, f) {
		return
	}
	p.Text(strings.Repeat(" ", width-len(f.Path)) + " = ")
	next := value(f.New)
	if f.Unknown {
		next = afterApply
	}
	switch {
	case f.Old == nil:
		p.Text(next)
	case f.New == nil && !f.Unknown:
		p.Text(value(f.Old))
	default:
		p.Text(value(f.Old) + " -> " + next)
	}
	if f.Effect == resource.EffectReplace || f.Effect == resource.EffectRoll {
		p.styled(red, " # forces replacement")
	}
	p.Newline()
}

// listDiff writes a list's or a document's change element by element, and tells whether it did.
func listDiff(p *Printer, f resource.FieldChange) bool {
	if f.Unknown {
		return false
	}
	before, after := items(f.Old), items(f.New)
	if len(before)+len(after) > 0 {
		if len(before) <= 1 && len(after) <= 1 {
			return false
		}
		setDiff(p, f, before, after)
		return true
	}
	a, okA := document(f.Old)
	b, okB := document(f.New)
	if !okA && !okB {
		return false
	}
	p.Newline()
	documentDiff(p, strings.Join(a, "\n")+"\n", strings.Join(b, "\n")+"\n")
	return true
}

func setDiff(p *Printer, f resource.FieldChange, before, after []string) {
	if f.Effect == resource.EffectReplace || f.Effect == resource.EffectRoll {
		p.styled(red, " # forces replacement")
	}
	p.Newline()
	same := 0
	for _, x := range before {
		if slices.Contains(after, x) {
			same++
			continue
		}
		p.styled(red, "          - ")
		p.Line(x)
	}
	for _, x := range after {
		if !slices.Contains(before, x) {
			p.styled(green, "          + ")
			p.Line(x)
		}
	}
	if same > 0 {
		p.styled(dim, fmt.Sprintf("            (%s hidden)\n", count(same, "unchanged element", "unchanged elements")))
	}
}

func documentDiff(p *Printer, before, after string) {
	text := udiff.Unified("old", "new", before, after)
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		switch {
		case i < 2 || strings.HasPrefix(line, "@@"):
		case strings.HasPrefix(line, "+"):
			p.styled(green, "          "+line)
			p.Newline()
		case strings.HasPrefix(line, "-"):
			p.styled(red, "          "+line)
			p.Newline()
		default:
			p.Text("          " + line + "\n")
		}
	}
}

// newFields lists all that is set of a new object.
func (e entry) newFields(p *Printer) {
	s := e.step
	list := resource.Diff(nil, s.After.Spec)
	for _, path := range s.Unknown {
		if !slices.ContainsFunc(list, func(f resource.FieldChange) bool { return f.Path == path }) {
			list = append(list, resource.FieldChange{Path: path})
		}
	}
	for i := range list {
		list[i].Effect = resource.EffectNone
		list[i].Unknown = slices.Contains(s.Unknown, list[i].Path)
	}
	changedFields(p, e.inWords(withoutLive(list)))
}

func newRules(p *Printer, r *resource.SecurityGroupRules) {
	write := func(direction string, rules []resource.Rule) {
		for _, x := range rules {
			p.styled(green, "      + ")
			p.Line(direction + " " + rule(x))
		}
	}
	write("in ", r.Ingress)
	write("out", r.Egress)
}

func unchanged(s *planner.Step, changed []resource.FieldChange) int {
	if s.After == nil {
		return 0
	}
	n := 0
	for _, f := range resource.Diff(nil, s.After.Spec) {
		if !slices.ContainsFunc(changed, func(c resource.FieldChange) bool { return c.Path == f.Path }) {
			n++
		}
	}
	return n
}

func (e entry) unchangedFields(p *Printer, changed []resource.FieldChange) {
	if e.step.After == nil {
		return
	}
	same := slices.DeleteFunc(resource.Diff(nil, e.step.After.Spec), func(f resource.FieldChange) bool {
		return slices.ContainsFunc(changed, func(c resource.FieldChange) bool { return c.Path == f.Path })
	})
	for _, f := range e.inWords(withoutLive(same)) {
		p.styled(dim, "        "+f.Path+" = "+value(f.New)+"\n")
	}
}
