package render

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/clusterform/clusterform/internal/event"
)

// RedrawInterval is the time between two pictures on a terminal.
const RedrawInterval = 100 * time.Millisecond

// runningShown is how many lines of running steps a terminal gets below the counts.
const runningShown = 8

// terminal is progress that redraws: what ended scrolls up, below it stand the counts and what is waited for.
type terminal struct {
	mu    sync.Mutex
	p     *Printer
	tally *tally
	width func() int
	now   func() time.Time
	// ended are lines not printed yet; equal ones of a pool are told together.
	ended bundler
	texts []string
	drawn int
	dirty bool
	stop  chan struct{}
	done  sync.WaitGroup
	once  sync.Once
}

// NewTerminal returns Progress that redraws on a terminal of the width that width gives.
func NewTerminal(w io.Writer, color bool, width func() int, now func() time.Time) Progress {
	t := &terminal{p: NewPrinter(w, color), tally: newTally(now()), width: width, now: now, stop: make(chan struct{})}
	t.done.Go(t.loop)
	return t
}

func (t *terminal) loop() {
	tick := time.NewTicker(RedrawInterval)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-t.stop:
			return
		case <-tick.C:
			t.mu.Lock()
			// Once a second the clock has moved, whatever else happened.
			if t.dirty || i%10 == 0 && len(t.tally.running) > 0 {
				t.draw(true)
			}
			t.mu.Unlock()
		}
	}
}

// Emit takes an event; the next picture shows it.
func (t *terminal) Emit(e event.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tally.take(e)
	t.dirty = true
	switch e.Type {
	case event.StepComplete:
		t.ended.add(e.Address, did(e), e.At)
	case event.StepErrored:
		t.ended.add(e.Address, "failed: "+WithoutRequest(e.Error), e.At)
	case event.StepSkipped:
		t.ended.add(e.Address, "skipped: "+e.Message, e.At)
	case event.Draining, event.Throttled, event.Log:
		t.flushEnded()
		t.texts = append(t.texts, eventLine(e))
	}
}

func (t *terminal) flushEnded() {
	for _, b := range t.ended.list {
		// One line each: what a failure says in full stands in the report at the end.
		t.texts = append(t.texts, cut(b.name()+": "+b.text, max(t.width(), 20)))
	}
	t.ended = bundler{}
}

// draw erases the last picture, prints what ended and, when live, the picture of now.
func (t *terminal) draw(live bool) {
	t.dirty = false
	if t.drawn > 0 {
		fmt.Fprintf(t.p.w, "\x1b[%dA\r\x1b[J", t.drawn)
		t.drawn = 0
	}
	t.flushEnded()
	for _, s := range t.texts {
		t.p.Line(s)
	}
	t.texts = nil
	if live && t.tally.total > 0 {
		t.picture()
	}
	t.p.Flush()
}

func (t *terminal) picture() {
	now, width := t.now(), max(t.width(), 20)
	counts := t.tally.counts(now)
	if room := min(width-len(counts)-4, 20); room >= 5 { // the counts say more than the bar
		t.p.styled(cyan, bar(t.tally.done, t.tally.total, room))
		counts = " " + counts
	}
	t.p.Text(cut(counts, width) + "\n")
	t.drawn = 1
	var b bundler
	for _, r := range t.tally.active() {
		text := r.text()
		b.add(r.event.Address, text, r.since)
	}
	for i, x := range b.list {
		if i == runningShown {
			t.p.styled(dim, cut(fmt.Sprintf("  and %s more", thousands(len(b.list)-runningShown)), width))
			t.p.Newline()
			t.drawn++
			break
		}
		t.p.Line(cut(fmt.Sprintf("  %s: %s (%s)", x.name(), x.text, duration(now.Sub(x.since).Truncate(time.Second))), width))
		t.drawn++
	}
}

func bar(done, total, width int) string {
	full := 0
	if total > 0 {
		full = min(done*width/total, width)
	}
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "]"
}

// Close erases the picture and leaves what ended.
func (t *terminal) Close() {
	t.once.Do(func() { close(t.stop) })
	t.done.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.draw(false)
}
