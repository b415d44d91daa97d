package client

import (
	"context"
	"fmt"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	docker "github.com/moby/moby/client"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

// callBound is the most that one piece of work on the API may take, the search for another manager not counted.
const callBound = time.Minute

// Client is one Swarm, seen through whichever of its managers answers.
type Client struct {
	cluster    orchestrator.Cluster
	parameters orchestrator.Parameters
	authority  *pki.Authority
	port       int
	now        func() time.Time

	mu      sync.Mutex
	current *connection
}

var _ orchestrator.Client = (*Client)(nil)

// Cluster is what the client was made from.
func (c *Client) Cluster() orchestrator.Cluster { return c.cluster }

// Close ends the connection; the next call would make another.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.current
	c.current = nil
	if old == nil {
		return nil
	}
	return old.api.Close()
}

// Do runs work against a manager's API, within a minute. When that manager went away, or is none any more, the work is
// done once more at another: it must be fit to be repeated.
func (c *Client) Do(ctx context.Context, work func(ctx context.Context, api *docker.Client) error) error {
	for attempt := 1; ; attempt++ {
		conn, err := c.manager(ctx)
		if err != nil {
			return err
		}
		err = run(ctx, conn.api, work)
		if err == nil || attempt > 1 || ctx.Err() != nil || !lost(err) {
			return err
		}
		c.forget(conn)
	}
}

func run(ctx context.Context, api *docker.Client, work func(ctx context.Context, api *docker.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, callBound)
	defer cancel()
	return work(ctx, api)
}

// lost says that another manager may do better: this one does not answer, was demoted, or has no leader.
func lost(err error) bool {
	return docker.IsErrConnectionFailed(err) || cerrdefs.IsUnavailable(err) || isNetwork(err)
}

// Healthy asks a manager for the Swarm, which takes a leader to answer.
func (c *Client) Healthy(ctx context.Context) error {
	return c.Do(ctx, func(ctx context.Context, api *docker.Client) error {
		if _, err := api.SwarmInspect(ctx, docker.SwarmInspectOptions{}); err != nil {
			return fmt.Errorf("%s: its managers do not agree on a leader: %w", c.cluster.Address, err)
		}
		return nil
	})
}

// forget gives up a connection, unless another took its place already.
func (c *Client) forget(old *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == old {
		c.current = nil
		_ = old.api.Close() // it is of no use any more, whatever it says
	}
}
