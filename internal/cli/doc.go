// Package cli is the clusterform command. Each command is a file with its options, its flags and a Run method that can be
// called without parsing flags; what it knows of the world comes from an App, so tests run it as a terminal and as a pipe.
//
// Commands are thin. The way of a run (load, plan, render, approve, apply) is Run.Do in run.go; what is shown is made by
// internal/render; what is done by hclconfig, planner, internal/apply and internal/state. The rules for exit codes are in
// docs/exit-codes.md.
package cli

//go:generate go test -run TestCommandsPage . -update
