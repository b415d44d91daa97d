package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/clusterform/clusterform/internal/orchestrator"
)

const (
	defaultDrain = 10 * time.Minute
	// drainPoll is how often a node's pods are listed; each round also asks again for those that a budget held.
	drainPoll = time.Second
	// forcedWait is how long pods may take to end after Timeout, when Force ends them.
	forcedWait = time.Minute
)

// Drain is orchestrator.Client's.
func (k *Client) Drain(ctx context.Context, m orchestrator.Member, o orchestrator.DrainOptions) error {
	o.Timeout = cmp.Or(o.Timeout, defaultDrain)
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	d := &drain{Client: k, member: m, options: o}
	return d.run(ctx)
}

// drain is one drain under way.
type drain struct {
	*Client
	member  orchestrator.Member
	options orchestrator.DrainOptions
	held    map[string]string // why a pod did not go, by "namespace/name"; nil before the first look
	said    string
	lost    bool // the node is not Ready: nobody there ends its pods
	forced  bool // the bound has passed and Force goes on
}

func (d *drain) run(ctx context.Context) error {
	bound, cancel := context.WithTimeout(ctx, d.options.Timeout)
	defer cancel()
	err := d.until(bound)
	if err == nil || ctx.Err() != nil || bound.Err() == nil {
		return err
	}
	if !d.options.Force {
		return err
	}
	d.forced = true
	d.options.Progress("its time is over: ending what is left")
	last, stop := context.WithTimeout(ctx, forcedWait)
	defer stop()
	return d.until(last)
}

// until empties the node or returns what is left when ctx ends. Calls that fail in a passing way are tried again.
func (d *drain) until(ctx context.Context) error {
	cordoned := false
	var failure error
	for {
		var left []corev1.Pod
		var gone bool
		failure = nil
		if !cordoned {
			failure = d.cordon(ctx, d.member, true)
			cordoned = failure == nil
		}
		if failure == nil {
			left, gone, failure = d.round(ctx)
		}
		switch {
		case apierrors.IsNotFound(failure), failure == nil && (gone || len(left) == 0):
			return nil
		case failure != nil && ctx.Err() == nil && !passing(failure):
			return d.failed("drain node "+d.member.Instance, failure)
		case failure == nil:
			d.report(left)
			if err := d.refused(left); err != nil {
				return err
			}
		}
		select {
		case <-time.After(drainPoll):
		case <-ctx.Done():
			return d.ended(ctx, failure)
		}
	}
}

// ended is the error of a drain whose bound passed. Where the API never said what is on the node, it is that.
func (d *drain) ended(ctx context.Context, failure error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if d.held == nil && failure != nil {
		return d.failed("drain node "+d.member.Instance, failure)
	}
	waiting := make([]string, 0, len(d.held))
	for pod, why := range d.held {
		waiting = append(waiting, pod+": "+why)
	}
	slices.Sort(waiting)
	if failure != nil && !errors.Is(failure, context.DeadlineExceeded) {
		waiting = append(waiting, d.failed("list its pods", failure).Error())
	}
	timeout := d.options.Timeout
	if d.forced {
		timeout += forcedWait
	}
	return &orchestrator.DrainError{Member: d.member.Instance, Waiting: waiting, Timeout: timeout}
}

// refused is the error for pods that nobody would replace. It comes before any harm: the first round evicts nothing then.
func (d *drain) refused(left []corev1.Pod) error {
	if d.options.Force || d.lost {
		return nil
	}
	var bare []string
	for i := range left {
		if metav1.GetControllerOf(&left[i]) == nil {
			bare = append(bare, name(&left[i])+": nothing replaces a bare pod (force the drain to end it)")
		}
	}
	if len(bare) == 0 {
		return nil
	}
	return &orchestrator.DrainError{Member: d.member.Instance, Waiting: bare}
}

// round lists what is left and asks it to go.
func (d *drain) round(ctx context.Context) (left []corev1.Pod, gone bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	node, err := d.api.CoreV1().Nodes().Get(ctx, d.member.Instance, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, true, nil
	}
	if err != nil {
		return nil, false, err
	}
	ready, _, _ := readiness(node)
	d.lost = !ready || d.options.Off
	list, err := d.api.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("spec.nodeName", d.member.Instance).String(),
	})
	if err != nil {
		return nil, false, err
	}
	left = slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return stays(&p) })
	d.held = map[string]string{}
	if d.refused(left) != nil {
		return left, false, nil
	}
	d.evict(ctx, left)
	return left, false, nil
}

// stays are pods that no drain moves: the node's own, one for each node, and those that are done.
func stays(p *corev1.Pod) bool {
	if _, mirror := p.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return true
	}
	if owner := metav1.GetControllerOf(p); owner != nil && owner.Kind == "DaemonSet" {
		return true
	}
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// report says what is waited for, when that changed.
func (d *drain) report(left []corev1.Pod) {
	const most = 3
	var parts []string
	for i := range left {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(left)-most))
			break
		}
		part := name(&left[i])
		if why := d.held[part]; why != "" {
			part += " (" + why + ")"
		}
		parts = append(parts, part)
	}
	count := "1 pod"
	if len(left) != 1 {
		count = fmt.Sprintf("%d pods", len(left))
	}
	text := fmt.Sprintf("%s to move: %s", count, strings.Join(parts, ", "))
	if text != d.said {
		d.said = text
		d.options.Progress(text)
	}
}

func name(p *corev1.Pod) string { return p.Namespace + "/" + p.Name }
