package render

import (
	"strings"
	"sync"
	"time"

	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// Applied is how a run ended.
type Applied struct {
	Mode planner.Mode
	// Done counts what was carried out; see Counter.
	Done planner.Summary
	// Failed, Skipped and Remaining count steps.
	Failed, Skipped, Remaining int
	Calls                      int
	Elapsed                    time.Duration
	// Err says that the run did not do everything; why is shown as diagnostics.
	Err bool
	// Outputs are those recorded; sensitive ones are not shown.
	Outputs map[string]resource.OutputRecord
}

// Line sums the run up: "Apply complete: 3 added, 1 changed, 0 destroyed, in 12s with 40 API calls."
func (a Applied) Line() string {
	s := "Apply"
	if a.Mode == planner.ModeDestroy {
		s = "Destroy"
	}
	if a.Err {
		s += " did not finish: "
	} else {
		s += " complete: "
	}
	s += a.done()
	if a.Failed > 0 {
		s += ", " + thousands(a.Failed) + " failed"
	}
	if a.Skipped > 0 {
		s += ", " + thousands(a.Skipped) + " not started because of that"
	}
	if a.Remaining > 0 {
		s += ", " + thousands(a.Remaining) + " remaining"
	}
	s += ", in " + duration(a.Elapsed)
	if a.Calls > 0 {
		s += " with " + count(a.Calls, "API call", "API calls")
	}
	return s + "."
}

func (a Applied) done() string {
	s := a.Done
	var parts []string
	if a.Mode != planner.ModeDestroy || s.Create+s.Update > 0 {
		parts = append(parts, thousands(s.Create)+" added", thousands(s.Update)+" changed")
	}
	if s.Replace > 0 {
		parts = append(parts, thousands(s.Replace)+" replaced")
	}
	parts = append(parts, thousands(s.Destroy)+" destroyed")
	for _, x := range []struct {
		n    int
		text string
	}{{s.Adopt, "adopted"}, {s.Import, "imported"}, {s.Move, "moved"}, {s.Forget, "forgotten"}} {
		if x.n > 0 {
			parts = append(parts, thousands(x.n)+" "+x.text)
		}
	}
	return strings.Join(parts, ", ")
}

// Text writes the closing line, and the outputs when all went well.
func (a Applied) Text(p *Printer) {
	p.Newline()
	st := green
	if a.Err {
		st = red
	}
	p.styled(st, a.Line())
	p.Newline()
	if a.Err {
		again := "Apply"
		if a.Mode == planner.ModeDestroy {
			again = "Destroy"
		}
		p.Textf("What was done is recorded. %s again to go on from here.\n", again)
		return
	}
	if len(a.Outputs) > 0 && a.Mode != planner.ModeDestroy {
		p.styled(bold, "\nOutputs:\n\n")
		Outputs(p, a.Outputs)
	}
}

// Counter passes events on and counts the steps that were completed, by action.
type Counter struct {
	next event.Sink

	mu   sync.Mutex
	done planner.Summary
}

// NewCounter returns a Counter in front of next.
func NewCounter(next event.Sink) *Counter { return &Counter{next: next} }

// Emit counts and passes on.
func (c *Counter) Emit(e event.Event) {
	if e.Type == event.StepComplete {
		c.mu.Lock()
		c.count(e)
		c.mu.Unlock()
	}
	c.next.Emit(e)
}

func (c *Counter) count(e event.Event) {
	switch planner.Action(e.Action) {
	case planner.ActionCreate:
		c.done.Create++
	case planner.ActionUpdate:
		c.done.Update++
	case planner.ActionReplace, planner.ActionRoll:
		if e.Operation == resource.Create {
			c.done.Replace++
		}
	case planner.ActionDestroy:
		c.done.Destroy++
	case planner.ActionAdopt:
		c.done.Adopt++
	case planner.ActionImport:
		c.done.Import++
	case planner.ActionMove:
		c.done.Move++
	case planner.ActionForget:
		c.done.Forget++
	}
}

// Done is what was counted so far.
func (c *Counter) Done() planner.Summary {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done
}
