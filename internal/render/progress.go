package render

import (
	"fmt"
	"strings"
	"time"

	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// Progress shows the events of a run until Close, which leaves the output in order for what is printed next.
type Progress interface {
	event.Sink
	Close()
}

// doing and did are the words for a step that runs and one that is done.
func doing(e event.Event) string {
	switch planner.Action(e.Action) {
	case planner.ActionAdopt:
		return "adopting"
	case planner.ActionImport:
		return "importing"
	case planner.ActionMove:
		return "moving"
	case planner.ActionForget:
		return "forgetting"
	}
	switch e.Operation {
	case resource.Create:
		return "creating"
	case resource.Delete:
		return "destroying"
	default:
		return "updating"
	}
}

func did(e event.Event) string {
	switch planner.Action(e.Action) {
	case planner.ActionAdopt:
		return "adopted"
	case planner.ActionImport:
		return "imported"
	case planner.ActionMove:
		return "moved"
	case planner.ActionForget:
		return "forgotten"
	}
	switch e.Operation {
	case resource.Create:
		return "created"
	case resource.Delete:
		return "destroyed"
	default:
		return "updated"
	}
}

// stepKey keeps the steps of a run apart: the create and the delete of a replacement have one address.
type stepKey struct {
	step    int32
	address resource.Address
}

// runningStep is a step between its start and its end.
type runningStep struct {
	event   event.Event
	since   time.Time
	message string
	phase   resource.Phase
}

// text is what a step does and waits for. A message that begins with the node's phase says both: "joining (attempt 3): …".
func (r *runningStep) text() string {
	switch {
	case r.message == "":
		return doing(r.event)
	case r.phase != "" && strings.HasPrefix(r.message, string(r.phase)):
		return r.message
	}
	return doing(r.event) + ": " + r.message
}

// tally is what both forms of progress for people count.
type tally struct {
	started     time.Time
	done, total int
	remaining   time.Duration // estimated at the time asOf
	asOf        time.Time
	running     map[stepKey]*runningStep
	order       []stepKey
	draining    bool
}

func newTally(now time.Time) *tally {
	return &tally{started: now, running: map[stepKey]*runningStep{}}
}

func (t *tally) take(e event.Event) {
	if e.Total > 0 {
		t.total = e.Total
	}
	t.done = max(t.done, e.Done)
	if e.Remaining > 0 {
		t.remaining, t.asOf = e.Remaining, e.At
	}
	k := stepKey{e.Step, e.Address}
	switch e.Type {
	case event.ApplyStart:
		t.started, t.done = e.At, 0
	case event.StepStart:
		if t.running[k] == nil {
			t.order = append(t.order, k)
		}
		t.running[k] = &runningStep{event: e, since: e.At}
	case event.StepProgress:
		if r := t.running[k]; r != nil {
			r.message, r.phase = e.Message, e.Phase
			if r.message == "" {
				r.message = string(e.Phase)
			}
		}
	case event.StepComplete, event.StepErrored, event.StepSkipped:
		delete(t.running, k)
	case event.Draining:
		t.draining = true
	}
}

// active lists what runs, oldest first, and forgets what ended.
func (t *tally) active() []*runningStep {
	live := t.order[:0]
	var out []*runningStep
	for _, k := range t.order {
		if r := t.running[k]; r != nil {
			live = append(live, k)
			out = append(out, r)
		}
	}
	t.order = live
	return out
}

// counts is "12 of 31 done, 5 running, elapsed 12s, about 20s left".
func (t *tally) counts(now time.Time) string {
	s := fmt.Sprintf("%s of %s done", thousands(t.done), thousands(t.total))
	if n := len(t.running); n > 0 {
		s += fmt.Sprintf(", %s running", thousands(n))
	}
	s += ", elapsed " + duration(now.Sub(t.started).Truncate(time.Second))
	if left := (t.remaining - now.Sub(t.asOf)).Round(time.Second); left > 0 && t.done < t.total {
		s += ", about " + duration(left) + " left"
	}
	return s
}

// bundle is several steps told as one: the nodes of a pool that do the same.
type bundle struct {
	parent   resource.Address
	text     string
	ordinals []int
	first    string
	since    time.Time
}

func (b bundle) name() string {
	if len(b.ordinals) < 2 {
		return b.first
	}
	list := ordinals(b.ordinals)
	if len(list) > longestList {
		return fmt.Sprintf("%s of %s", thousands(len(b.ordinals)), b.parent)
	}
	return fmt.Sprintf("%s[%s]", b.parent, list)
}

// longestList is how many columns of ordinals say more than their number.
const longestList = 32

// Bundles names addresses, those of one list together: node_pool.worker[0..9].
func Bundles(addresses []resource.Address) []string {
	var b bundler
	for _, a := range addresses {
		b.add(a, "", time.Time{})
	}
	names := make([]string, 0, len(b.list))
	for _, x := range b.list {
		names = append(names, x.name())
	}
	return names
}

// bundler collects lines in the order of their first member.
type bundler struct {
	list  []bundle
	index map[string]int
}

func (b *bundler) add(a resource.Address, text string, since time.Time) {
	parent, n, ok := a.Ordinal()
	if !ok {
		b.list = append(b.list, bundle{first: string(a), text: text, since: since})
		return
	}
	if b.index == nil {
		b.index = map[string]int{}
	}
	key := string(parent) + "|" + text
	i, seen := b.index[key]
	if !seen {
		i = len(b.list)
		b.index[key] = i
		b.list = append(b.list, bundle{parent: parent, first: string(a), text: text, since: since})
	}
	b.list[i].ordinals = append(b.list[i].ordinals, n)
}

// WithoutRequest leaves the request's id out of an error's text, so that equal failures of different calls are equal.
func WithoutRequest(s string) string {
	before, rest, found := strings.Cut(s, " (request ")
	_, after, closed := strings.Cut(rest, ")")
	if !found || !closed {
		return s
	}
	return before + after
}
