// Package hclconfig reads clusterform's files: HCL and JSON syntax into typed
// values with source ranges, and every mistake into a diagnostic that says
// where it is and what to write instead.
//
// It works in two steps, because references between objects may only be known
// after an apply:
//
//	cfg, diags := hclconfig.Load(dir, opts)      // parse, static checks, variables
//	desired, diags := cfg.Evaluate(computed)     // expressions, for_each, modules, cross checks
//
// Load touches neither a cloud nor recorded state. Evaluate may be called
// again and again with a better informed [Computed]; both return what they
// could make sense of together with every diagnostic they found.
//
// The package imports nothing of the rest of the project. The planner turns a
// [Desired] into resources; the functions of the language live in
// hclconfig/function, and docs/language.md and docs/functions.md are generated
// from the same tables that drive the decoder.
package hclconfig

//go:generate go test . -run TestReferenceIsCurrent -update
