package apply

import (
	"time"

	"github.com/clusterform/clusterform/internal/event"
)

func (r *run) emit(e event.Event) {
	e.At = r.Now()
	r.Events.Emit(e)
}

// emitStep tells of one step, with how far the run is.
func (r *run) emitStep(t event.Type, id int32, more func(*event.Event)) {
	s := &r.steps[id]
	e := event.Event{
		Type: t, Address: s.Address, Kind: s.Kind, Step: id, Action: string(s.Action), Operation: operation(s),
		Done: r.graph.count[done], Total: len(r.steps),
	}
	switch {
	case s.After != nil && s.After.ID != "":
		e.ID = s.After.ID
	case s.Before != nil && operation(s) != "create":
		e.ID = s.Before.ID
	}
	if more != nil {
		more(&e)
	}
	r.emit(e)
}

// estimate is the time that is left: the plan's estimate at first, what was measured more and more.
func (r *run) estimate() time.Duration {
	n, total := r.graph.count[done], len(r.steps)
	open := total - n - r.graph.count[failed] - r.graph.count[skipped]
	if open <= 0 {
		return 0
	}
	elapsed := r.Now().Sub(r.started)
	planned := max(r.Plan.Summary.Duration-elapsed, 0)
	if n == 0 {
		return planned
	}
	measured := time.Duration(float64(elapsed) / float64(n) * float64(open))
	if r.Plan.Summary.Duration == 0 {
		return measured
	}
	share := float64(n) / float64(total)
	return time.Duration((1-share)*float64(planned) + share*float64(measured))
}
