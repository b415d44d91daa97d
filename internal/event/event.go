// Package event is the one typed stream of what happens while clusterform refreshes, plans and applies. Emitters know
// nothing of terminals; internal/render turns events into progress, plain lines or JSON lines.
package event

import (
	"time"

	"github.com/clusterform/clusterform/planner/resource"
)

// Type says what an event is.
type Type string

// The types.
const (
	RefreshStart    Type = "refresh_start"    // Total objects
	RefreshComplete Type = "refresh_complete" // Total objects, Calls
	ApplyStart      Type = "apply_start"      // Total steps
	StepStart       Type = "step_start"
	StepProgress    Type = "step_progress" // Message: what it waits for
	StepComplete    Type = "step_complete"
	StepErrored     Type = "step_errored"
	StepSkipped     Type = "step_skipped" // Message: which failure stopped it
	Draining        Type = "draining"     // Message: which signal
	Throttled       Type = "throttled"    // Message: service and action
	ApplyComplete   Type = "apply_complete"
	Log             Type = "log"
)

// Event is one thing that happened. Fields that do not fit its type are zero.
type Event struct {
	Type    Type             `json:"type"`
	At      time.Time        `json:"@timestamp"`
	Address resource.Address `json:"address,omitempty"`
	Kind    resource.Kind    `json:"kind,omitempty"`
	Step    int32            `json:"step,omitempty"`
	// Action is the plan's word: create, update, roll…; Operation the driver's: create, update, delete.
	Action    string             `json:"action,omitempty"`
	Operation resource.Operation `json:"operation,omitempty"`
	ID        string             `json:"id,omitempty"`
	Phase     resource.Phase     `json:"phase,omitempty"`
	Message   string             `json:"@message,omitempty"`
	Error     string             `json:"error,omitempty"`
	// Done and Total count steps; Elapsed is since the start of the step or run, Remaining an estimate, 0 when unknown.
	Done      int           `json:"done,omitempty"`
	Total     int           `json:"total,omitempty"`
	Elapsed   time.Duration `json:"elapsed_ns,omitempty"`
	Remaining time.Duration `json:"remaining_ns,omitempty"`
	Calls     int           `json:"calls,omitempty"`
}

// Sink takes events. It must not block for long and may be called from many goroutines.
type Sink interface{ Emit(Event) }

// SinkFunc is a function as a Sink.
type SinkFunc func(Event)

// Emit calls f.
func (f SinkFunc) Emit(e Event) { f(e) }

// Discard drops every event.
var Discard Sink = SinkFunc(func(Event) {})
