package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// maxLine bounds a line of a log, in bytes; longer ones are cut in several.
const maxLine = 64 << 10

// Logs is orchestrator.LogReader's. Following ends with ctx, or when all of the workload's pods are done; it goes on with
// the pods that take the place of others, and after connections that broke.
func (k *Client) Logs(ctx context.Context, workload *resource.Record, o orchestrator.LogOptions, out io.Writer) error {
	l := &logs{Client: k, options: o, out: out}
	pods, err := k.podsOf(ctx, workload)
	if err != nil {
		return err
	}
	if len(pods) == 0 && !o.Follow {
		return fmt.Errorf("%s has no pods at present: see `clusterform status`", workload.Address)
	}
	if err := hasContainer(workload, pods, o.Container); err != nil {
		return err
	}
	if o.Follow {
		return newFollowing(l, workload).run(ctx, pods)
	}
	for i := range pods {
		for _, c := range l.containers(&pods[i]) {
			if err := l.read(ctx, &pods[i], c); err != nil {
				return k.failed(fmt.Sprintf("read the logs of %s/%s", name(&pods[i]), c), err)
			}
		}
	}
	return nil
}

// hasContainer finds a name that no pod has, and says which there are.
func hasContainer(workload *resource.Record, pods []corev1.Pod, container string) error {
	if container == "" || len(pods) == 0 {
		return nil
	}
	var names []string
	for i := range pods {
		names = append(names, containersOf(&pods[i])...)
	}
	if slices.Contains(names, container) {
		return nil
	}
	slices.Sort(names)
	return fmt.Errorf("%s has no container %q; it has %s", workload.Address, container, strings.Join(slices.Compact(names), ", "))
}

// logs is one reading of a workload's logs.
type logs struct {
	*Client
	options orchestrator.LogOptions

	mu  sync.Mutex // lines are whole
	out io.Writer
}

func (l *logs) containers(p *corev1.Pod) []string {
	names := containersOf(p)
	if l.options.Container == "" {
		return names
	}
	return slices.DeleteFunc(names, func(n string) bool { return n != l.options.Container })
}

// read copies what one container has written. A container that has not begun has written nothing.
func (l *logs) read(ctx context.Context, p *corev1.Pod, container string) error {
	o := &corev1.PodLogOptions{Container: container, Previous: l.options.Previous}
	l.fromWhere(o)
	return l.stream(ctx, p, o, func(line []byte, _ bool) []byte { return line })
}

// fromWhere sets what the caller wants to begin with.
func (l *logs) fromWhere(o *corev1.PodLogOptions) {
	if l.options.Tail > 0 {
		o.TailLines = new(int64(l.options.Tail))
	}
	if l.options.Since > 0 {
		o.SinceSeconds = new(max(1, int64(l.options.Since.Seconds())))
	}
}

// writeError is a failure of the reader's side.
type writeError struct{ error }

// stream writes a log line by line, as take makes them; begins tells it the first part of a line from others, and what it
// returns nil for is left out.
func (l *logs) stream(ctx context.Context, p *corev1.Pod, o *corev1.PodLogOptions, take func(line []byte, begins bool) []byte) error {
	stream, err := l.api.CoreV1().Pods(p.Namespace).GetLogs(p.Name, o).Stream(ctx)
	if apierrors.IsNotFound(err) || apierrors.IsBadRequest(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	prefix, begins := p.Name+"/"+o.Container+" | ", true
	for r := bufio.NewReaderSize(stream, maxLine); ; {
		line, more, err := r.ReadLine()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if line = take(line, begins); line != nil {
			if err := l.write(prefix, line); err != nil {
				return err
			}
		}
		begins = !more
	}
}

func (l *logs) write(prefix string, line []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := fmt.Fprintf(l.out, "%s%s\n", prefix, line); err != nil {
		return &writeError{err}
	}
	return nil
}

// position is how far one container's log was read. Its lines come with the time when they were written, so that reading
// can go on there.
type position struct {
	last time.Time // of the last line; zero for none
	// skip is the last line's time when the present reading began: what is not newer was shown.
	skip time.Time
	show bool // the line that is being read is shown
}

// options are those to go on with.
func (at *position) options(container string) *corev1.PodLogOptions {
	at.skip, at.show = at.last, true
	o := &corev1.PodLogOptions{Container: container, Follow: true, Timestamps: true}
	if !at.last.IsZero() {
		o.SinceTime = &metav1.Time{Time: at.last.Truncate(time.Second)} // the API takes whole seconds
	}
	return o
}

// take cuts the time off a line; nil for a line that was shown before. A line without a time is shown as it is.
func (at *position) take(line []byte, begins bool) []byte {
	if begins {
		stamp, rest, _ := strings.Cut(string(line), " ")
		if when, err := time.Parse(time.RFC3339Nano, stamp); err == nil {
			at.show = when.After(at.skip)
			if at.show {
				at.last = when
			}
			line = []byte(rest)
		}
	}
	if !at.show {
		return nil
	}
	return line
}
