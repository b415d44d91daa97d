package client_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes/controlplane"
	"github.com/clusterform/clusterform/planner/resource"
)

// written is what containers write, as a kubelet keeps it: with the time of each line.
type written struct {
	mu    sync.Mutex
	lines map[string][]line // by container
	ended map[string]bool
	cut   chan struct{} // closed to break all connections that read
	opens int
}

type line struct {
	at   time.Time
	text string
}

func newWritten() *written {
	return &written{lines: map[string][]line{}, ended: map[string]bool{}, cut: make(chan struct{})}
}

func (w *written) say(container, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines[container] = append(w.lines[container], line{time.Now(), text})
}

func (w *written) end(container string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended[container] = true
}

// breakAll breaks the connections and says how many were opened so far.
func (w *written) breakAll() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.cut)
	w.cut = make(chan struct{})
	return w.opens
}

func (w *written) opened() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.opens
}

// since are the lines from a place on, and whether there will be no more.
func (w *written) since(container string, next int) ([]line, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lines[container][next:], w.ended[container]
}

func (w *written) follow(ctx context.Context, pod, container string, query url.Values, out io.Writer) {
	w.mu.Lock()
	w.opens++
	cut := w.cut
	w.mu.Unlock()
	from, _ := time.Parse(time.RFC3339, query.Get("sinceTime"))
	for next := 0; ; {
		more, ended := w.since(pod+"/"+container, next)
		next += len(more)
		for _, l := range more {
			if l.at.Before(from) {
				continue
			}
			if query.Get("timestamps") == "true" {
				_, _ = fmt.Fprint(out, l.at.Format(time.RFC3339Nano), " ")
			}
			_, _ = fmt.Fprintln(out, l.text)
		}
		if ended {
			return
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return
		case <-cut:
			panic(http.ErrAbortHandler)
		}
	}
}

// output is a buffer that grows while it is looked at.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func (o *output) waitFor(t *testing.T, want string) {
	t.Helper()
	eventually(t, want, func(context.Context) bool { return strings.Contains(o.String(), want) })
}

func TestLogsAreFollowed(t *testing.T) {
	t.Parallel()
	cp := plane.Get(t)
	k := connect(t, cp)
	ns := cp.Namespace(t)
	node, logs := "i-0follow-"+ns, newWritten()
	cp.Play(t, controlplane.Kubelet{Node: node, Namespace: ns, Streams: &controlplane.Streams{Follow: logs.follow}})
	deploy(t, cp, ns, "web", 1)
	rec := &resource.Record{Object: resource.Object{Address: "workload.web", Spec: &resource.Workload{Namespace: ns, Name: "web"}}}
	first := on(t, cp, ns, node)[0]
	logs.say(first+"/app", "long ago")

	var out output
	var progress said
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- k.Logs(ctx, rec, orchestrator.LogOptions{Container: "app", Follow: true, Progress: progress.add}, &out)
	}()
	out.waitFor(t, first+"/app | long ago\n")
	logs.say(first+"/app", "while it is followed")
	out.waitFor(t, first+"/app | while it is followed\n")

	before := logs.breakAll()
	logs.say(first+"/app", "after the connection broke")
	out.waitFor(t, first+"/app | after the connection broke\n")
	if logs.opened() <= before {
		t.Error("the connection did not break")
	}

	if err := cp.Client.CoreV1().Pods(ns).Delete(t.Context(), first, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	logs.end(first + "/app")
	second := ""
	eventually(t, "another pod", func(context.Context) bool {
		for _, p := range on(t, cp, ns, node) {
			if p != first {
				second = p
			}
		}
		return second != ""
	})
	logs.say(second+"/app", "in its place")
	out.waitFor(t, second+"/app | in its place\n")
	for _, want := range []string{first + " has ended", second + " has come"} {
		if !progress.has(want) {
			t.Errorf("it does not say that %s, but %q", want, progress.lines)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for text := range strings.Lines(out.String()) {
		if n := strings.Count(out.String(), text); n > 1 {
			t.Errorf("%d times: %s", n, text)
		}
	}
}

func TestFollowingEndsWithThePods(t *testing.T) {
	t.Parallel()
	cp := plane.Get(t)
	k := connect(t, cp)
	ns := cp.Namespace(t)
	logs := newWritten()
	over := make(chan struct{})
	cp.Play(t, controlplane.Kubelet{
		Node: "i-0job-" + ns, Namespace: ns, Streams: &controlplane.Streams{Follow: logs.follow},
		Status: func(*corev1.Pod) *corev1.PodStatus {
			s := &corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{
				Name: "app", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
			}}}
			select {
			case <-over:
				s.Phase = corev1.PodSucceeded
				s.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed"}}
			default:
			}
			return s
		},
	})
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "once", Labels: map[string]string{"app.kubernetes.io/instance": "once"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "hello:1"}}},
	}
	if _, err := cp.Client.CoreV1().Pods(ns).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	rec := &resource.Record{Object: resource.Object{Address: "workload.once", Spec: &resource.Workload{Namespace: ns, Name: "once"}}}
	var out output
	done := make(chan error, 1)
	go func() { done <- k.Logs(t.Context(), rec, orchestrator.LogOptions{Follow: true}, &out) }()
	logs.say("once/app", "one")
	out.waitFor(t, "once/app | one\n")
	logs.say("once/app", "two")
	logs.end("once/app")
	close(over)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "once/app | one\nonce/app | two\n"; got != want {
		t.Errorf("it wrote\n%swant\n%s", got, want)
	}
}
