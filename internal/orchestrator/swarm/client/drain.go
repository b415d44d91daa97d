package client

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/swarm"
	docker "github.com/moby/moby/client"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

const (
	// drainTimeout is how long a drain waits unless it is told.
	drainTimeout = 10 * time.Minute
	// drainPoll is how often it looks.
	drainPoll = time.Second
	// crowdedBound is how long tasks must lack a node with a free port before a drain goes on without them.
	crowdedBound = 10 * time.Second
)

// Drain moves a member's tasks away: the Swarm stops them, each within its own grace period (o.Grace cannot change that), and
// starts others elsewhere. It ends when the member is empty and each service has as many tasks running as before; global
// services are not replaced, nor is what would publish a port that is taken on all other nodes: no waiting helps those. A
// member that is not Ready, or ceases to be, is not waited for: a Swarm takes a while to notice that a machine died.
func (c *Client) Drain(ctx context.Context, m orchestrator.Member, o orchestrator.DrainOptions) error {
	o.Timeout = cmp.Or(o.Timeout, drainTimeout)
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	before, err := c.work(ctx, m)
	if err != nil {
		return err
	}
	err = c.change(ctx, m, "drain it", func(n swarm.Node) swarm.NodeSpec {
		spec := n.Spec
		spec.Availability = swarm.NodeAvailabilityDrain
		return spec
	})
	if err != nil || !m.Ready {
		return err
	}
	var waiting []string
	said, crowded := "", time.Time{}
	for deadline := c.now().Add(o.Timeout); ; {
		now, err := c.work(ctx, m)
		if err != nil {
			return err
		}
		if waiting = now.missing(before); len(waiting) == 0 {
			return nil
		}
		if now.down {
			o.Progress("its engine does not answer any more, so it is not waited for")
			return nil
		}
		switch {
		case !now.crowded(before):
			crowded = time.Time{}
		case crowded.IsZero():
			crowded = c.now()
		case c.now().Sub(crowded) >= crowdedBound:
			o.Progress("goes on, as no other node has the port free: " + strings.Join(waiting, "; "))
			return nil
		}
		if text := "draining: " + strings.Join(waiting[:min(len(waiting), 3)], "; "); text != said {
			said = text
			o.Progress(text)
		}
		if c.now().After(deadline) {
			break
		}
		if err := pause(ctx, drainPoll); err != nil {
			return err
		}
	}
	if o.Force {
		o.Progress(fmt.Sprintf("goes on after %s without %s", o.Timeout, strings.Join(waiting, "; ")))
		return nil
	}
	return &orchestrator.DrainError{Member: name(m), Waiting: waiting, Timeout: o.Timeout}
}

// work is what runs on a member, and elsewhere of the same services.
type work struct {
	here      []string          // names of the tasks on the member that have not ended
	services  []string          // ids of services of kind replicated that had tasks on it
	elsewhere map[string]int    // tasks running on other members, by service
	total     map[string]int    // tasks running anywhere
	wanted    map[string]int    // tasks that services of kind replicated ask for
	names     map[string]string // of services
	trouble   map[string]string // what the newest task that does not run says
	down      bool              // the member does not answer, so its tasks end in nobody's sight
}

func (c *Client) work(ctx context.Context, m orchestrator.Member) (*work, error) {
	w := &work{elsewhere: map[string]int{}, total: map[string]int{}, wanted: map[string]int{}, names: map[string]string{}, trouble: map[string]string{}}
	err := c.Do(ctx, func(ctx context.Context, api *docker.Client) error {
		services, err := api.ServiceList(ctx, docker.ServiceListOptions{})
		if err != nil {
			return fmt.Errorf("%s: list services: %w", name(m), err)
		}
		tasks, err := api.TaskList(ctx, docker.TaskListOptions{})
		if err != nil {
			return fmt.Errorf("%s: list tasks: %w", name(m), err)
		}
		w.fill(m, services.Items, tasks.Items)
		got, err := api.NodeInspect(ctx, m.ID, docker.NodeInspectOptions{})
		if err != nil && !cerrdefs.IsNotFound(err) {
			return fmt.Errorf("%s: read the node: %w", name(m), err)
		}
		gone := err != nil
		w.down = gone || got.Node.Status.State != swarm.NodeStateReady
		return nil //nolint:nilerr // a node that is gone is an answer
	})
	return w, err
}

func (w *work) fill(m orchestrator.Member, services []swarm.Service, tasks []swarm.Task) {
	replicated := map[string]bool{}
	for _, s := range services {
		w.names[s.ID] = s.Spec.Name
		replicated[s.ID] = s.Spec.Mode.Replicated != nil
		if r := s.Spec.Mode.Replicated; r != nil {
			w.wanted[s.ID] = 1 // what none means
			if r.Replicas != nil {
				w.wanted[s.ID] = int(*r.Replicas)
			}
		}
	}
	moved := map[string]bool{}
	for _, t := range tasks {
		if ended(t.Status.State) {
			continue
		}
		running := t.Status.State == swarm.TaskStateRunning && t.DesiredState == swarm.TaskStateRunning
		switch {
		case running:
			w.total[t.ServiceID]++
		case t.Status.Err != "":
			w.trouble[t.ServiceID] = hclconfig.PrintableLine(t.Status.Err)
		}
		if t.NodeID != m.ID {
			if running {
				w.elsewhere[t.ServiceID]++
			}
			continue
		}
		if replicated[t.ServiceID] {
			moved[t.ServiceID] = true
		}
		w.here = append(w.here, fmt.Sprintf("%s.%d", cmp.Or(w.names[t.ServiceID], t.ServiceID), t.Slot))
	}
	slices.Sort(w.here)
	w.services = slices.Sorted(maps.Keys(moved))
}

func ended(s swarm.TaskState) bool {
	switch s {
	case swarm.TaskStateComplete, swarm.TaskStateShutdown, swarm.TaskStateFailed, swarm.TaskStateRejected, swarm.TaskStateRemove, swarm.TaskStateOrphaned:
		return true
	default:
		return false
	}
}

// missing says what keeps a drain from its end.
func (w *work) missing(before *work) []string {
	var out []string
	for _, task := range w.here {
		out = append(out, task+": is being stopped")
	}
	for _, s := range w.short(before) {
		text := fmt.Sprintf("%s: %d of %d tasks run elsewhere", w.names[s], w.elsewhere[s], w.due(before, s))
		if w.trouble[s] != "" {
			text += ": " + w.trouble[s]
		}
		out = append(out, text)
	}
	return out
}

// short are the services that have fewer tasks elsewhere than are due.
func (w *work) short(before *work) []string {
	return slices.DeleteFunc(slices.Clone(before.services), func(s string) bool {
		return w.names[s] == "" || w.elsewhere[s] >= w.due(before, s)
	})
}

// due is how many tasks of a service are to run elsewhere: as many as before, unless fewer are asked for by now.
func (w *work) due(before *work, s string) int { return min(before.total[s], w.wanted[s]) }

// crowded says that the member is empty, and whatever is missing lacks a node with a free port.
func (w *work) crowded(before *work) bool {
	return len(w.here) == 0 && !slices.ContainsFunc(w.short(before), func(s string) bool { return !PortTaken(w.trouble[s]) })
}

// PortTaken tells the scheduler's word for a task whose port is taken on every node that would do.
func PortTaken(trouble string) bool {
	return strings.Contains(trouble, "host-mode port already in use")
}
