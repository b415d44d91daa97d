// Package function is the functions of clusterform's language, under
// Terraform's names and with Terraform's results.
//
// Table makes them for one evaluation; List describes them, and is what
// docs/functions.md is generated from. To evaluate a configuration, see
// package hclconfig.
package function

//go:generate go test . -run TestPageIsCurrent -update

import "time"

// mark is what sensitive values carry.
type mark string

// Sensitive marks values that are not to be shown or recorded.
const Sensitive mark = "sensitive"

// Files is where functions such as file() read from. Paths are as the
// configuration gives them: relative to the root directory, or absolute.
type Files interface {
	ReadFile(path string) ([]byte, error)
	Exists(path string) (bool, error)
	// Glob gives the regular files below dir that match, relative to it and sorted.
	Glob(dir, pattern string) ([]string, error)
}

// Env is what functions need besides their arguments.
type Env struct {
	Files Files
	Dir   string    // absolute path of the root directory
	Home  string    // what ~ stands for; empty: unknown
	Now   time.Time // what timestamp() and plantimestamp() say

	// Nesting bounds the depth of templates given at run time.
	CheckTemplate func(src []byte) error
}
