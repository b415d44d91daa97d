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

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

const (
	// followPoll is how often new pods are looked for while following.
	followPoll = 2 * time.Second
	// maxLine bounds a line of a log, in bytes; longer ones are cut in several.
	maxLine = 64 << 10
)

// Logs is orchestrator.LogReader's. Following ends with ctx, or when all of the workload's pods are done.
func (k *Client) Logs(ctx context.Context, workload *resource.Record, o orchestrator.LogOptions, out io.Writer) error {
	l := &logs{Client: k, options: o, out: out, seen: map[string]bool{}}
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
		return l.follow(ctx, workload, pods)
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

	mu   sync.Mutex // lines are whole
	out  io.Writer
	seen map[string]bool // containers followed, by pod's UID, name and restarts
}

func (l *logs) containers(p *corev1.Pod) []string {
	names := containersOf(p)
	if l.options.Container == "" {
		return names
	}
	return slices.DeleteFunc(names, func(n string) bool { return n != l.options.Container })
}

// follow reads all containers at once, and those of pods that come later.
func (l *logs) follow(ctx context.Context, workload *resource.Record, pods []corev1.Pod) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	defer group.Wait()
	for {
		for i := range pods {
			p := &pods[i]
			for _, c := range l.containers(p) {
				runs, restarts := state(p, c)
				key := fmt.Sprintf("%s/%s/%d", p.UID, c, restarts)
				if !runs || l.seen[key] {
					continue
				}
				l.seen[key] = true
				group.Go(func() {
					if err := l.read(ctx, p, c); errors.As(err, new(*writeError)) {
						cancel(err)
					}
				})
			}
		}
		if len(pods) > 0 && !slices.ContainsFunc(pods, func(p corev1.Pod) bool { return !finished(&p) }) {
			return nil
		}
		select {
		case <-time.After(followPoll):
		case <-ctx.Done():
			if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
				return cause
			}
			return nil
		}
		now, err := l.podsOf(ctx, workload)
		if err != nil && !errors.Is(err, orchestrator.ErrUnreachable) && ctx.Err() == nil {
			return err
		}
		if err == nil {
			pods = now
		}
	}
}

func finished(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// state says whether a container has begun, and how often again.
func state(p *corev1.Pod, container string) (begun bool, restarts int32) {
	for _, s := range slices.Concat(p.Status.ContainerStatuses, p.Status.InitContainerStatuses) {
		if s.Name == container {
			return s.State.Running != nil || s.State.Terminated != nil, s.RestartCount
		}
	}
	return false, 0
}

// writeError is a failure of the reader's side.
type writeError struct{ error }

// read copies one container's log. A container that has not begun has none.
func (l *logs) read(ctx context.Context, p *corev1.Pod, container string) error {
	o := &corev1.PodLogOptions{Container: container, Follow: l.options.Follow, Previous: l.options.Previous}
	if l.options.Tail > 0 {
		o.TailLines = new(int64(l.options.Tail))
	}
	if l.options.Since > 0 {
		o.SinceSeconds = new(max(1, int64(l.options.Since.Seconds())))
	}
	stream, err := l.api.CoreV1().Pods(p.Namespace).GetLogs(p.Name, o).Stream(ctx)
	if apierrors.IsNotFound(err) || apierrors.IsBadRequest(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()
	prefix := p.Name + "/" + container + " | "
	for r := bufio.NewReaderSize(stream, maxLine); ; {
		line, _, err := r.ReadLine()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := l.write(prefix, line); err != nil {
			return err
		}
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
