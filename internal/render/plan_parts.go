package render

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// recovered tells what an interrupted run left.
func recovered(p *Printer, list []planner.Recovered) {
	if len(list) == 0 {
		return
	}
	p.styled(bold, "An earlier run was interrupted. What became of the calls it had announced:\n\n")
	for _, r := range list {
		p.styled(cyan, "    * ")
		p.Line(r.Message)
	}
	p.Newline()
}

// drift lists what reality changed. Every object is named, as people must see it; only nodes that are gone are told
// together.
func drift(p *Printer, plan *planner.Plan) {
	if len(plan.Drift) == 0 {
		return
	}
	p.styled(bold, "Changed outside of clusterform since the last apply:\n\n")
	type pool struct {
		parent resource.Address
		reason string
	}
	gone := map[pool][]int{}
	var order []pool
	for _, d := range plan.Drift {
		parent, n, ok := d.Address.Ordinal()
		if d.Gone && ok && d.Kind == resource.KindNode {
			k := pool{parent, d.Reason}
			if gone[k] == nil {
				order = append(order, k)
			}
			gone[k] = append(gone[k], n)
			continue
		}
		driftEntry(p, d)
	}
	for _, k := range order {
		list := gone[k]
		p.styled(red, "    - ")
		p.styled(bold, fmt.Sprintf("%s[%s]", k.parent, ordinals(list)))
		if len(list) == 1 {
			p.Text(" no longer exists")
		} else {
			p.Textf(" (%s) no longer exist", count(len(list), "node", "nodes"))
		}
		why(p, k.reason)
	}
	p.Newline()
}

func driftEntry(p *Printer, d planner.Drift) {
	if d.Gone {
		p.styled(red, "    - ")
		p.styled(bold, string(d.Address))
		p.Text(" no longer exists")
	} else {
		p.styled(yellow, "    ~ ")
		p.styled(bold, string(d.Address))
		p.Text(" has changed")
	}
	if d.ID != "" {
		p.styled(dim, " ["+d.ID+"]")
	}
	why(p, d.Reason)
	list := slices.Clone(d.Fields)
	for i := range list {
		list[i].Effect = resource.EffectNone // what already happened forces nothing
	}
	changedFields(p, inWords(d.Kind, nil, nil, list, true))
}

func why(p *Printer, reason string) {
	if reason != "" {
		p.styled(dim, " ("+reason+")")
	}
	p.Newline()
}

// outputChanges lists the outputs that will be other than they are.
func outputChanges(p *Printer, list []planner.OutputChange) {
	width := 0
	for _, o := range list {
		if o.Action != planner.ActionNoOp {
			width = max(width, len(o.Name))
		}
	}
	if width == 0 {
		return
	}
	p.styled(bold, "\nChanges to outputs:\n")
	for _, o := range list {
		before, after := outputValue(o.Before, o, false), outputValue(o.After, o, o.Unknown)
		pad := strings.Repeat(" ", width-len(o.Name))
		switch o.Action {
		case planner.ActionCreate:
			p.styled(green, "    + ")
			p.Line(o.Name + pad + " = " + after)
		case planner.ActionDestroy:
			p.styled(red, "    - ")
			p.Line(o.Name + pad + " = " + before)
		case planner.ActionNoOp:
		default:
			p.styled(yellow, "    ~ ")
			p.Line(o.Name + pad + " = " + before + " -> " + after)
		}
	}
}

func outputValue(raw json.RawMessage, o planner.OutputChange, unknown bool) string {
	switch {
	case o.Sensitive:
		return "(sensitive)"
	case unknown:
		return afterApply
	case len(raw) == 0:
		return "null"
	default:
		return string(raw)
	}
}

// summary is the closing line, and what a person wants to know before saying yes.
func summary(p *Printer, plan *planner.Plan) {
	p.Newline()
	s := plan.Summary
	if len(plan.Steps) == 0 {
		p.styled(bold, "Plan:")
		p.Text(" only outputs change.\n")
		return
	}
	p.styled(bold, "Plan:")
	p.Text(" " + Counts(s) + ".\n")
	var more []string
	if s.NodesDisrupted > 0 {
		more = append(more, count(s.NodesDisrupted, "node", "nodes")+" disrupted")
	}
	if s.WorkloadsInterrupted > 0 {
		more = append(more, count(s.WorkloadsInterrupted, "workload", "workloads")+" interrupted")
	}
	if s.APICalls > 0 {
		more = append(more, "about "+count(s.APICalls, "API call", "API calls"))
	}
	if s.Duration > 0 {
		more = append(more, "about "+duration(s.Duration))
	}
	if len(more) > 0 {
		p.Text("      " + strings.Join(more, ", ") + ".\n")
	}
}

// Counts writes "3 to add, 1 to change, 0 to destroy" with further actions only where there are any.
func Counts(s planner.Summary) string {
	parts := []string{thousands(s.Create) + " to add", thousands(s.Update) + " to change"}
	if s.Replace > 0 {
		parts = append(parts, thousands(s.Replace)+" to replace")
	}
	parts = append(parts, thousands(s.Destroy)+" to destroy")
	for _, x := range []struct {
		n    int
		text string
	}{{s.Adopt, "to adopt"}, {s.Import, "to import"}, {s.Move, "to move"}, {s.Forget, "to forget"}} {
		if x.n > 0 {
			parts = append(parts, thousands(x.n)+" "+x.text)
		}
	}
	return strings.Join(parts, ", ")
}

// checks warns of those that did not pass.
func checks(p *Printer, list []planner.Check) {
	for _, c := range list {
		switch c.Status {
		case "fail":
			Warning(p, "Check "+c.Address+" failed", c.Message)
		case "error":
			Warning(p, "Check "+c.Address+" could not be evaluated", c.Message)
		}
	}
}

// Warning writes a warning that has no place in a file.
func Warning(p *Printer, title, text string) {
	p.Newline()
	p.styled(yellow, "Warning: ")
	p.styled(bold, hardLine(title))
	p.Newline()
	if text != "" {
		p.Text(text + "\n")
	}
}

func hardLine(s string) string { return strings.ReplaceAll(s, "\n", " ") }
