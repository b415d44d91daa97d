package workload

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/clusterform/clusterform/hclconfig"
)

// logLines is how much of a container's output an error has.
const logLines = 5

// why says what keeps the pods of a controller from being ready: of the pod that is worst off. whole adds the last lines that
// it wrote. Not to know is no error: it is empty.
func (a *applying) why(ctx context.Context, u *unstructured.Unstructured, whole bool) string {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	pods, err := a.podsOf(ctx, u)
	if err != nil {
		return ""
	}
	worst, reason, container := (*corev1.Pod)(nil), "", ""
	weight := 0
	for i := range pods {
		r, c, w := trouble(&pods[i])
		if w > weight {
			worst, reason, container, weight = &pods[i], r, c, w
		}
	}
	if worst == nil {
		if len(pods) == 0 {
			return a.warning(ctx, u)
		}
		return ""
	}
	out := fmt.Sprintf("pod %s: %s", worst.Name, reason)
	if whole && container != "" {
		if lines := a.lastLines(ctx, worst, container); len(lines) > 0 {
			out += ": " + strings.Join(lines, " | ")
		}
	}
	return out
}

// podsOf lists a controller's pods; the newest first.
func (a *applying) podsOf(ctx context.Context, u *unstructured.Unstructured) ([]corev1.Pod, error) {
	pods := a.api.pods.Pods(u.GetNamespace())
	if u.GetKind() == "Pod" {
		p, err := pods.Get(ctx, u.GetName(), metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		return []corev1.Pod{*p}, nil
	}
	selector, _, _ := unstructured.NestedStringMap(u.Object, "spec", "selector", "matchLabels")
	if len(selector) == 0 {
		return nil, nil
	}
	list, err := pods.List(ctx, metav1.ListOptions{LabelSelector: labels.FormatLabels(selector), Limit: 500})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list.Items, func(x, y corev1.Pod) int { return y.CreationTimestamp.Compare(x.CreationTimestamp.Time) })
	return list.Items, nil
}

// trouble tells what a pod waits for, in which container, and how bad that is; 0 for one that is well.
func trouble(p *corev1.Pod) (reason, container string, weight int) {
	if p.DeletionTimestamp != nil || p.Status.Phase == corev1.PodSucceeded {
		return "", "", 0
	}
	for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		switch {
		case s.State.Waiting != nil && s.State.Waiting.Reason != "" && s.State.Waiting.Reason != "ContainerCreating" && s.State.Waiting.Reason != "PodInitializing":
			w := s.State.Waiting
			text := fmt.Sprintf("container %s: %s", s.Name, w.Reason)
			if t := s.LastTerminationState.Terminated; t != nil {
				return text + " (" + ended(t) + ")", s.Name, 5
			}
			if w.Message != "" {
				text += ": " + w.Message
			}
			return hclconfig.PrintableLine(text), "", 5
		case s.State.Terminated != nil && s.State.Terminated.ExitCode != 0:
			return fmt.Sprintf("container %s: %s", s.Name, ended(s.State.Terminated)), s.Name, 4
		}
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return hclconfig.PrintableLine(strings.TrimPrefix(c.Reason+": "+c.Message, ": ")), "", 3
		}
	}
	for _, s := range p.Status.ContainerStatuses {
		if s.State.Running != nil && !s.Ready {
			return fmt.Sprintf("container %s: running, and not ready", s.Name), s.Name, 2
		}
	}
	if p.Status.Phase == corev1.PodPending {
		return "pending", "", 1
	}
	return "", "", 0
}

func ended(t *corev1.ContainerStateTerminated) string {
	text := fmt.Sprintf("exit code %d", t.ExitCode)
	if t.Reason != "" && t.Reason != "Error" && t.Reason != "Completed" {
		text = t.Reason + ", " + text
	}
	return text
}

// lastLines are what a container wrote last, or the one before it.
func (a *applying) lastLines(ctx context.Context, p *corev1.Pod, container string) []string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	n := int64(logLines)
	for _, previous := range []bool{false, true} {
		stream, err := a.api.pods.Pods(p.Namespace).GetLogs(p.Name, &corev1.PodLogOptions{Container: container, Previous: previous, TailLines: &n}).Stream(ctx)
		if err != nil {
			continue
		}
		var lines []string
		for s := bufio.NewScanner(stream); s.Scan() && len(lines) < logLines; {
			if line := strings.TrimSpace(hclconfig.PrintableLine(s.Text())); line != "" {
				lines = append(lines, line[:min(len(line), 200)])
			}
		}
		_ = stream.Close()
		if len(lines) > 0 {
			return lines
		}
	}
	return nil
}

// warning is the newest complaint about a controller that has no pods: a quota, an admission rule.
func (a *applying) warning(ctx context.Context, u *unstructured.Unstructured) string {
	list, err := a.api.pods.Events(u.GetNamespace()).List(ctx, metav1.ListOptions{
		FieldSelector: "type=Warning,involvedObject.uid=" + string(u.GetUID()), Limit: 50,
	})
	if err != nil || len(list.Items) == 0 {
		return ""
	}
	newest := slices.MaxFunc(list.Items, func(x, y corev1.Event) int { return x.LastTimestamp.Compare(y.LastTimestamp.Time) })
	return hclconfig.PrintableLine(newest.Reason + ": " + newest.Message)
}
