package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/swarm"
	docker "github.com/moby/moby/client"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

var _ orchestrator.LogReader = (*Client)(nil)

const (
	// followBound is how long to look for another manager when the one that brings the logs is lost, followPause is between
	// two tries.
	followBound = 2 * time.Minute
	followPause = time.Second
	// followAgain is how far back another manager is asked: clocks differ, and what was shown is not shown again.
	followAgain = time.Minute
)

// Logs writes the lines of all tasks of a workload's service, also of those that ended not long ago, each after the name of
// its task. The Swarm brings them from every node. A task is one container, so o.Container and o.Previous choose nothing.
// Lines that are followed go on when a manager is lost, by another one, until ctx ends or the service goes.
func (c *Client) Logs(ctx context.Context, workload *resource.Record, o orchestrator.LogOptions, out io.Writer) error {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	names, err := c.taskNames(ctx, workload)
	if err != nil {
		return err
	}
	options := docker.ServiceLogsOptions{ShowStdout: true, ShowStderr: true, Follow: o.Follow, Details: true, Timestamps: true}
	if o.Tail > 0 {
		options.Tail = strconv.Itoa(o.Tail)
	}
	if o.Since > 0 {
		options.Since = c.now().Add(-o.Since).Format(time.RFC3339)
	}
	w := &lineWriter{out: out, names: names, look: func() map[string]string {
		names, err := c.taskNames(ctx, workload)
		if err != nil {
			return nil // the line is shown with the id
		}
		return names
	}, came: func(name string) { o.Progress(name + " has come") }}
	if !o.Follow {
		_, err := c.copyLogs(ctx, workload.ID, options, w)
		return err
	}
	for deadline := c.now().Add(followBound); ; {
		began, err := c.copyLogs(ctx, workload.ID, options, w)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // whoever follows has seen enough
		case w.failed != nil:
			return w.failed // nobody reads any more
		case began:
			deadline = c.now().Add(followBound)
		case c.now().After(deadline):
			return err
		}
		// A stream that ends without an error ends with its service, or with its manager.
		if _, nameErr := c.taskNames(ctx, workload); errors.Is(nameErr, errNoService) {
			o.Progress(nameErr.Error())
			return nil
		}
		if err != nil {
			o.Progress("the manager that brought the logs is lost; another one is asked")
		}
		options.Tail, options.Since = "", c.now().Add(-followAgain).Format(time.RFC3339)
		w.again()
		if err := pause(ctx, followPause); err != nil {
			return nil //nolint:nilerr // as above
		}
	}
}

// copyLogs copies one stream of logs to its end. began says that there was one.
func (c *Client) copyLogs(ctx context.Context, service string, options docker.ServiceLogsOptions, w *lineWriter) (began bool, err error) {
	bound := firstByteBound
	if options.Follow {
		bound = 0
	}
	conn, err := c.stream(ctx, bound)
	if err != nil {
		return false, err
	}
	defer conn.close()
	stream, err := conn.api.ServiceLogs(ctx, service, options)
	if err != nil {
		return false, fmt.Errorf("read the logs of %s: %w", service, err)
	}
	defer stream.Close()
	_, err = stdcopy.StdCopy(w, w, stream)
	if flushErr := w.flush(); err == nil {
		err = flushErr
	}
	if err != nil {
		c.Forget() // the manager that answered last may be the one that is lost
	}
	return true, err
}

// errNoService says that there is nothing whose logs could be read.
var errNoService = errors.New("apply makes it again")

// taskNames are the names of a workload's tasks by their ids.
func (c *Client) taskNames(ctx context.Context, workload *resource.Record) (map[string]string, error) {
	var names map[string]string
	err := c.Do(ctx, func(ctx context.Context, api *docker.Client) error {
		service := workload.ID
		_, err := api.ServiceInspect(ctx, service, docker.ServiceInspectOptions{})
		if cerrdefs.IsNotFound(err) {
			return fmt.Errorf("%s: %s has no service %s; %w", workload.Address, c.cluster.Address, service, errNoService)
		}
		if err != nil {
			return err
		}
		tasks, err := api.TaskList(ctx, docker.TaskListOptions{Filters: docker.Filters{}.Add("service", service)})
		if err != nil {
			return err
		}
		members, err := api.NodeList(ctx, docker.NodeListOptions{})
		names = taskNames(service, tasks.Items, members.Items)
		return err
	})
	return names, err
}

// taskNames are "default_web.1 on node_pool.worker[0]" by the task's id.
func taskNames(service string, tasks []swarm.Task, nodes []swarm.Node) map[string]string {
	places := map[string]string{}
	for _, n := range nodes {
		places[n.ID] = n.Description.Engine.Labels[EngineInstance]
		if a := n.Spec.Labels[LabelAddress]; a != "" {
			places[n.ID] = a
		}
	}
	out := map[string]string{}
	for _, t := range tasks {
		out[t.ID] = fmt.Sprintf("%s.%d", service, t.Slot)
		if t.Slot == 0 {
			out[t.ID] = service
		}
		if p := places[t.NodeID]; p != "" {
			out[t.ID] += " on " + p
		}
	}
	return out
}
