package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/swarm"
	docker "github.com/moby/moby/client"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

var _ orchestrator.LogReader = (*Client)(nil)

// Logs writes the lines of all tasks of a workload's service, also of those that ended not long ago, each after the name of
// its task. The Swarm brings them from every node. A task is one container, so o.Container and o.Previous choose nothing.
func (c *Client) Logs(ctx context.Context, workload *resource.Record, o orchestrator.LogOptions, out io.Writer) error {
	service := workload.ID
	var tasks []swarm.Task
	var nodes []swarm.Node
	err := c.Do(ctx, func(ctx context.Context, api *docker.Client) error {
		_, err := api.ServiceInspect(ctx, service, docker.ServiceInspectOptions{})
		if cerrdefs.IsNotFound(err) {
			return fmt.Errorf("%s: %s has no service %s; apply makes it again", workload.Address, c.cluster.Address, service)
		}
		if err != nil {
			return err
		}
		got, err := api.TaskList(ctx, docker.TaskListOptions{Filters: docker.Filters{}.Add("service", service)})
		if err != nil {
			return err
		}
		members, err := api.NodeList(ctx, docker.NodeListOptions{})
		tasks, nodes = got.Items, members.Items
		return err
	})
	if err != nil {
		return err
	}
	conn, err := c.manager(ctx)
	if err != nil {
		return err
	}
	options := docker.ServiceLogsOptions{ShowStdout: true, ShowStderr: true, Follow: o.Follow, Details: true}
	if o.Tail > 0 {
		options.Tail = strconv.Itoa(o.Tail)
	}
	if o.Since > 0 {
		options.Since = c.now().Add(-o.Since).Format(time.RFC3339)
	}
	stream, err := conn.api.ServiceLogs(ctx, service, options)
	if err != nil {
		return fmt.Errorf("read the logs of %s: %w", service, err)
	}
	defer stream.Close()
	w := &lineWriter{out: out, names: taskNames(service, tasks, nodes)}
	_, err = stdcopy.StdCopy(w, w, stream)
	if flushErr := w.flush(); err == nil {
		err = flushErr
	}
	if o.Follow && ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
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

// lineWriter puts the name of its task before each line, in place of the details that Docker puts there.
type lineWriter struct {
	mu    sync.Mutex
	out   io.Writer
	names map[string]string
	rest  []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest = append(w.rest, p...)
	for {
		i := bytes.IndexByte(w.rest, '\n')
		if i < 0 {
			return len(p), nil
		}
		if err := w.line(string(w.rest[:i])); err != nil {
			return 0, err
		}
		w.rest = w.rest[i+1:]
	}
}

func (w *lineWriter) line(text string) error {
	details, text, _ := strings.Cut(text, " ")
	name := ""
	for d := range strings.SplitSeq(details, ",") {
		if id, ok := strings.CutPrefix(d, "com.docker.swarm.task.id="); ok {
			name = id
			if known := w.names[id]; known != "" {
				name = known
			}
		}
	}
	_, err := fmt.Fprintf(w.out, "%s | %s\n", name, hclconfig.PrintableLine(text))
	return err
}

func (w *lineWriter) flush() error {
	if len(w.rest) == 0 {
		return nil
	}
	return w.line(string(w.rest))
}
