package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/swarm"
	docker "github.com/moby/moby/client"

	"github.com/clusterform/clusterform/internal/orchestrator"
)

// demoteBound is how long a manager may take to leave the managers' quorum.
const demoteBound = time.Minute

// Remove takes every entry of a machine out of the Swarm; a manager is demoted first. It refuses what would leave the
// managers without a majority that answers.
func (c *Client) Remove(ctx context.Context, m orchestrator.Member) error {
	nodes, err := c.nodes(ctx)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if n.ID != m.ID && (m.Instance == "" || n.Description.Engine.Labels[EngineInstance] != m.Instance) {
			continue
		}
		if n.Spec.Role == swarm.NodeRoleManager {
			if err := c.demote(ctx, m, n, nodes); err != nil {
				return err
			}
		}
		err := c.Do(ctx, func(ctx context.Context, api *docker.Client) error {
			_, err := api.NodeRemove(ctx, n.ID, docker.NodeRemoveOptions{Force: true})
			if cerrdefs.IsNotFound(err) {
				return nil
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: remove it from the Swarm: %w", name(m), err)
		}
	}
	return nil
}

func (c *Client) demote(ctx context.Context, m orchestrator.Member, n swarm.Node, nodes []swarm.Node) error {
	if err := keepsQuorum(n, nodes); err != nil {
		return fmt.Errorf("%s: %w", name(m), err)
	}
	entry := m
	entry.ID = n.ID
	err := c.change(ctx, entry, "demote it", func(n swarm.Node) swarm.NodeSpec {
		spec := n.Spec
		spec.Role = swarm.NodeRoleWorker
		return spec
	})
	if err != nil {
		return err
	}
	for deadline := c.now().Add(demoteBound); ; {
		left := false
		err := c.Do(ctx, func(ctx context.Context, api *docker.Client) error {
			got, err := api.NodeInspect(ctx, n.ID, docker.NodeInspectOptions{})
			left = err == nil && got.Node.ManagerStatus == nil || cerrdefs.IsNotFound(err)
			if cerrdefs.IsNotFound(err) {
				return nil
			}
			return err
		})
		// While a leader steps down, nobody answers for a moment.
		if err != nil && !errors.Is(err, orchestrator.ErrUnreachable) && !lost(err) {
			return fmt.Errorf("%s: wait for its demotion: %w", name(m), err)
		}
		if left {
			return nil
		}
		if c.now().After(deadline) {
			return fmt.Errorf("%s was demoted, and is still one of the Swarm's managers after %s; run the same again when the others are well", name(m), demoteBound)
		}
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
}

// keepsQuorum refuses to demote a manager when most of those that stay do not answer.
func keepsQuorum(leaving swarm.Node, nodes []swarm.Node) error {
	rest, reachable := 0, 0
	for _, n := range nodes {
		if n.ID == leaving.ID || n.Spec.Role != swarm.NodeRoleManager {
			continue
		}
		rest++
		if n.ManagerStatus != nil && n.ManagerStatus.Reachability == swarm.ReachabilityReachable {
			reachable++
		}
	}
	switch {
	case rest == 0:
		return fmt.Errorf("%w: it is the last manager. Let another one join first", errQuorum)
	case reachable <= rest/2:
		return fmt.Errorf("%w: of the %d managers that would stay only %d answer. Bring those back first, or replace them", errQuorum, rest, reachable)
	default:
		return nil
	}
}
