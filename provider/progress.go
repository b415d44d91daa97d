package provider

import (
	"bytes"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"

	"github.com/clusterform/clusterform/internal/event"
	"github.com/clusterform/clusterform/internal/render"
)

// following runs work and shows its events as an action's progress, in the lines that the command line has in a pipe.
func following(resp *action.InvokeResponse, work func(event.Sink)) {
	pipe := &linePipe{lines: make(chan string)}
	progress := render.NewLines(pipe, time.Now)
	go func() {
		defer close(pipe.lines)
		work(progress)
		progress.Close()
	}()
	for line := range pipe.lines { // Terraform takes progress from one goroutine at a time
		resp.SendProgress(action.InvokeProgressEvent{Message: printable(line)})
	}
}

// linePipe hands on what is written to it, line by line.
type linePipe struct {
	lines chan string

	mu   sync.Mutex
	rest []byte
}

// Write takes text.
func (l *linePipe) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		l.rest = rest
		l.lines <- string(line)
	}
}
