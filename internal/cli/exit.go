package cli

import "fmt"

// The exit codes; docs/exit-codes.md explains them.
const (
	ExitOK      = 0
	ExitError   = 1
	ExitChanges = 2 // -detailed-exitcode: the plan has changes
	ExitDrift   = 3 // -detailed-exitcode: nothing to change, but reality differs from the record
	ExitUnclean = 3 // fmt -check: files are not formatted
)

// exitError ends the process with a code; what there was to say has been said.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// ExitCode is the code; commands of other packages have errors of their own with this method.
func (e *exitError) ExitCode() int { return e.code }

// exit is nil for 0.
func exit(code int) error {
	if code == ExitOK {
		return nil
	}
	return &exitError{code}
}

// errReported is an error whose diagnostics have been shown.
var errReported = &exitError{ExitError}

// usageError is a wrong command line; it is shown with a pointer to -help.
type usageError struct {
	command string
	text    string
}

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{text: fmt.Sprintf(format, args...)} }
