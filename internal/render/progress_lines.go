package render

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/clusterform/clusterform/internal/event"
)

// HeartbeatInterval is how long a pipe stays silent at most while steps run.
const HeartbeatInterval = 10 * time.Second

// lines is progress for a pipe: a line per step that starts or ends, and a heartbeat that says what is waited for.
type lines struct {
	mu    sync.Mutex
	p     *Printer
	tally *tally
	last  time.Time
	now   func() time.Time
	stop  chan struct{}
	done  sync.WaitGroup
	once  sync.Once
}

// NewLines returns Progress as plain lines.
func NewLines(w io.Writer, now func() time.Time) Progress {
	l := &lines{p: NewPrinter(w, false), tally: newTally(now()), now: now, last: now(), stop: make(chan struct{})}
	l.done.Go(l.beat)
	return l
}

func (l *lines) beat() {
	t := time.NewTicker(HeartbeatInterval)
	defer t.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-t.C:
			l.heartbeat()
		}
	}
}

func (l *lines) heartbeat() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tally.running) == 0 {
		return
	}
	now := l.now()
	var b bundler
	for _, r := range l.tally.active() {
		text := r.text()
		b.add(r.event.Address, text, r.since)
	}
	l.p.Linef("Still running: %s", l.tally.counts(now))
	const most = 10
	for i, x := range b.list {
		if i == most {
			l.p.Linef("  and %s more", thousands(len(b.list)-most))
			break
		}
		l.p.Linef("  %s: %s (%s)", x.name(), x.text, duration(now.Sub(x.since).Truncate(time.Second)))
	}
	l.p.Flush()
}

// Emit writes what an event says.
func (l *lines) Emit(e event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tally.take(e)
	if text := eventLine(e); text != "" {
		l.p.Line(text)
		l.p.Flush()
	}
}

// Close ends the heartbeat.
func (l *lines) Close() {
	l.once.Do(func() { close(l.stop) })
	l.done.Wait()
	l.p.Flush()
}

// eventLine is an event on one line; empty for those that only move counters.
func eventLine(e event.Event) string {
	switch e.Type {
	case event.RefreshStart:
		return fmt.Sprintf("Refreshing %s...", count(e.Total, "object", "objects"))
	case event.StepStart:
		return fmt.Sprintf("%s: %s...", e.Address, doing(e))
	case event.StepComplete:
		return fmt.Sprintf("%s: %s", e.Address, completed(e))
	case event.StepErrored:
		return fmt.Sprintf("%s: failed after %s: %s", e.Address, duration(e.Elapsed), e.Error)
	case event.StepSkipped:
		return fmt.Sprintf("%s: skipped: %s", e.Address, e.Message)
	case event.Draining, event.Throttled, event.Log:
		return e.Message
	default:
		return ""
	}
}

func completed(e event.Event) string {
	s := did(e)
	if e.Elapsed > 0 {
		s += " after " + duration(e.Elapsed)
	}
	if e.ID != "" {
		s += " [" + e.ID + "]"
	}
	return s
}
