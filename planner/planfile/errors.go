package planfile

import (
	"errors"
	"fmt"
)

// What can be wrong with a plan file. Errors of Read wrap one of these.
var (
	ErrForeign   = errors.New("this is no plan file of clusterform; `clusterform plan -out=FILE` makes one")
	ErrTruncated = errors.New("the plan file is cut off; copy it again, or make a new plan")
	ErrOtherKey  = errors.New("the plan file was made with another key; apply it where it was made, or take that place's key along in CLUSTERFORM_SEAL_KEY")
	ErrTampered  = errors.New("the plan file was changed after it was made; make a new plan and apply that")
)

// NewerError is a file of a format that this version does not know.
type NewerError struct {
	// File is the format's version, Tool that of the clusterform that wrote it; Known is the format known here.
	File, Tool, Known string
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("the plan file has format %s, written by clusterform %s, and this version knows %s; apply it with that version, or make a new plan", e.File, e.Tool, e.Known)
}
