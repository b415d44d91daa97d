package wire

import "fmt"

// Problem says what is wrong with a request's parameters.
type Problem int

const (
	// Malformed: the body is not what the protocol allows (encoding, depth, count).
	Malformed Problem = iota
	// Missing: a required parameter is absent.
	Missing
	// Invalid: a parameter has the wrong type.
	Invalid
	// Unknown: the action has no such parameter.
	Unknown
)

// ParamError is a request that cannot be decoded.
type ParamError struct {
	Problem Problem
	Name    string // the parameter as written on the wire; empty when the whole body is at fault
	Detail  string // what is wrong, for Malformed and Invalid
}

func (e *ParamError) Error() string {
	switch e.Problem {
	case Missing:
		return fmt.Sprintf("The request must contain the parameter %s", e.Name)
	case Unknown:
		return fmt.Sprintf("The parameter %s is not recognized", e.Name)
	case Invalid:
		return fmt.Sprintf("Invalid value for the parameter %s: %s", e.Name, e.Detail)
	default:
		return e.Detail
	}
}

func malformed(format string, args ...any) error {
	return &ParamError{Problem: Malformed, Detail: fmt.Sprintf(format, args...)}
}
