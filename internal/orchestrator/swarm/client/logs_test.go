package client

import (
	"context"
	"encoding/binary"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// Docker says with each line when and by which task it was written; people are told the task's name and node.
func TestLogLines(t *testing.T) {
	t.Parallel()
	const at = "2026-03-01T12:00:00.000000000Z "
	var out strings.Builder
	names := taskNames("default_web", []swarm.Task{{ID: "t1", Slot: 2, NodeID: "n1"}}, []swarm.Node{node("n1", "i-1", swarm.NodeRoleWorker)})
	w := &lineWriter{out: &out, names: names}
	for _, part := range []string{at + "com.docker.swarm.node.id=n1,com.docker.swarm.task.id=t1 hel", "lo\x1b[2J\n" + at + "com.docker.swarm.task.id=t9 x"} {
		if _, err := w.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	if want := "default_web.2 on i-1 | hello\ufffd[2J\nt9 | x\n"; out.String() != want {
		t.Errorf("%q, want %q", &out, want)
	}
}

// frame is how Docker sends a line of one of a container's outputs.
func frame(output byte, text string) []byte {
	header := []byte{output, 0, 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(header[4:], uint32(len(text)))
	return append(header, text...)
}

// line is one of a task's lines in a service's logs; seconds are those after twelve.
func line(seconds int, task, text string) []byte {
	at := time.Date(2026, 3, 1, 12, 0, seconds, 0, time.UTC).Format("2006-01-02T15:04:05.000000000Z07:00")
	return frame(1, at+" com.docker.swarm.node.id=n2,com.docker.swarm.task.id="+task+" "+text+"\n")
}

// watched is an output that tells when it holds a text.
type watched struct {
	mu   sync.Mutex
	text strings.Builder
	want string
	seen chan struct{}
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	had := strings.Contains(w.text.String(), w.want)
	w.text.Write(p)
	if !had && strings.Contains(w.text.String(), w.want) {
		close(w.seen)
	}
	return len(p), nil
}

func (s *scene) runWeb(node string) {
	web := swarm.Service{ID: "s1", Spec: swarm.ServiceSpec{Annotations: swarm.Annotations{Name: "default_web"}}}
	s.swarm.Services = []swarm.Service{web}
	s.swarm.Tasks = []swarm.Task{{ID: "t1", ServiceID: "s1", Slot: 1, NodeID: node}}
	s.swarm.Tasks[0].Spec.ContainerSpec = &swarm.ContainerSpec{Image: "hello:1@sha256:0"}
	s.swarm.Tasks[0].Status = swarm.TaskStatus{State: swarm.TaskStateRunning, ContainerStatus: &swarm.ContainerStatus{ContainerID: "c0ffee"}}
}

var webRecord = &resource.Record{Object: resource.Object{Address: "workload.web", ID: "default_web"}}

// What is followed goes on by another stream when one breaks, with every line once and with the names of tasks that came later,
// and ends with the service.
func TestLogsAreFollowed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.runWeb("n2")
	streams := 0
	out := &watched{want: "three\n", seen: make(chan struct{})}
	s.swarm.Logs = func(w http.ResponseWriter, r *http.Request, service string) {
		s.swarm.Lock()
		streams++
		n := streams
		s.swarm.Unlock()
		if q := r.URL.Query(); service != "default_web" || q.Get("follow") != "1" || (n == 1) != (q.Get("tail") == "5") || (n == 1) != (q.Get("since") == "") {
			t.Errorf("stream %d of %s is asked for with %s", n, service, r.URL.RawQuery)
		}
		_, _ = w.Write(line(1, "t1", "one"))
		_, _ = w.Write(line(2, "t1", "two"))
		if n == 1 {
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler) // the manager loses power
		}
		s.swarm.Lock()
		s.swarm.Tasks = append(s.swarm.Tasks, swarm.Task{ID: "t2", ServiceID: "s1", Slot: 2, NodeID: "n3"})
		s.swarm.Unlock()
		_, _ = w.Write(line(1, "t2", "three"))
		_ = http.NewResponseController(w).Flush()
		<-out.seen
		s.swarm.Lock()
		s.swarm.Services = nil
		s.swarm.Unlock()
	}
	var said []string
	o := orchestrator.LogOptions{Follow: true, Tail: 5, Progress: func(text string) { said = append(said, text) }}
	if err := s.client.Logs(t.Context(), webRecord, o, out); err != nil {
		t.Fatal(err)
	}
	if want := "default_web.1 on i-2 | one\ndefault_web.1 on i-2 | two\ndefault_web.2 on i-3 | three\n"; out.text.String() != want {
		t.Errorf("%q, want %q", out.text.String(), want)
	}
	for _, want := range []string{"is lost", "default_web.2 on i-3 has come", "has no service default_web"} {
		if text := strings.Join(said, "\n"); !strings.Contains(text, want) {
			t.Errorf("it does not say %q: %s", want, text)
		}
	}
}

// A service that says nothing is followed for any time, until whoever follows has seen enough.
func TestLogsOfSilentServiceAreFollowed(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.runWeb("n2")
	s.swarm.Logs = func(w http.ResponseWriter, r *http.Request, _ string) {
		_, _ = w.Write(line(1, "t1", "at last"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	ctx, enough := context.WithCancel(t.Context())
	out := &watched{want: "at last\n", seen: make(chan struct{})}
	done := make(chan error, 1)
	go func() { done <- s.client.Logs(ctx, webRecord, orchestrator.LogOptions{Follow: true}, out) }()
	<-out.seen
	enough()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
