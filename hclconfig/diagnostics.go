package hclconfig

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// Severity says whether a diagnostic stops the work.
type Severity int

// The severities.
const (
	Error Severity = iota
	Warning
)

// String gives "error" or "warning".
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Diagnostic is one thing to tell the person who wrote the files. Its texts
// never hold a sensitive value.
type Diagnostic struct {
	Severity Severity
	Summary  string     // terse: "Unsupported argument"
	Detail   string     // what is wrong with what, and what to write instead
	Subject  *hcl.Range // nil when it is about no place in a file
	Within   string     // the block around it: `node_pool "worker"`
	Address  Address    // the object instance it was found at, where there is one
	Values   []ValueNote
	// Hidden keeps the source line out of what is shown, as it may hold a
	// sensitive value.
	Hidden bool
}

// ValueNote says what a reference in the expression stood for.
type ValueNote struct {
	Traversal string // "var.size"
	Statement string // "is 4"
}

// Diagnostics are errors and warnings, in the order they were found.
type Diagnostics []Diagnostic

// HasErrors says whether there is an error among them.
func (d Diagnostics) HasErrors() bool {
	for _, x := range d {
		if x.Severity == Error {
			return true
		}
	}
	return false
}

// Counts gives the number of errors and warnings.
func (d Diagnostics) Counts() (errors, warnings int) {
	for _, x := range d {
		if x.Severity == Error {
			errors++
		} else {
			warnings++
		}
	}
	return errors, warnings
}

// Err is nil without errors, else an error that says all of them in one line each.
func (d Diagnostics) Err() error {
	if !d.HasErrors() {
		return nil
	}
	return diagnosticsError(d)
}

type diagnosticsError Diagnostics

func (e diagnosticsError) Error() string {
	var lines []string
	for _, d := range e {
		if d.Severity == Error {
			lines = append(lines, d.String())
		}
	}
	return strings.Join(lines, "\n")
}

// String is the diagnostic on one line, without source excerpt.
func (d Diagnostic) String() string {
	text := d.Summary
	if d.Detail != "" {
		text += ": " + strings.Join(strings.Fields(d.Detail), " ")
	}
	if d.Subject != nil {
		text = fmt.Sprintf("%s:%d: %s", d.Subject.Filename, d.Subject.Start.Line, text)
	}
	return PrintableLine(text)
}

func (d *Diagnostics) add(x ...Diagnostic) { *d = append(*d, x...) }

func (d *Diagnostics) errorf(at hcl.Range, summary, format string, args ...any) {
	d.add(Diagnostic{Severity: Error, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: &at})
}

// folded drops repetitions: what is wrong with a block that has for_each is
// told once for its instances, not ten thousand times.
func (d Diagnostics) folded() Diagnostics {
	type place struct {
		at      hcl.Range
		summary string
	}
	type seen struct {
		index   int
		details map[string]bool
		more    int
	}
	places := map[place]*seen{}
	out := make(Diagnostics, 0, len(d))
	for _, x := range d {
		if x.Subject == nil {
			out = append(out, x)
			continue
		}
		key := place{*x.Subject, x.Summary}
		s := places[key]
		switch {
		case s == nil:
			places[key] = &seen{index: len(out), details: map[string]bool{x.Detail: true}}
			out = append(out, x)
		case s.details[x.Detail] && x.Address == out[s.index].Address:
		case x.Address != "" && x.Address != out[s.index].Address:
			s.more++
		case !s.details[x.Detail]:
			s.details[x.Detail] = true
			out = append(out, x)
		}
	}
	for _, s := range places {
		if s.more > 0 {
			out[s.index].Detail += fmt.Sprintf("\n\nThe same was found %d more %s in other instances.", s.more, plural(s.more, "time", "times"))
		}
	}
	return out
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
