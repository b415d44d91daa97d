package cli

import (
	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/internal/render"
	"github.com/clusterform/clusterform/planner"
)

// view is how a run speaks: to people, or in JSON lines to programs.
type view interface {
	// Diagnostics shows mistakes and warnings with their places in the sources.
	Diagnostics(hclconfig.Diagnostics, hclconfig.Sources)
	// Plan shows a plan; saved is the file it was written to, if it was.
	Plan(plan *planner.Plan)
	// Saved says where the plan was written.
	Saved(path string)
	// Note says something in passing.
	Note(message string)
	// Progress shows a run until it is closed.
	Progress() render.Progress
	// Applied sums a run up.
	Applied(render.Applied)
}

func (a *App) view(f OutputFlags) view {
	if f.JSON {
		j := render.NewJSONLines(a.Out, a.Now)
		j.Version(a.Version)
		return &jsonView{app: a, lines: j}
	}
	return &textView{app: a, flags: f}
}

// textView writes results to standard output; diagnostics, and progress that redraws, to standard error.
type textView struct {
	app   *App
	flags OutputFlags
}

func (v *textView) Diagnostics(diags hclconfig.Diagnostics, sources hclconfig.Sources) {
	v.app.diagnostics(diags, sources, v.flags.CompactWarnings)
}

func (v *textView) Plan(plan *planner.Plan) {
	p := v.app.out()
	render.Plan(p, plan, render.PlanOptions{Verbose: v.flags.Verbose})
	p.Flush()
}

func (v *textView) Saved(path string) {
	p := v.app.out()
	p.Textf("\nSaved the plan to %s. To carry out exactly this:\n\n    clusterform apply %q\n", path, path)
	p.Flush()
}

func (v *textView) Note(message string) {
	p := v.app.errout()
	p.Line(message)
	p.Flush()
}

func (v *textView) Progress() render.Progress {
	a := v.app
	if a.OutTTY && a.Redraws(a.ErrTTY) {
		return render.NewTerminal(a.Err, !a.noColour && a.Colour(a.ErrTTY), a.Width, a.Now)
	}
	return render.NewLines(a.Out, a.Now)
}

func (v *textView) Applied(r render.Applied) {
	p := v.app.out()
	r.Text(p)
	p.Flush()
}

// jsonView writes one object a line to standard output, diagnostics too.
type jsonView struct {
	app   *App
	lines *render.JSONLines
}

func (v *jsonView) Diagnostics(diags hclconfig.Diagnostics, sources hclconfig.Sources) {
	for i, encoded := range encodeDiagnostics(diags, sources) {
		v.lines.Diagnostic(diags[i].Severity.String(), diags[i].String(), encoded)
	}
}

func (v *jsonView) Plan(plan *planner.Plan) { v.lines.Plan(plan) }

func (v *jsonView) Saved(path string) {
	v.Note("The plan is saved in " + path)
}

func (v *jsonView) Note(message string) {
	v.lines.Emit(event.Event{Type: event.Log, At: v.app.Now(), Message: message})
}

func (v *jsonView) Progress() render.Progress { return v.lines }

func (v *jsonView) Applied(r render.Applied) { v.lines.Applied(r) }
