// Package apply runs a plan: it carries a planner.Plan's steps out through the drivers and records every outcome.
//
// Run takes the steps as they are and rebuilds nothing. The graph has no waves: a step starts as soon as what it needs
// is done, and steps of one region, kind and operation that are ready at the same moment go to their driver as one batch.
// Before a driver's call changes anything its intent is in the journal, and its outcome is there before anything that
// depends on it starts; whatever happens in between, the next plan finds each object by its record or by its intent.
//
// Plans are made by package planner, records are kept by internal/state, and the calls are made by internal/aws. What
// happens on the way is told as events of internal/event, which internal/render shows.
package apply
