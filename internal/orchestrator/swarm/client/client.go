package client

import (
	"context"
	"errors"
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
	left    string // the address that was forgotten last: for a moment it may seem to answer still
}

var _ orchestrator.Client = (*Client)(nil)

// Cluster is what the client was made from.
func (c *Client) Cluster() orchestrator.Cluster { return c.cluster }

// Close ends the connection; the next call would make another.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != nil {
		c.current.close()
	}
	c.current = nil
	return nil
}

// attempts is how often work is begun: a manager may go while another has not come yet.
const attempts = 3

// errGone ends the calls of a connection that was given up.
var errGone = errors.New("the connection was given up")

// Do runs work against a manager's API, within a minute. When that manager went away, or is none any more, the work is
// done again at another: it must be fit to be repeated. What no manager did for such reasons is orchestrator.ErrUnreachable.
func (c *Client) Do(ctx context.Context, work func(ctx context.Context, api *docker.Client) error) error {
	for attempt := 1; ; attempt++ {
		conn, err := c.manager(ctx)
		if err != nil {
			return err
		}
		again, err := run(ctx, conn, work)
		if err == nil || ctx.Err() != nil || !again {
			return err
		}
		c.giveUp(conn)
		if attempt == attempts {
			return fmt.Errorf("%w: %w", orchestrator.ErrUnreachable, err)
		}
	}
}

// run does work once. again says that another connection may do better.
func run(ctx context.Context, conn *connection, work func(ctx context.Context, api *docker.Client) error) (again bool, err error) {
	bounded, cancel := context.WithTimeout(ctx, callBound)
	defer cancel()
	call, end := context.WithCancelCause(bounded)
	defer end(nil)
	stop := context.AfterFunc(conn.gone, func() { end(errGone) })
	defer stop()
	switch err := work(call, conn.api); {
	case err == nil:
		return false, nil
	case errors.Is(context.Cause(call), errGone), call.Err() != nil:
		return true, fmt.Errorf("%s gave no answer: %w", conn.host, context.Cause(call))
	default:
		return lost(err), err
	}
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

// Forget gives up the connection, for when the way to the managers has changed: calls that are under way are made again.
func (c *Client) Forget() {
	c.mu.Lock()
	conn := c.current
	if conn != nil {
		c.left = conn.host
	}
	c.mu.Unlock()
	if conn != nil {
		c.giveUp(conn)
	}
}

// giveUp ends a connection and its calls, unless another took its place already.
func (c *Client) giveUp(old *connection) {
	c.mu.Lock()
	if c.current == old {
		c.current = nil
	}
	c.mu.Unlock()
	old.close()
}
