package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/moby/moby/api/types/swarm"
	docker "github.com/moby/moby/client"

	"github.com/clusterform/clusterform/internal/orchestrator"
)

const (
	managersJoin = orchestrator.ControlPlanePath + orchestrator.ParameterJoin
	workersJoin  = orchestrator.WorkerPath + orchestrator.ParameterJoin
	initialised  = orchestrator.ControlPlanePath + orchestrator.ParameterInitialised
)

// Admit hands the Swarm's tokens to those who wait for them. Before there is a Swarm there is nothing to hand out: the first
// manager needs no token, and the others wait. Tokens are good until Dismiss.
func (c *Client) Admit(ctx context.Context) error {
	s, err := c.inspect(ctx)
	if errors.Is(err, orchestrator.ErrUnreachable) {
		got, getErr := c.parameters.Get(ctx, initialised)
		if getErr != nil {
			return fmt.Errorf("%s: %w", c.cluster.Address, getErr)
		}
		if _, there := got[initialised]; !there {
			return nil
		}
	}
	if err != nil {
		return err
	}
	wanted := map[string]string{managersJoin: s.JoinTokens.Manager, workersJoin: s.JoinTokens.Worker}
	got, err := c.parameters.Get(ctx, managersJoin, workersJoin)
	if err != nil {
		return fmt.Errorf("%s: %w", c.cluster.Address, err)
	}
	for _, name := range []string{managersJoin, workersJoin} {
		if got[name] == wanted[name] {
			continue
		}
		if err := c.parameters.Put(ctx, name, wanted[name]); err != nil {
			return fmt.Errorf("%s: hand out the token to join with: %w", c.cluster.Address, err)
		}
	}
	return nil
}

// Dismiss takes the tokens back and has the Swarm make others, which nobody has. The parameters go first: who reads one
// after that gets none, rather than one that has ended.
func (c *Client) Dismiss(ctx context.Context) error {
	if err := c.parameters.Delete(ctx, managersJoin, workersJoin); err != nil {
		return fmt.Errorf("%s: take back the tokens to join with: %w", c.cluster.Address, err)
	}
	return c.Do(ctx, func(ctx context.Context, api *docker.Client) error {
		return again(ctx, func() error {
			got, err := api.SwarmInspect(ctx, docker.SwarmInspectOptions{})
			if err != nil {
				return fmt.Errorf("%s: read the Swarm: %w", c.cluster.Address, err)
			}
			o := docker.SwarmUpdateOptions{Version: got.Swarm.Version, Spec: got.Swarm.Spec, RotateWorkerToken: true, RotateManagerToken: true}
			if _, err := api.SwarmUpdate(ctx, o); err != nil {
				return fmt.Errorf("%s: rotate the tokens to join with: %w", c.cluster.Address, err)
			}
			return nil
		})
	})
}

func (c *Client) inspect(ctx context.Context) (swarm.Swarm, error) {
	var s swarm.Swarm
	err := c.Do(ctx, func(ctx context.Context, api *docker.Client) error {
		got, err := api.SwarmInspect(ctx, docker.SwarmInspectOptions{})
		if err != nil {
			return fmt.Errorf("%s: read the Swarm: %w", c.cluster.Address, err)
		}
		s = got.Swarm
		return nil
	})
	return s, err
}
