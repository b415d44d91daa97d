package render

import (
	"slices"
	"strings"

	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// PlanOptions says how much of a plan is shown.
type PlanOptions struct {
	// Verbose lists every node and every field; without it equal nodes are one entry and new objects show what matters.
	Verbose bool
	// Checks shows the check blocks that did not pass; while planning they are among the diagnostics.
	Checks bool
}

// Plan writes a plan for people: what an interrupted run left, what changed outside, what will be done, the checks and
// the summary.
func Plan(p *Printer, plan *planner.Plan, opts PlanOptions) {
	recovered(p, plan.Recovered)
	drift(p, plan)
	if plan.HasChanges() {
		if len(plan.Steps) > 0 {
			changes(p, plan, opts)
		}
		outputChanges(p, plan.Outputs)
		summary(p, plan)
	} else {
		noChanges(p, plan)
	}
	if opts.Checks {
		checks(p, plan.Checks)
	}
	if plan.Partial {
		Warning(p, "The plan is partial",
			"-target or -exclude left something out: what the files ask for beyond this needs another plan without them.")
	}
}

func noChanges(p *Printer, plan *planner.Plan) {
	switch {
	case plan.Mode == planner.ModeRefreshOnly && len(plan.Drift) > 0:
		p.Text("Apply records what was found; no object is changed.\n")
	case len(plan.Drift) > 0 || len(plan.Recovered) > 0:
		p.styled(bold, "No changes to make.")
		p.Text(" Apply would only bring the records up to date.\n")
	case plan.Mode == planner.ModeDestroy:
		p.styled(bold, "No changes.")
		p.Text(" Nothing is recorded, so there is nothing to destroy.\n")
	default:
		p.styled(bold, "No changes.")
		p.Text(" What exists is what the files ask for.\n")
	}
}

// entry is one change as shown: a step, or the two steps of a replacement.
type entry struct {
	step *planner.Step
	// old is the step that deletes the old object of a replacement.
	old *planner.Step
}

// entries pairs the steps up and sorts them by address.
func entries(plan *planner.Plan) []entry {
	out := make([]entry, 0, len(plan.Steps))
	for i := range plan.Steps {
		s := &plan.Steps[i]
		if paired(plan, s) {
			if s.Operation == resource.Delete {
				continue
			}
			out = append(out, entry{step: s, old: &plan.Steps[s.Pair]})
			continue
		}
		out = append(out, entry{step: s})
	}
	slices.SortStableFunc(out, func(a, b entry) int { return resource.Compare(a.step.Address, b.step.Address) })
	return out
}

func paired(plan *planner.Plan, s *planner.Step) bool {
	return (s.Action == planner.ActionReplace || s.Action == planner.ActionRoll) && s.Pair >= 0 && int(s.Pair) < len(plan.Steps)
}

func changes(p *Printer, plan *planner.Plan, opts PlanOptions) {
	list := entries(plan)
	p.styled(bold, "clusterform will do this:")
	p.Text("  ")
	legend(p, list)
	p.Newline()
	p.Newline()
	for _, g := range grouped(list, opts.Verbose) {
		g.print(p, opts.Verbose)
	}
}

// legend explains the symbols that occur.
func legend(p *Printer, list []entry) {
	type mark struct {
		symbol, word string
		style        style
	}
	var marks []mark
	for _, e := range list {
		m := mark{e.symbol(), e.verb(), e.style()}
		if !slices.Contains(marks, m) {
			marks = append(marks, m)
		}
	}
	slices.SortFunc(marks, func(a, b mark) int { return strings.Compare(a.word, b.word) })
	for i, m := range marks {
		if i > 0 {
			p.Text(", ")
		}
		p.styled(m.style, m.symbol)
		p.Text(" " + m.word)
	}
}

func (e entry) symbol() string {
	switch e.step.Action {
	case planner.ActionCreate:
		return "+"
	case planner.ActionUpdate:
		return "~"
	case planner.ActionReplace, planner.ActionRoll:
		if e.step.CreateFirst {
			return "+/-"
		}
		return "-/+"
	case planner.ActionDestroy:
		return "-"
	case planner.ActionMove:
		return ">"
	case planner.ActionForget:
		return "."
	default:
		return "*"
	}
}

// verb is the word of the legend.
func (e entry) verb() string {
	switch e.step.Action {
	case planner.ActionReplace, planner.ActionRoll:
		if e.step.CreateFirst {
			return "create, then destroy the old"
		}
		return "destroy, then create anew"
	case planner.ActionUpdate:
		return "update in place"
	case planner.ActionAdopt:
		return "adopt"
	default:
		return string(e.step.Action)
	}
}

func (e entry) style() style {
	switch e.step.Action {
	case planner.ActionCreate:
		return green
	case planner.ActionUpdate:
		return yellow
	case planner.ActionReplace, planner.ActionRoll, planner.ActionDestroy:
		return red
	default:
		return cyan
	}
}

// phrase is what the header says after the address.
func (e entry) phrase() string {
	s := e.step
	switch s.Action {
	case planner.ActionCreate:
		return "will be created"
	case planner.ActionUpdate:
		return "will be updated in place"
	case planner.ActionReplace:
		return "must be replaced"
	case planner.ActionRoll:
		return "will be replaced by a rolling update"
	case planner.ActionDestroy:
		return "will be destroyed"
	case planner.ActionAdopt:
		return "will be adopted"
	case planner.ActionImport:
		return "will be imported from " + quote(s.ImportID)
	case planner.ActionMove:
		return "was " + string(s.From)
	case planner.ActionForget:
		return "will be forgotten; the object itself stays"
	default:
		return string(s.Action)
	}
}

// reasons are the codes in words; what an action alone says needs none.
var reasons = map[planner.Reason]string{
	planner.ReasonDrifted:           "changed outside of clusterform",
	planner.ReasonGone:              "it no longer exists",
	planner.ReasonReplacedBecauseOf: "what it stands on is replaced",
	planner.ReasonCannotUpdate:      "cannot be changed in place",
	planner.ReasonTainted:           "marked as tainted",
	planner.ReasonRequested:         "asked for with -replace",
	planner.ReasonTriggered:         "replace_triggered_by",
	planner.ReasonImageUpdate:       "there is a newer image",
	planner.ReasonRemoved:           "no longer in the files",
	planner.ReasonScaledDown:        "beyond the pool's size",
	planner.ReasonDeposed:           "replaced earlier, its removal did not finish",
	planner.ReasonOrphanAdopted:     "made by an interrupted run",
	planner.ReasonOrphanRemoved:     "made by an interrupted run, and not wanted any more",
	planner.ReasonIncomplete:        "an earlier run did not finish it",
	planner.ReasonForgotten:         "removed block",
}

func (e entry) reason() string {
	text := reasons[e.step.Reason]
	switch {
	case e.step.Because == "":
		return text
	case text == "" || upset(e.step):
		return e.step.Because
	default:
		return text + ": " + e.step.Because
	}
}
