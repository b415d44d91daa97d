package engine

import (
	"context"
	"fmt"
	"maps"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/event"
)

// Upgrade brings a cluster and all of its node pools to another version, in one plan: the control plane first. What happens
// is told to events. Nothing of it is begun unless all of it can be planned.
func (c *Cluster) Upgrade(ctx context.Context, version string, events event.Sink) hclconfig.Diagnostics {
	s, err := c.stored()
	if err != nil {
		return failed(err)
	}
	b, has := s.Blocks[c.id.Address()]
	if !has {
		return failed(fmt.Errorf("there is no cluster %s on record in %s: apply it first", c.id, c.dir))
	}
	b.Body = maps.Clone(b.Body)
	b.Body["version"] = Literal(version)
	defer c.declare(b)()
	changes := []*change{{ctx: ctx, block: b, look: true, together: true, events: events}}
	for _, pool := range s.Blocks {
		if pool.Type == "node_pool" {
			changes = append(changes, &change{ctx: ctx, block: pool, look: true, together: true})
		}
	}
	var diags hclconfig.Diagnostics
	said := map[string]bool{}
	for _, out := range c.enqueue(changes...) {
		for _, d := range out.Errors { // one failure may keep several from being as wanted
			if !said[d.Detail] {
				diags = append(diags, d)
			}
			said[d.Detail] = true
		}
	}
	return diags
}

// declare is Declare for as long as a change takes; then what this run of Terraform wants is as it was.
func (c *Cluster) declare(b Block) (undo func()) {
	c.mu.Lock()
	before, had := c.declared[b.Address()]
	c.mu.Unlock()
	c.Declare(b)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if delete(c.declared, b.Address()); had {
			c.declared[b.Address()] = before
		}
	}
}

// listeners passes events on to all who asked for them with a batch.
func listeners(batch []*change) event.Sink {
	var sinks []event.Sink
	for _, ch := range batch {
		if ch.events != nil {
			sinks = append(sinks, ch.events)
		}
	}
	return event.SinkFunc(func(e event.Event) {
		for _, s := range sinks {
			s.Emit(e)
		}
	})
}

// apart are the batches to try when one cannot be planned as a whole: each change by itself, but those that belong together.
func apart(batch []*change) [][]*change {
	var together []*change
	var out [][]*change
	for _, ch := range batch {
		if ch.together {
			together = append(together, ch)
		} else {
			out = append(out, []*change{ch})
		}
	}
	if len(together) > 0 {
		out = append(out, together)
	}
	return out
}
