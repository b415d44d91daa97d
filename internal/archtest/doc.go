// Package archtest asserts the shape of the repository: which package may import which, that the cloud's SDK stays in one
// place, and that files and packages keep to the house rules. It has no code of its own; see docs/design.md for the shape.
package archtest
