package render

import (
	"encoding/json"
	"io"
	"sync"
	"time"

	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// JSONLines writes machine-readable events, one object a line; docs/json-events.md describes them. It is also the
// Progress of a run with -json.
type JSONLines struct {
	mu  sync.Mutex
	w   io.Writer
	now func() time.Time
	err error
}

// JSONVersion is the version of the events; it grows by one when a field changes its meaning.
const JSONVersion = "1.0"

// NewJSONLines returns JSONLines that stamp events with now.
func NewJSONLines(w io.Writer, now func() time.Time) *JSONLines {
	return &JSONLines{w: w, now: now}
}

// line is one event.
type line struct {
	Level     string    `json:"@level"`
	Message   string    `json:"@message"`
	Module    string    `json:"@module"`
	Timestamp time.Time `json:"@timestamp"`
	Type      string    `json:"type"`

	Version    string                 `json:"clusterform,omitempty"`
	UI         string                 `json:"ui,omitempty"`
	Change     *changeLine            `json:"change,omitempty"`
	Changes    *planner.Summary       `json:"changes,omitempty"`
	Hook       *hookLine              `json:"hook,omitempty"`
	Outputs    map[string]outputLine  `json:"outputs,omitempty"`
	Diagnostic json.RawMessage        `json:"diagnostic,omitempty"`
	Recovered  *planner.Recovered     `json:"recovered,omitempty"`
	Fields     []resource.FieldChange `json:"fields,omitempty"`
	Preview    *planner.Preview       `json:"preview,omitempty"`
	Operation  string                 `json:"operation,omitempty"`
}

type resourceLine struct {
	Addr resource.Address `json:"addr"`
	Type resource.Kind    `json:"resource_type"`
	ID   string           `json:"id,omitempty"`
}

type changeLine struct {
	Resource resourceLine     `json:"resource"`
	Previous resource.Address `json:"previous_address,omitempty"`
	Action   string           `json:"action"`
	Reason   planner.Reason   `json:"reason,omitempty"`
	Because  string           `json:"because,omitempty"`
	First    bool             `json:"create_first,omitempty"`
}

type hookLine struct {
	Resource  *resourceLine `json:"resource,omitempty"`
	Action    string        `json:"action,omitempty"`
	Phase     string        `json:"phase,omitempty"`
	Error     string        `json:"error,omitempty"`
	Done      int           `json:"done"`
	Total     int           `json:"total,omitempty"`
	Calls     int           `json:"calls,omitempty"`
	Elapsed   float64       `json:"elapsed_seconds,omitempty"`
	Remaining float64       `json:"remaining_seconds,omitempty"`
}

type outputLine struct {
	Sensitive bool            `json:"sensitive"`
	Action    string          `json:"action,omitempty"`
	Type      json.RawMessage `json:"type,omitempty"`
	Value     json.RawMessage `json:"value,omitempty"`
}

func (j *JSONLines) write(l line) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if l.Level == "" {
		l.Level = "info"
	}
	if l.Timestamp.IsZero() {
		l.Timestamp = j.now()
	}
	l.Timestamp = l.Timestamp.UTC()
	l.Module = "clusterform.ui"
	text, err := JSONText(l, "")
	if err == nil {
		_, err = j.w.Write(text)
	}
	if j.err == nil {
		j.err = err
	}
}

// Err is the first error of the writer.
func (j *JSONLines) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

// Close is for Progress; nothing is held back.
func (j *JSONLines) Close() {}

// Version says which version writes; it is the first event of a stream.
func (j *JSONLines) Version(version string) {
	j.write(line{Type: "version", Message: "clusterform " + version, Version: version, UI: JSONVersion})
}

// Diagnostic passes on a diagnostic in the form of `validate -json`.
func (j *JSONLines) Diagnostic(severity, message string, encoded json.RawMessage) {
	level := "error"
	if severity == "warning" {
		level = "warn"
	}
	j.write(line{Level: level, Type: "diagnostic", Message: message, Diagnostic: encoded})
}

