// Package render turns plans, states and events into what people and programs read: text for a terminal or a pipe, JSON
// lines, DOT and Mermaid. It decides nothing and reads nothing; package planner makes plans, internal/event carries what
// happens, and internal/cli chooses which rendering goes where.
//
// The rules of what is shown:
//
//   - Results go to standard output, progress of a terminal and diagnostics to standard error.
//   - All text from outside (tags, error messages, addresses) goes through Printer, which takes control characters out:
//     nothing that a cloud answers can move a cursor or hide a line.
//   - A sensitive value is never passed to this package, but for `output -raw`, which does not use it.
//   - Colour only repeats what symbols and words already say.
package render
