package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/apply"
	"github.com/clusterform/clusterform/internal/state"
	"github.com/clusterform/clusterform/planner/resource"
)

// diagnose turns an error into diagnostics: a title that says what failed on which object, and a text that says why and
// what to do. A run that failed at several objects gives one for each.
func diagnose(err error) hclconfig.Diagnostics {
	if e, ok := errors.AsType[*apply.Error](err); ok {
		return diagnoseApply(e)
	}
	return hclconfig.Diagnostics{diagnoseOne(err)}
}

func diagnoseApply(e *apply.Error) hclconfig.Diagnostics {
	var out hclconfig.Diagnostics
	switch {
	case errors.Is(e.Fatal, context.Canceled):
		out = append(out, problem("Interrupted",
			"What was still under way is in the journal. Run the same command again: it finds out what became of it, and goes on."))
	case e.Fatal != nil:
		out = append(out, diagnoseOne(e.Fatal))
	}
	for _, f := range failures(e.Steps) {
		out = append(out, f.diagnostic())
	}
	if e.Outputs != nil {
		out = append(out, problem("The outputs could not be evaluated", "Everything was applied.\n\n"+e.Outputs.Error()))
	}
	if len(out) == 0 && e.Remaining > 0 {
		out = append(out, problem("The run was stopped before its end",
			plural(e.Remaining, "step was", "steps were")+" not started. What was done is recorded; apply again to go on."))
	}
	return out
}

func diagnoseOne(err error) hclconfig.Diagnostic {
	if e, ok := errors.AsType[*resource.Error](err); ok {
		return diagnoseCall(e)
	}
	if e, ok := errors.AsType[*state.FileError](err); ok {
		text := e.Path + " " + e.Message
		if e.Err != nil {
			text += ": " + e.Err.Error()
		}
		return problem("The state cannot be used", text+".\n\nNothing was changed. "+e.Hint)
	}
	if e, ok := errors.AsType[*state.LockedError](err); ok {
		return problem("The state is locked", sentence(e.Error()))
	}
	if e, ok := errors.AsType[*state.LostLockError](err); ok {
		return problem("The lock was lost", sentence(e.Error()))
	}
	if e, ok := errors.AsType[*apply.StaleError](err); ok {
		return problem("The plan is stale", sentence(e.Error()))
	}
	if e, ok := errors.AsType[*apply.ChangedError](err); ok {
		return problem("Objects changed since the plan was made", sentence(e.Error()))
	}
	if e, ok := errors.AsType[*usageError](err); ok {
		text := ""
		if e.command != "" {
			text = "See `" + e.command + " -help`."
		}
		return problem(e.text, text)
	}
	if errors.Is(err, context.Canceled) {
		return problem("Interrupted", "Nothing more was done.")
	}
	first, rest, _ := strings.Cut(err.Error(), "\n")
	return problem(sentence(first), rest)
}

// diagnoseCall tells of a failed API call.
func diagnoseCall(e *resource.Error) hclconfig.Diagnostic {
	title := "A call failed"
	switch {
	case e.Address != "" && e.Op != "":
		title = string(e.Address) + ": " + e.Op + " failed"
	case e.Address != "":
		title = string(e.Address)
	case e.Op != "":
		title = e.Op + " failed"
	}
	d := problem(title, callText(e))
	d.Address = hclconfig.Address(e.Address)
	return d
}

// callText is what the service said, about which object, and what to do.
func callText(e *resource.Error) string {
	var text strings.Builder
	if e.Code != "" {
		text.WriteString(e.Code + ": ")
	}
	text.WriteString(e.Message)
	if e.ID != "" {
		text.WriteString("\n\nObject: " + e.ID)
	}
	if e.Hint != "" {
		text.WriteString("\n\n" + sentence(e.Hint) + ".")
	}
	return text.String()
}

func problem(summary, detail string) hclconfig.Diagnostic {
	return hclconfig.Diagnostic{
		Severity: hclconfig.Error, Summary: hclconfig.PrintableLine(summary), Detail: hclconfig.Printable(detail),
	}
}

// sentence begins with a capital and has no full stop.
func sentence(s string) string {
	s = strings.TrimSuffix(strings.TrimSpace(s), ".")
	if s == "" {
		return s
	}
	if word, _, _ := strings.Cut(s, " "); strings.ContainsAny(word, "./:_\"") {
		return s // a file, an address, a quotation
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
