package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/clusterform/clusterform/planner/resource"
)

// followPoll is how often new pods, restarts and broken connections are looked for while following.
const followPoll = 2 * time.Second

// following reads the logs of all of a workload's containers as they grow.
type following struct {
	*logs
	workload *resource.Record
	pods     map[types.UID]string // those that were there at the last look, by name
	said     string
	ended    chan struct{} // somebody was read to the end: time to look

	mu    sync.Mutex
	parts map[part]*followed
}

// part is a container of a pod.
type part struct {
	pod       types.UID
	container string
}

// followed is what was read of a part.
type followed struct {
	position
	first    bool  // it was there from the beginning, and is read from where the caller wants
	reading  bool  // somebody reads it now
	restarts int32 // of the container that is read, or was last
	done     bool  // it ended, and was read to its end
}

func newFollowing(l *logs, workload *resource.Record) *following {
	return &following{logs: l, workload: workload, ended: make(chan struct{}, 1), parts: map[part]*followed{}}
}

// run follows until ctx ends or all pods are done.
func (f *following) run(ctx context.Context, pods []corev1.Pod) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	defer group.Wait()
	for first := true; ; first = false {
		f.tell(pods, first)
		for i := range pods {
			for _, c := range f.containers(&pods[i]) {
				f.begin(ctx, &pods[i], c, first, &group, cancel)
			}
		}
		if len(pods) > 0 && !slices.ContainsFunc(pods, func(p corev1.Pod) bool { return !finished(&p) || !f.settled(&p) }) {
			return nil
		}
		select {
		case <-time.After(followPoll):
		case <-f.ended:
		case <-ctx.Done():
			if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
				return cause
			}
			return nil
		}
		now, err := f.podsOf(ctx, f.workload)
		switch {
		case err == nil:
			pods = now
		case ctx.Err() == nil && !passing(err) && !errors.Is(err, context.DeadlineExceeded):
			return err
		}
	}
}

// begin reads a container, unless it is read, has not begun, or was read to its end.
func (f *following) begin(ctx context.Context, p *corev1.Pod, container string, first bool, group *sync.WaitGroup, cancel context.CancelCauseFunc) {
	begun, ended, restarts := state(p, container)
	if !begun {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := part{p.UID, container}
	at := f.parts[key]
	if at == nil {
		at = &followed{first: first}
		f.parts[key] = at
	}
	if at.reading || at.done && at.restarts == restarts {
		return
	}
	at.reading, at.done, at.restarts = true, false, restarts
	o := at.options(container)
	if at.first && at.last.IsZero() {
		f.fromWhere(o)
	}
	group.Go(func() {
		err := f.stream(ctx, p, o, at.take)
		f.mu.Lock()
		// Who had ended before the reading began has nothing more to say. Otherwise the next look tells whether the
		// container ended, or the connection did.
		at.reading, at.done = false, err == nil && ended
		done := at.done
		f.mu.Unlock()
		if done {
			select {
			case f.ended <- struct{}{}:
			default:
			}
		}
		switch {
		case errors.As(err, new(*writeError)):
			cancel(err)
		case err != nil && ctx.Err() == nil && refusal(err):
			cancel(f.failed(fmt.Sprintf("read the logs of %s/%s", name(p), container), err))
		}
	})
}

// refusal is an answer that asking again does not change.
func refusal(err error) bool { return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) }

// settled tells whether all of a pod's containers that began were read to their end.
func (f *following) settled(p *corev1.Pod) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !slices.ContainsFunc(f.containers(p), func(c string) bool {
		at := f.parts[part{p.UID, c}]
		return at != nil && (at.reading || !at.done)
	})
}

// tell says which pods came and went.
func (f *following) tell(pods []corev1.Pod, first bool) {
	now := map[types.UID]string{}
	for i := range pods {
		p := &pods[i]
		if finished(p) {
			continue
		}
		now[p.UID] = p.Name
		if f.pods[p.UID] == "" && !first {
			f.say(p.Name + " has come")
		}
	}
	for uid, gone := range f.pods {
		if now[uid] == "" {
			f.say(gone + " has ended")
		}
	}
	f.pods = now
	if len(now) == 0 && len(pods) == 0 {
		f.say(fmt.Sprintf("%s has no pods at present; waiting for some", f.workload.Address))
	}
}

// say tells something once.
func (f *following) say(text string) {
	if f.options.Progress != nil && text != f.said {
		f.options.Progress(text)
	}
	f.said = text
}

func finished(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// state says whether a container has begun and ended, and how often it began again. One that waits to begin again has ended:
// its log is the one before.
func state(p *corev1.Pod, container string) (begun, ended bool, restarts int32) {
	for _, s := range slices.Concat(p.Status.ContainerStatuses, p.Status.InitContainerStatuses) {
		if s.Name == container {
			running := s.State.Running != nil
			return running || s.State.Terminated != nil || s.LastTerminationState.Terminated != nil, !running, s.RestartCount
		}
	}
	return false, false, 0
}