// Plan writes what an interrupted run left, the drift, the changes and the summary of a plan.
func (j *JSONLines) Plan(plan *planner.Plan) {
	for _, r := range plan.Recovered {
		j.write(line{Type: "recovered", Message: r.Message, Recovered: &r})
	}
	for _, d := range plan.Drift {
		action := "update"
		if d.Gone {
			action = "delete"
		}
		j.write(line{Type: "resource_drift", Message: string(d.Address) + ": drifted (" + action + ")", Fields: d.Fields,
			Change: &changeLine{Resource: resourceLine{d.Address, d.Kind, d.ID}, Action: action, Because: d.Reason}})
	}
	for _, e := range entries(plan) {
		s := e.step
		j.write(line{Type: "planned_change", Message: string(s.Address) + ": " + e.phrase(), Fields: s.Fields, Preview: s.Preview, Change: &changeLine{
			Resource: resourceLine{s.Address, s.Kind, e.id()}, Previous: s.From, Action: string(s.Action), Reason: s.Reason,
			Because: s.Because, First: s.CreateFirst,
		}})
	}
	j.outputChanges(plan.Outputs)
	s := plan.Summary
	j.write(line{Type: "change_summary", Operation: "plan", Message: "Plan: " + Counts(s) + ".", Changes: &s})
}

func (j *JSONLines) outputChanges(list []planner.OutputChange) {
	out := map[string]outputLine{}
	for _, o := range list {
		l := outputLine{Sensitive: o.Sensitive, Action: string(o.Action)}
		if !o.Sensitive && !o.Unknown {
			l.Value = o.After
		}
		out[o.Name] = l
	}
	if len(out) > 0 {
		j.write(line{Type: "outputs", Message: "Outputs: " + count(len(out), "value", "values"), Outputs: out})
	}
}

// Applied writes the summary of a run and the outputs it left.
func (j *JSONLines) Applied(a Applied) {
	level := "info"
	if a.Err {
		level = "error"
	}
	j.write(line{Level: level, Type: "change_summary", Operation: "apply", Message: a.Line(), Changes: &a.Done})
	out := map[string]outputLine{}
	for name, o := range a.Outputs {
		l := outputLine{Sensitive: o.Sensitive, Type: o.Type}
		if !o.Sensitive {
			l.Value = o.Value
		}
		out[name] = l
	}
	if len(out) > 0 {
		j.write(line{Type: "outputs", Message: "Outputs: " + count(len(out), "value", "values"), Outputs: out})
	}
}

// jsonTypes are the events' names in JSON, after Terraform's where it has the same.
var jsonTypes = map[event.Type]string{
	event.RefreshStart: "refresh_start", event.RefreshComplete: "refresh_complete",
	event.ApplyStart: "run_start", event.ApplyComplete: "run_complete",
	event.StepStart: "apply_start", event.StepProgress: "apply_progress", event.StepComplete: "apply_complete",
	event.StepErrored: "apply_errored", event.StepSkipped: "apply_skipped",
	event.Draining: "draining", event.Throttled: "throttled", event.Log: "log",
}

// Emit writes an event of a run.
func (j *JSONLines) Emit(e event.Event) {
	name, ok := jsonTypes[e.Type]
	if !ok {
		name = string(e.Type)
	}
	h := &hookLine{
		Phase: string(e.Phase), Error: e.Error, Done: e.Done, Total: e.Total, Calls: e.Calls,
		Elapsed: e.Elapsed.Seconds(), Remaining: e.Remaining.Seconds(),
	}
	if e.Address != "" {
		h.Resource, h.Action = &resourceLine{e.Address, e.Kind, e.ID}, string(e.Operation)
		if h.Action == "" {
			h.Action = e.Action
		}
	}
	message := eventLine(e)
	if message == "" {
		message = e.Message
		if e.Address != "" {
			message = string(e.Address) + ": " + message
		}
	}
	if e.Type == event.ApplyStart {
		message = "Carrying out " + count(e.Total, "step", "steps")
	}
	if message == "" {
		message = name
	}
	level := "info"
	switch e.Type {
	case event.StepErrored:
		level = "error"
	case event.StepSkipped, event.Throttled, event.Draining:
		level = "warn"
	}
	j.write(line{Level: level, Type: name, Message: message, Timestamp: e.At, Hook: h})
}
