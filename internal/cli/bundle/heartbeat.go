package bundle

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// heartbeatPause is the time between two lines that say no more than that a step goes on: compiling one may take minutes.
const heartbeatPause = 30 * time.Second

// heartbeat says now and then what goes on, and keeps its lines apart from those of the steps.
type heartbeat struct {
	note func(string)
	now  func() time.Time

	mu    sync.Mutex
	step  string // that is being worked on; "" when none is
	since time.Time
}

// line writes a line of a step, which begins with it or, when step is empty, is done.
func (h *heartbeat) line(text, step string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.step, h.since = step, h.now()
	h.note(text)
}

// run beats until ctx ends.
func (h *heartbeat) run(ctx context.Context) {
	tick := time.NewTicker(heartbeatPause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		h.mu.Lock()
		if h.step != "" {
			h.note(fmt.Sprintf("%s… (%s)", h.step, h.now().Sub(h.since).Round(time.Second)))
		}
		h.mu.Unlock()
	}
}
