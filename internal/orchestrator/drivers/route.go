package drivers

import (
	"context"
	"slices"

	"github.com/clusterform/clusterform/planner/resource"
)

// routeDriver decorates the cloud's drivers of what leads to an API: an elastic address takes the place of the node's own,
// and who holds a connection to that one would wait for answers that do not come. Nodes are told of the new name.
type routeDriver struct {
	resource.Driver
	drivers *Drivers
}

// Apply implements resource.Driver.
func (d *routeDriver) Apply(ctx context.Context, rt resource.Runtime, batch []resource.Change, report func(int, resource.Result)) {
	d.Driver.Apply(ctx, rt, batch, func(i int, r resource.Result) {
		c := d.drivers.clusterOf(rt, objectOf(batch[i]))
		if c != nil {
			c.forget()
		}
		report(i, r)
		if c != nil && r.Err == nil && r.Record != nil {
			// For nodes that are there already; where it fails, whoever waits for a node tries again.
			_ = c.republishNames(ctx, rt)
		}
	})
}

// forgetful is a client that can give up its connections.
type forgetful interface{ Forget() }

// forget makes the clients connect anew: calls that are under way fail at once and are made again by who waits.
func (c *cluster) forget() {
	c.mu.Lock()
	clients := append(slices.Clone(c.old), c.client)
	c.mu.Unlock()
	for _, client := range clients {
		if f, ok := client.(forgetful); ok {
			f.Forget()
		}
	}
}
