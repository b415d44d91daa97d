package workload

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/swarm"
	docker "github.com/moby/moby/client"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/swarm/client"
)

// usualDeadline is how long a rollout may go without progress unless the workload says otherwise.
const usualDeadline = 10 * time.Minute

// view is a service with its tasks at one moment.
type view struct {
	service swarm.Service
	tasks   []swarm.Task
}

func (j *job) look(ctx context.Context, id string) (*view, error) {
	v := &view{}
	err := j.api.Do(ctx, func(ctx context.Context, api *docker.Client) error {
		got, err := api.ServiceInspect(ctx, id, docker.ServiceInspectOptions{})
		if err != nil {
			return fmt.Errorf("read the service: %w", err)
		}
		tasks, err := api.TaskList(ctx, docker.TaskListOptions{Filters: docker.Filters{}.Add("service", id)})
		if err != nil {
			return fmt.Errorf("list its tasks: %w", err)
		}
		v.service, v.tasks = got.Service, tasks.Items
		return nil
	})
	return v, err
}

// follow waits until the service runs as it was written. The deadline begins anew whenever more tasks run than ever before.
func (j *job) follow(ctx context.Context, id string) error {
	limit := usualDeadline
	if d, err := time.ParseDuration(j.spec.Attributes[orchestrator.AttributeProgressDeadline]); err == nil && d > 0 {
		limit = d
	}
	most, progress, crowded := -1, time.Now(), time.Time{}
	var last error
	trouble := ""
	for calm := 0; ; {
		v, err := j.look(ctx, id)
		if err == nil {
			have, want, done := v.count(time.Since(j.began) >= j.driver.settle)
			if err := j.broken(v); err != nil {
				return err
			}
			if calm++; !done {
				calm = 0
			}
			if calm > 1 { // a task that ends right away is seen the second time
				return nil
			}
			if have > most {
				most, progress = have, time.Now()
			}
			switch {
			case !v.crowded() || j.nodesComing():
				crowded = time.Time{}
			case crowded.IsZero():
				crowded = time.Now()
			case time.Since(crowded) > j.driver.crowded:
				return fmt.Errorf("%d of its %d tasks run, and there is no node for the others. %s", have, want, tooMany)
			}
			trouble = j.trouble(v)
			j.say(strings.TrimSuffix(fmt.Sprintf("%d of %d %s; %s", have, want, v.unit(), trouble), "; "))
		}
		last = err
		if time.Since(progress) > limit {
			break
		}
		if err := pause(ctx, j.driver.poll); err != nil {
			return fmt.Errorf("interrupted while it was rolled out: %w", err)
		}
	}
	if last != nil {
		return fmt.Errorf("its rollout could not be followed for %s: %w", limit, last)
	}
	return j.late(ctx, id, limit, trouble)
}

// tooMany says what to do about tasks whose ports are taken everywhere.
const tooMany = "Two tasks that publish one port cannot share a node whose kernel has no IPVS: write replicas no larger than the number of nodes that take them, or add nodes"

// nodesComing says that more nodes are on their way.
func (j *job) nodesComing() bool {
	c, ok := j.driver.connector.(comers)
	return ok && c.NodesComing(j.rt, j.cluster)
}

// crowded says that all tasks that do not run lack a node with a free port, and that none is about to be freed.
func (v *view) crowded() bool {
	lacking := 0
	for _, t := range v.tasks {
		switch wanted := t.DesiredState == swarm.TaskStateRunning || t.DesiredState == swarm.TaskStateReady; {
		case !wanted && t.Status.State == swarm.TaskStateRunning:
			return false // it is being stopped
		case !wanted || t.Status.State == swarm.TaskStateRunning:
		case t.Status.State == swarm.TaskStatePending && client.PortTaken(t.Status.Err):
			lacking++
		default:
			return false
		}
	}
	return lacking > 0
}

// late is the end of a rollout without progress: back to the version before, where that is asked for.
func (j *job) late(ctx context.Context, id string, limit time.Duration, trouble string) error {
	text := fmt.Sprintf("it made no progress for %s (update.progress_deadline): %s", limit, cmp.Or(trouble, "no task says why"))
	if client.PortTaken(trouble) {
		text += ". " + tooMany
	}
	if j.spec.Attributes[orchestrator.AttributeAutoRevert] != "true" || !j.previous {
		return fmt.Errorf("%s", text)
	}
	err := j.api.Do(ctx, func(ctx context.Context, api *docker.Client) error {
		got, err := api.ServiceInspect(ctx, id, docker.ServiceInspectOptions{})
		if err != nil {
			return err
		}
		_, err = api.ServiceUpdate(ctx, id, docker.ServiceUpdateOptions{Version: got.Service.Version, Spec: got.Service.Spec, Rollback: "previous"})
		return err
	})
	if err != nil {
		return fmt.Errorf("%s. Going back to the version before failed: %w", text, err)
	}
	j.say("goes back to the version before")
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); {
		v, err := j.look(ctx, id)
		if s := v.service.UpdateStatus; err == nil && s != nil && s.State == swarm.UpdateStateRollbackCompleted {
			return fmt.Errorf("%s. It went back to the version before, which runs", text)
		}
		if err := pause(ctx, j.driver.poll); err != nil {
			break
		}
	}
	return fmt.Errorf("%s. It goes back to the version before, and has not got there yet", text)
}

