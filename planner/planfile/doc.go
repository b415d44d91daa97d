// Package planfile writes a plan to a file and reads it again: the steps as data, and the configuration and variables
// that they were made from, so that what is applied later is what was looked at.
//
// The files and variables are sealed as a whole, since either may hold secrets; the rest is readable with gunzip. A MAC
// over everything says that the file is from somebody with the key and that no byte of it changed. The format is described
// in docs/plan-format.md. The plan as a document for other programs is planner.JSON.
package planfile

import (
	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner"
)

// Saved is what a plan file holds.
type Saved struct {
	Plan *planner.Plan
	// Sources are the files that the configuration was read from; without them the plan destroys what no file describes.
	Sources hclconfig.Sources
	// Variables are the root variables with the values that they had.
	Variables []hclconfig.Variable
	// ConfigDigest and VariablesDigest tell whether two plans were made from the same. They are keyed, so that nothing can
	// be guessed from them. Write fills them in.
	ConfigDigest, VariablesDigest string
}

// Sealer is the key that plan files are made with.
type Sealer interface {
	Seal(plain []byte) (string, error)
	Open(sealed string) ([]byte, error)
	MAC(data []byte) string
	Verify(data []byte, mac string) bool
}
