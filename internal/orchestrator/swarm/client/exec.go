package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/swarm"
	docker "github.com/moby/moby/client"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

var _ orchestrator.Executor = (*Client)(nil)

// Exec runs a command in a task's container: directly where the task is on a manager whose API is reached from here, and by
// way of the Swarm itself elsewhere, see runElsewhere.
func (c *Client) Exec(ctx context.Context, workload *resource.Record, o orchestrator.ExecOptions) (code int, err error) {
	if len(o.Command) == 0 {
		return 0, errors.New("there is no command to run")
	}
	var tasks []swarm.Task
	var nodes []swarm.Node
	err = c.Do(ctx, func(ctx context.Context, api *docker.Client) error {
		got, err := api.TaskList(ctx, docker.TaskListOptions{Filters: docker.Filters{}.Add("service", workload.ID)})
		if err != nil {
			return fmt.Errorf("list the tasks of %s: %w", workload.Address, err)
		}
		list, err := api.NodeList(ctx, docker.NodeListOptions{})
		tasks, nodes = got.Items, list.Items
		return err
	})
	if err != nil {
		return 0, err
	}
	names := taskNames(workload.ID, tasks, nodes)
	var refused error
	for _, t := range tasks {
		name, _, _ := strings.Cut(names[t.ID], " on ")
		if t.Status.State != swarm.TaskStateRunning || t.Status.ContainerStatus == nil || o.Replica != "" && o.Replica != name && o.Replica != names[t.ID] {
			continue
		}
		p := place{task: t, name: names[t.ID]}
		for _, n := range nodes {
			if n.ID == t.NodeID {
				p.node = n
			}
		}
		if p.node.Spec.Role == swarm.NodeRoleManager {
			conn, err := c.on(ctx, t.NodeID)
			if err != nil {
				return 0, err
			}
			if conn != nil {
				code, err := runIn(ctx, conn.api, t.Status.ContainerStatus.ContainerID, o)
				conn.close()
				return code, err
			}
		}
		if refused = p.refuses(o); refused == nil {
			return c.runElsewhere(ctx, p, o)
		}
	}
	if refused != nil {
		return 0, refused
	}
	return 0, fmt.Errorf("no task of %s runs; `clusterform status` and `clusterform logs` say why", strings.TrimSpace(string(workload.Address)+" "+o.Replica))
}

// on connects to the engine of one node; nil when it is none of the managers that answer.
func (c *Client) on(ctx context.Context, node string) (*connection, error) {
	pair, err := c.authority.IssueClient(pki.Client{CommonName: user}, c.now())
	if err != nil {
		return nil, err
	}
	for _, host := range c.cluster.Hosts {
		conn, err := c.ask(ctx, host, pair, 0)
		switch {
		case err != nil:
			continue
		case conn.node == node:
			return conn, nil
		}
		conn.close()
	}
	return nil, ctx.Err()
}

// runIn runs one command in one container to its end.
func runIn(ctx context.Context, api *docker.Client, container string, o orchestrator.ExecOptions) (int, error) {
	made, err := api.ExecCreate(ctx, container, docker.ExecCreateOptions{
		TTY: o.TTY, AttachStdin: o.In != nil, AttachStdout: true, AttachStderr: true, Cmd: o.Command,
	})
	if err != nil {
		return 0, fmt.Errorf("run %q: %w", o.Command[0], err)
	}
	stream, err := api.ExecAttach(ctx, made.ID, docker.ExecAttachOptions{TTY: o.TTY})
	if err != nil {
		return 0, fmt.Errorf("run %q: %w", o.Command[0], err)
	}
	defer stream.Close()
	stop := context.AfterFunc(ctx, stream.Close)
	defer stop()
	if o.TTY {
		defer raw(o.In)()
		sizes, end := context.WithCancel(ctx)
		defer end()
		go followSize(sizes, api, made.ID, o)
	}
	if o.In != nil {
		go func() {
			_, _ = io.Copy(stream.Conn, o.In) // the command may end before its input does
			_ = stream.CloseWrite()
		}()
	}
	if o.TTY {
		_, err = io.Copy(o.Out, stream.Reader)
	} else {
		_, err = stdcopy.StdCopy(o.Out, o.Err, stream.Reader)
	}
	if err != nil {
		return 0, fmt.Errorf("read the output of %q: %w", o.Command[0], err)
	}
	end, err := api.ExecInspect(ctx, made.ID, docker.ExecInspectOptions{})
	if err != nil {
		return 0, fmt.Errorf("read the exit code of %q: %w", o.Command[0], err)
	}
	return end.ExitCode, nil
}
