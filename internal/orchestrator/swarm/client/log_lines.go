package client

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/clusterform/clusterform/hclconfig"
)

// lineWriter puts the name of its task before each line, in place of the time and the details that Docker puts there.
type lineWriter struct {
	mu    sync.Mutex
	out   io.Writer
	names map[string]string
	// look asks for the names again, for a task that came later; it may be nil.
	look func() map[string]string
	// came is told of such a task; it may be nil.
	came func(name string)
	rest []byte
	// latest is when each task wrote last; what is not after shown was written before the stream was taken up again.
	latest, shown map[string]time.Time
	// failed is why out takes no more.
	failed error
}

// again makes the writer leave out what it has written already.
func (w *lineWriter) again() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shown, w.rest = maps.Clone(w.latest), nil
}

// Write takes what Docker sends.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest = append(w.rest, p...)
	for {
		i := bytes.IndexByte(w.rest, '\n')
		if i < 0 {
			return len(p), nil
		}
		if err := w.line(string(w.rest[:i])); err != nil {
			return 0, err
		}
		w.rest = w.rest[i+1:]
	}
}

func (w *lineWriter) line(text string) error {
	stamp, text, _ := strings.Cut(text, " ")
	details, text, _ := strings.Cut(text, " ")
	task := ""
	for d := range strings.SplitSeq(details, ",") {
		if id, ok := strings.CutPrefix(d, "com.docker.swarm.task.id="); ok {
			task = id
		}
	}
	if at, err := time.Parse(time.RFC3339Nano, stamp); err == nil {
		if last, ok := w.shown[task]; ok && !at.After(last) {
			return nil
		}
		if w.latest == nil {
			w.latest = map[string]time.Time{}
		}
		w.latest[task] = at
	}
	_, err := fmt.Fprintf(w.out, "%s | %s\n", w.name(task), hclconfig.PrintableLine(text))
	if err != nil {
		w.failed = err
	}
	return err
}

// name is what a task is called. One that nobody knows is asked for once.
func (w *lineWriter) name(task string) string {
	if known, ok := w.names[task]; ok {
		return known
	}
	names := map[string]string{}
	if w.look != nil {
		maps.Copy(names, w.look())
	}
	if _, ok := names[task]; !ok {
		names[task] = task
	}
	maps.Copy(names, w.names)
	w.names = names
	if w.came != nil && names[task] != task {
		w.came(names[task])
	}
	return names[task]
}

func (w *lineWriter) flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rest) == 0 {
		return nil
	}
	err := w.line(string(w.rest))
	w.rest = nil
	return err
}
