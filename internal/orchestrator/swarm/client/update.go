package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/swarm"
	docker "github.com/moby/moby/client"

	"github.com/clusterform/clusterform/internal/orchestrator"
)

// The labels that tell a node's place in the configuration.
const (
	LabelAddress = "clusterform.address" // node_pool.worker[1]
	LabelPool    = "clusterform.pool"    // worker
	LabelZone    = "clusterform.zone"    // eu-central-1a
	// labelKeys are the keys of the labels that the pool asked for last, with commas.
	labelKeys = "clusterform.labels"
)

// Configure writes the labels wanted and takes away those of earlier ones. Taints are refused by planning: a Swarm has none.
func (c *Client) Configure(ctx context.Context, m orchestrator.Member, s orchestrator.NodeSettings) error {
	return c.change(ctx, m, "set its labels", func(n swarm.Node) swarm.NodeSpec {
		spec := n.Spec
		spec.Labels = maps.Clone(spec.Labels)
		if spec.Labels == nil {
			spec.Labels = map[string]string{}
		}
		for k := range strings.SplitSeq(spec.Labels[labelKeys], ",") {
			delete(spec.Labels, k)
		}
		maps.Copy(spec.Labels, s.Labels)
		set(spec.Labels, labelKeys, strings.Join(slices.Sorted(maps.Keys(s.Labels)), ","))
		set(spec.Labels, LabelAddress, string(s.Address))
		set(spec.Labels, LabelPool, s.Pool)
		set(spec.Labels, LabelZone, s.Zone)
		return spec
	})
}

func set(labels map[string]string, key, value string) {
	if value == "" {
		delete(labels, key)
		return
	}
	labels[key] = value
}

// Cordon pauses a member: what runs there stays. A manager that runs no services anyway is left as it is.
func (c *Client) Cordon(ctx context.Context, m orchestrator.Member, on bool) error {
	what := "let services on it again"
	if on {
		what = "keep new services off it"
	}
	return c.change(ctx, m, what, func(n swarm.Node) swarm.NodeSpec {
		spec := n.Spec
		switch {
		case !on:
			spec.Availability = usual(n)
		case spec.Availability == swarm.NodeAvailabilityActive:
			spec.Availability = swarm.NodeAvailabilityPause
		}
		return spec
	})
}

// change writes a node's spec unless it is so already, again if somebody else wrote it meanwhile.
func (c *Client) change(ctx context.Context, m orchestrator.Member, what string, to func(swarm.Node) swarm.NodeSpec) error {
	return c.Do(ctx, func(ctx context.Context, api *docker.Client) error {
		return again(ctx, func() error {
			got, err := api.NodeInspect(ctx, m.ID, docker.NodeInspectOptions{})
			if err != nil {
				return fmt.Errorf("%s: %s: read the node: %w", name(m), what, err)
			}
			spec := to(got.Node)
			if same(spec, got.Node.Spec) {
				return nil
			}
			if _, err := api.NodeUpdate(ctx, m.ID, docker.NodeUpdateOptions{Version: got.Node.Version, Spec: spec}); err != nil {
				return fmt.Errorf("%s: %s: %w", name(m), what, err)
			}
			return nil
		})
	})
}

func same(a, b swarm.NodeSpec) bool {
	return a.Name == b.Name && a.Role == b.Role && a.Availability == b.Availability && maps.Equal(a.Labels, b.Labels)
}

// again repeats what failed because an object had changed since it was read.
func again(ctx context.Context, write func() error) error {
	const attempts = 5
	for i := 1; ; i++ {
		err := write()
		if err == nil || i == attempts || !OutOfDate(err) {
			return err
		}
		if err := pause(ctx, time.Duration(i)*100*time.Millisecond); err != nil {
			return err
		}
	}
}

// OutOfDate says that a write was refused since somebody else had written after the read.
func OutOfDate(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "update out of sequence") || cerrdefs.IsConflict(err))
}

// pause waits, or returns why it did not.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// name is how a member is called in messages.
func name(m orchestrator.Member) string {
	if a := m.Labels[LabelAddress]; a != "" {
		return fmt.Sprintf("%s (%s)", a, m.Instance)
	}
	return m.Instance
}

// errQuorum marks what is refused since the managers would lose their majority.
var errQuorum = errors.New("the Swarm would lose its quorum")