// broken says that the Swarm itself has given up.
func (j *job) broken(v *view) error {
	if s := v.service.UpdateStatus; s != nil {
		message := hclconfig.PrintableLine(s.Message)
		switch s.State {
		case swarm.UpdateStatePaused, swarm.UpdateStateRollbackPaused:
			return fmt.Errorf("the Swarm stopped the update (%s): %s. Change what is wrong and apply again", message, j.reasons(v))
		case swarm.UpdateStateRollbackCompleted:
			return fmt.Errorf("the new version failed, and the Swarm went back to the one before (update.auto_revert): %s", j.reasons(v))
		}
	}
	if m := v.service.Spec.Mode.ReplicatedJob; m != nil {
		p := v.service.Spec.TaskTemplate.RestartPolicy
		failed := 0
		for _, t := range v.tasks {
			if v.current(t) && (t.Status.State == swarm.TaskStateFailed || t.Status.State == swarm.TaskStateRejected) {
				failed++
			}
		}
		if failed > 0 && p != nil && (p.Condition == swarm.RestartPolicyConditionNone || p.MaxAttempts != nil && failed > int(*p.MaxAttempts)) {
			return fmt.Errorf("%d runs of it failed: %s", failed, j.reasons(v))
		}
	}
	return nil
}

func (v *view) unit() string {
	if v.service.Spec.Mode.ReplicatedJob != nil {
		return "runs complete"
	}
	return "tasks running"
}

// count tells how many tasks are as the service's present spec wants them. settled says that the Swarm has had the time to
// begin with an update.
func (v *view) count(settled bool) (have, want int, done bool) {
	if m := v.service.Spec.Mode.ReplicatedJob; m != nil {
		want = int(*m.TotalCompletions)
		for _, t := range v.tasks {
			if v.current(t) && t.Status.State == swarm.TaskStateComplete {
				have++
			}
		}
		return have, want, have >= want
	}
	wanted := 0
	for _, t := range v.tasks {
		if t.DesiredState != swarm.TaskStateRunning && t.DesiredState != swarm.TaskStateReady {
			continue
		}
		wanted++
		if t.Status.State == swarm.TaskStateRunning && v.current(t) {
			have++
		}
	}
	want = wanted
	if m := v.service.Spec.Mode.Replicated; m != nil && m.Replicas != nil {
		want = int(*m.Replicas)
	}
	s := v.service.UpdateStatus
	updating := s != nil && s.State != swarm.UpdateStateCompleted
	return have, want, !updating && have == want && wanted == want && (settled || s != nil)
}

// current says that a task was made from the service's present spec.
func (v *view) current(t swarm.Task) bool {
	if s := v.service.JobStatus; s != nil {
		return t.JobIteration != nil && t.JobIteration.Index == s.JobIteration.Index
	}
	template := v.service.Spec.TaskTemplate
	return equal(t.Spec.ContainerSpec, template.ContainerSpec) && equal(t.Spec.Resources, template.Resources)
}

func equal(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// trouble says of the tasks that are not as wanted what they say, the newest of each slot, no text twice.
func (j *job) trouble(v *view) string {
	var texts []string
	slots := map[string]bool{}
	for _, t := range newest(v.tasks) {
		slot := fmt.Sprintf("%d/%s", t.Slot, t.NodeID)
		if t.Slot > 0 {
			slot = strconv.Itoa(t.Slot)
		}
		if slots[slot] || !v.current(t) {
			continue // the slot runs by now, or has spoken
		}
		slots[slot] = t.Status.Err != "" || t.Status.State == swarm.TaskStateRunning
		if t.Status.Err != "" {
			texts = append(texts, j.text(t))
		}
	}
	return list(texts)
}

// reasons is what any task said last, of whichever version: for a rollout that has ended badly.
func (j *job) reasons(v *view) string {
	var texts []string
	for _, t := range newest(v.tasks) {
		if t.Status.Err != "" && (t.Status.State == swarm.TaskStateFailed || t.Status.State == swarm.TaskStateRejected) {
			texts = append(texts, j.text(t))
		}
	}
	return cmp.Or(list(texts), "no task says why; see the workload's logs")
}

func newest(tasks []swarm.Task) []swarm.Task {
	tasks = slices.Clone(tasks)
	slices.SortStableFunc(tasks, func(a, b swarm.Task) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return tasks
}

func (j *job) text(t swarm.Task) string {
	text := hclconfig.PrintableLine(t.Status.Err)
	if n := j.names[t.NodeID]; n != "" {
		text = n + ": " + text
	}
	return text
}

// list joins the first few texts, none twice.
func list(texts []string) string {
	var out []string
	for _, text := range texts {
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	const most = 3
	if len(out) > most {
		out = append(out[:most], fmt.Sprintf("and %d more", len(out)-most))
	}
	return strings.Join(out, "; ")
}
