package drivers

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/clusterform/clusterform/planner/resource"
)

const (
	// A node that is not there after consoleAfter has its console looked at, again after consoleEvery, and at most
	// consolesAtOnce of them with each look at the cluster.
	consoleAfter   = 30 * time.Second
	consoleEvery   = 10 * time.Second
	consolesAtOnce = 10
	consoleTimeout = 15 * time.Second
	// consoleMark is what bootstrap puts before the lines that are meant for us.
	consoleMark = "clusterform: "
	// consoleLines are kept for an error, of at most consoleWidth bytes each.
	consoleLines = 3
	consoleWidth = 200
	// givenUp is how many looks must find that a node gave up: it may be in the middle of a restart.
	givenUp = 2
)

// consoleLine is one line that a node wrote for us: "joining (attempt 3)" and what it says of it.
type consoleLine struct{ phase, text string }

func (l consoleLine) String() string {
	if l.text == "" {
		return l.phase
	}
	return l.phase + ": " + l.text
}

// parseConsole finds the lines that are for us, the last at the end.
func parseConsole(text string) []consoleLine {
	var out []consoleLine
	for line := range strings.Lines(text) {
		_, rest, ok := strings.Cut(line, consoleMark)
		if !ok {
			continue
		}
		rest = printable(rest)
		if len(rest) > consoleWidth {
			cut := consoleWidth
			for cut > 0 && !utf8.RuneStart(rest[cut]) {
				cut--
			}
			rest = rest[:cut] + "…"
		}
		phase, text, _ := strings.Cut(rest, ": ")
		out = append(out, consoleLine{strings.TrimSpace(phase), strings.TrimSpace(text)})
	}
	return out
}

// quoteLines are the last few lines for an error.
func quoteLines(lines []consoleLine) string {
	var out []string
	for _, l := range lines[max(0, len(lines)-consoleLines):] {
		out = append(out, `"`+l.String()+`"`)
	}
	return strings.Join(out, ", ")
}

// lookAtConsoles shows what nodes say that take long. Where the API cannot be reached from here, a node's own word counts.
func (c *cluster) lookAtConsoles(ctx context.Context, waiting []*waiter, settled map[*waiter]resource.Result, unreachable bool) {
	now := time.Now()
	var due []*waiter
	for _, w := range waiting {
		if _, over := settled[w]; over || w.member && !unreachable || now.Sub(w.since) < consoleAfter || now.Sub(w.consoleAt) < consoleEvery {
			continue
		}
		due = append(due, w)
	}
	slices.SortStableFunc(due, func(a, b *waiter) int {
		return cmp.Or(a.consoleAt.Compare(b.consoleAt), resource.Compare(a.rec.Address, b.rec.Address))
	})
	due = due[:min(len(due), consolesAtOnce)]
	inParallel(len(due), func(i int) {
		ctx, cancel := context.WithTimeout(ctx, consoleTimeout)
		defer cancel()
		text, err := c.opts.Cloud.Console(ctx, c.region, due[i].rec.ID)
		if err == nil {
			due[i].console = parseConsole(text)
		}
	})
	ready := false
	for _, w := range due {
		w.consoleAt = now
		if len(w.console) == 0 {
			continue
		}
		last := w.console[len(w.console)-1]
		switch {
		case last.phase == "ready" && unreachable:
			w.tell("is ready by its own account; the cluster's API cannot be reached from here")
			settled[w] = c.ready(w)
			ready = ready || isControlPlane(w.rec.Spec)
		case last.phase == "failed":
			if w.failing++; w.failing >= givenUp {
				settled[w] = incomplete(w.rec, now, &resource.Error{
					Address: w.rec.Address, ID: w.rec.ID, Message: "the node gave up joining. Its console says: " + quoteLines(w.console),
					Hint: "Apply with -replace='" + string(w.rec.Address) + "' to get another one",
				})
				continue
			}
			w.tell(last.String())
		default:
			w.failing = 0
			w.tell(last.String())
		}
	}
	if ready {
		_ = c.markInitialised(ctx)
	}
}
