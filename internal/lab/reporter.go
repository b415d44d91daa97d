package lab

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// message is what the detached process tells the one that started it, one JSON line each.
type message struct {
	Progress string `json:"progress,omitempty"`
	Error    string `json:"error,omitempty"`
	Ready    bool   `json:"ready,omitempty"`
}

// reportEnv is the environment variable that tells a process to report on its standard input, which then is the writing
// end of a pipe: the one descriptor that every platform passes on, and whose broken pipe ends no process.
const reportEnv = "CLUSTERFORM_LAB_REPORT"

// Reporter tells whoever started this process how it gets on: another process that waits in Up, or fallback.
type Reporter struct {
	fallback func(string)

	mu   sync.Mutex
	pipe *os.File // nil when nobody waits, or no longer
	done bool
}

// NewReporter looks whether somebody waits. Without, progress goes to fallback.
func NewReporter(fallback func(string)) *Reporter {
	r := &Reporter{fallback: fallback}
	if os.Getenv(reportEnv) == "stdin" {
		_ = os.Unsetenv(reportEnv)
		r.pipe = os.Stdin
	}
	return r
}

// Progress passes a line on; after Ready or Fail it does nothing.
func (r *Reporter) Progress(line string) { r.send(message{Progress: line}) }

// Ready ends the wait.
func (r *Reporter) Ready() { r.send(message{Ready: true}) }

// Fail ends the wait with an error.
func (r *Reporter) Fail(err error) { r.send(message{Error: err.Error()}) }

func (r *Reporter) send(m message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.done:
	case r.pipe == nil && m.Progress != "":
		r.fallback(m.Progress)
	case r.pipe != nil:
		if data, err := json.Marshal(m); err == nil {
			_, _ = r.pipe.Write(append(data, '\n')) // nobody there any more is no reason to stop
		}
	}
	r.done = r.done || m.Ready || m.Error != ""
}

// follow reads messages until the process is ready, or says why it is not.
func follow(r io.Reader, progress func(string)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var m message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return fmt.Errorf("unexpected word from its process: %w", err)
		}
		switch {
		case m.Error != "":
			return &reportedError{m.Error}
		case m.Ready:
			return nil
		default:
			progress(m.Progress)
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return errors.New("its process ended before it was ready")
}

// reportedError is an error in the words of the lab's process, which name the lab.
type reportedError struct{ text string }

func (e *reportedError) Error() string { return e.text }
