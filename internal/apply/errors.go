package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// ErrStopped is what a driver gets from Intend when the run takes nothing new any more.
var ErrStopped = errors.New("the run was stopped before this step began")

// StepError is one failed step.
type StepError struct {
	Step *planner.Step
	Err  error
}

func (e StepError) Error() string {
	if re, ok := errors.AsType[*resource.Error](e.Err); ok && re.Address != "" {
		return printable(e.Err.Error()) // names the object itself
	}
	return fmt.Sprintf("%s: %s: %s", e.Step.Address, e.Step.Action, printable(e.Err.Error()))
}

// cause is an error's text without the object, which the event that carries it has.
func cause(err error) string {
	if re, ok := errors.AsType[*resource.Error](err); ok {
		anonymous := *re
		anonymous.Address, anonymous.ID = "", ""
		return printable(anonymous.Error())
	}
	return printable(err.Error())
}

func (e StepError) Unwrap() error { return e.Err }

// Error is a run that did not do everything: why it ended early, where it did, and every failed step.
type Error struct {
	// Fatal is what ended the run as a whole: the lock was lost, the journal could not be written, the run was canceled.
	// nil when it went to its end.
	Fatal error
	// Steps are the failed steps in the plan's order.
	Steps []StepError
	// Outputs is why the outputs could not be evaluated after everything else was done.
	Outputs error
	// Skipped and Remaining are as in Result.
	Skipped, Remaining int
}

func (e *Error) Error() string {
	var lines []string
	if e.Fatal != nil {
		lines = append(lines, printable(e.Fatal.Error()))
	}
	for _, s := range e.Steps {
		lines = append(lines, s.Error())
	}
	if e.Outputs != nil {
		lines = append(lines, "everything was applied, but the outputs could not be evaluated: "+printable(e.Outputs.Error()))
	}
	if e.Skipped > 0 {
		lines = append(lines, fmt.Sprintf("%s not started because of that", steps(e.Skipped)))
	}
	if e.Remaining > 0 {
		lines = append(lines, fmt.Sprintf("%s not started; apply again to continue", steps(e.Remaining)))
	}
	return strings.Join(lines, "\n")
}

// Unwrap lists the causes, Fatal first.
func (e *Error) Unwrap() []error {
	var out []error
	if e.Fatal != nil {
		out = append(out, e.Fatal)
	}
	for _, s := range e.Steps {
		out = append(out, s)
	}
	if e.Outputs != nil {
		out = append(out, e.Outputs)
	}
	return out
}

func steps(n int) string {
	if n == 1 {
		return "1 step was"
	}
	return fmt.Sprintf("%d steps were", n)
}

// StaleError is a plan made from another state than the one that is locked.
type StaleError struct {
	PlanLineage, StateLineage string
	PlanSerial, StateSerial   uint64
}

func (e *StaleError) Error() string {
	if e.PlanLineage != e.StateLineage {
		return fmt.Sprintf("the plan was made from another state (lineage %q, this one has %q): run the plan where its state is, or make a new plan here",
			e.PlanLineage, e.StateLineage)
	}
	return fmt.Sprintf("the plan is stale: it was made from serial %d of the state, which has serial %d by now, so something was applied in between; make a new plan",
		e.PlanSerial, e.StateSerial)
}

// ChangedError lists what changed in the cloud since a saved plan was made. Nothing was touched.
type ChangedError struct{ Changes []Changed }

// Changed is one object that is not as the plan found it.
type Changed struct {
	Address resource.Address
	ID      string
	// Path is the field, empty when the object as a whole is concerned.
	Path string
	// Planned and Found are the field's values.
	Planned, Found any
	// Problem is set instead of values: gone, or not readable.
	Problem string
	Err     error
}

func (c Changed) String() string {
	s := string(c.Address)
	if c.ID != "" {
		s += " (" + c.ID + ")"
	}
	switch {
	case c.Err != nil:
		return s + ": " + c.Problem + ": " + printable(c.Err.Error())
	case c.Problem != "":
		return s + ": " + printable(c.Problem)
	}
	return fmt.Sprintf("%s: %s was %s in the plan and is %s now", s, c.Path, shown(c.Planned), shown(c.Found))
}

func shown(v any) string {
	if v == nil {
		return "unset"
	}
	if s, ok := v.(string); ok {
		return fmt.Sprintf("%q", s)
	}
	return printable(fmt.Sprintf("%v", v))
}

func (e *ChangedError) Error() string {
	lines := []string{"objects changed since the plan was made; nothing was done, make a new plan:"}
	for _, c := range e.Changes {
		lines = append(lines, "  "+c.String())
	}
	return strings.Join(lines, "\n")
}

// Unwrap lists why objects could not be read.
func (e *ChangedError) Unwrap() []error {
	var out []error
	for _, c := range e.Changes {
		if c.Err != nil {
			out = append(out, c.Err)
		}
	}
	return out
}

// outcomeUnknown tells an error after which a create may still have made something, so that its intents stay open and the
// next plan looks. A service that refused made nothing, and so did a driver that refused by itself; one that failed (a
// status of 500 and above) may have, but for lack of capacity, which EC2 reports in the same way.
func outcomeUnknown(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	re, ok := errors.AsType[*resource.Error](err)
	if !ok || re.Code == "" {
		return !ok || re.Err != nil
	}
	type answer interface {
		error
		HTTPStatusCode() int
	}
	a, ok := errors.AsType[answer](re.Err)
	return ok && a.HTTPStatusCode() >= 500 && !strings.HasPrefix(re.Code, "Insufficient")
}

const maxRecordedError = 2000 // bytes of an error text that go into a record

// lastError is an error's text for LastError.
func lastError(err error) string {
	s := printable(err.Error())
	if len(s) > maxRecordedError {
		cut := maxRecordedError
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return s
}

// printable drops what could drive a terminal: error texts hold what services answered.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == utf8.RuneError, unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, s)
}
