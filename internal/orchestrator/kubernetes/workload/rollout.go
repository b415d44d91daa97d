package workload

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/clusterform/clusterform/internal/orchestrator"
)

// progressDeadline is a block's update.progress_deadline where it says nothing.
const progressDeadline = 10 * time.Minute

// progressOf is how far an object is on its way.
type progressOf struct {
	ready, wanted int64
	// text says it for people: "2 of 3 replicas ready".
	text string
	done bool
	// failed is final; nothing is waited for any more.
	failed string
	// running is as good as done at the end of the time given: a job that takes long.
	running bool
}

// rolloutError is a controller that did not get where it should.
type rolloutError struct {
	key  key
	text string
	// pods are the reasons of the pods, and their last lines.
	pods string
}

func (e *rolloutError) Error() string {
	if e.pods == "" {
		return e.text
	}
	return e.text + "; " + e.pods
}

func (e *rolloutError) failure(more string) error {
	return &failure{op: "Rollout", key: e.key, message: e.Error() + more, hint: "Correct the block and apply again; `clusterform logs` shows more of what its containers wrote"}
}

// rollOut follows what makes the pods until they are there. The error is a *rolloutError when it did not get there.
func (a *applying) rollOut(ctx context.Context, u *unstructured.Unstructured) error {
	limit := progressDeadline
	if d, err := time.ParseDuration(a.attribute(orchestrator.AttributeProgressDeadline)); err == nil && d > 0 {
		limit = d
	}
	k, gvk := keyFor(u), u.GroupVersionKind()
	began := time.Now()
	end, best, last := began.Add(limit), int64(-1), ""
	for pause := a.d.bounds.poll / 4; ; pause = a.d.bounds.next(pause, began) {
		err := a.d.persist(ctx, a.progress, func() (err error) {
			u, err = a.api.get(ctx, gvk, k)
			return failedOrNil("Get", k, err)
		})
		if apierrors.IsNotFound(err) {
			return &failure{op: "Rollout", key: k, message: "it was deleted while it was waited for", hint: "Apply again"}
		}
		if err != nil {
			return err
		}
		p := progressFor(u)
		if p.done {
			return nil
		}
		if p.ready > best { // progress: the time begins anew
			best, end = p.ready, time.Now().Add(limit)
		}
		late := time.Now().After(end)
		if late && p.running {
			a.progress("still running after " + limit.String() + "; it is not waited for any longer")
			return nil
		}
		why := a.why(ctx, u, late || p.failed != "")
		if p.failed != "" || late {
			text := p.text
			if p.failed == "" {
				text += fmt.Sprintf(" and no progress for %s", limit)
			} else {
				text += ": " + p.failed
			}
			return &rolloutError{key: k, text: text, pods: why}
		}
		text := p.text
		if why != "" {
			text += "; " + why
		}
		if text != last {
			a.progress(a.hide(text))
			last = text
		}
		if err := sleep(ctx, pause); err != nil {
			return errors.Join(&failure{op: "Rollout", key: k, message: "interrupted at " + p.text}, err)
		}
	}
}

// progressFor reads the status of a controller.
func progressFor(u *unstructured.Unstructured) progressOf {
	if seen := number(u, "status", "observedGeneration"); seen < u.GetGeneration() && hasGenerations(u.GetKind()) {
		return progressOf{text: "waiting for the cluster to take note", ready: -1}
	}
	switch u.GetKind() {
	case "Deployment", "StatefulSet":
		return deploymentProgress(u)
	case "DaemonSet":
		wanted, ready, current := number(u, "status", "desiredNumberScheduled"), number(u, "status", "numberAvailable"), number(u, "status", "updatedNumberScheduled")
		p := progressOf{ready: ready, wanted: wanted, text: fmt.Sprintf("%d of %d nodes ready", ready, wanted), done: ready >= wanted && current >= wanted}
		if current < wanted {
			p.ready, p.text = current, fmt.Sprintf("%d of %d nodes updated", current, wanted)
		}
		return p
	case "Job":
		return jobProgress(u)
	case "Pod":
		return podProgress(u)
	default:
		return progressOf{done: true}
	}
}

func hasGenerations(kind string) bool {
	return kind == "Deployment" || kind == "DaemonSet" || kind == "StatefulSet"
}

func deploymentProgress(u *unstructured.Unstructured) progressOf {
	wanted := numberOr(u, 1, "spec", "replicas")
	updated, total, available := number(u, "status", "updatedReplicas"), number(u, "status", "replicas"), number(u, "status", "availableReplicas")
	if u.GetKind() == "StatefulSet" {
		total = updated
		if c, n := status(u, "currentRevision"), status(u, "updateRevision"); c != n {
			updated = min(updated, wanted-1)
		}
	}
	p := progressOf{ready: available, wanted: wanted, text: fmt.Sprintf("%d of %s ready", available, count(wanted, "replica"))}
	switch {
	case updated < wanted:
		p.ready, p.text = updated, fmt.Sprintf("%d of %s updated", updated, count(wanted, "replica"))
	case total > updated:
		p.text = fmt.Sprintf("%s of the version before to end", count(total-updated, "replica"))
	case available >= wanted:
		p.done = true
		return p
	}
	if c, ok := conditionOf(u, "ReplicaFailure"); ok && c.status == "True" {
		p.text += "; " + c.message
	}
	// Its own condition of a deadline exceeded is not looked at: it stays for a while when another version is on its way.
	// Each step is progress, not only the first replica that is ready.
	p.ready = updated*1000 + available - max(total-updated, 0)
	return p
}

func jobProgress(u *unstructured.Unstructured) progressOf {
	wanted, succeeded := numberOr(u, 1, "spec", "completions"), number(u, "status", "succeeded")
	p := progressOf{ready: succeeded, wanted: wanted, text: fmt.Sprintf("%d of %s done", succeeded, count(wanted, "run")), running: number(u, "status", "ready") > 0}
	if c, ok := conditionOf(u, "Complete"); ok && c.status == "True" {
		p.done = true
	}
	if c, ok := conditionOf(u, "Failed"); ok && c.status == "True" {
		p.failed = strings.TrimSpace(c.reason + " " + c.message)
	}
	return p
}

func podProgress(u *unstructured.Unstructured) progressOf {
	phase := status(u, "phase")
	p := progressOf{wanted: 1, text: "the pod is " + strings.ToLower(phase)}
	c, _ := conditionOf(u, "Ready")
	switch {
	case phase == "Succeeded", phase == "Running" && c.status == "True":
		p.ready, p.done = 1, true
	case phase == "Failed":
		p.failed = "it has failed and is not started again"
	case phase == "":
		p.text = "the pod is pending"
	}
	return p
}

func status(u *unstructured.Unstructured, name string) string {
	s, _, _ := unstructured.NestedString(u.Object, "status", name)
	return s
}
