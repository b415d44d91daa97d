package planner

import (
	"context"
	"fmt"

	"github.com/clusterform/clusterform/planner/resource"
)

// fakeCloud answers for the drivers of all kinds: everything recorded is as recorded, but for what a test changes.
type fakeCloud struct {
	// observe overrides what is seen of an id; a nil answer leaves it as recorded.
	observe map[string]func(*resource.Record) resource.Observation
	// extra is seen and not recorded.
	extra    []resource.Observation
	recover  map[string]resource.Recovery // by token
	findable map[string]*resource.Object
	err      error
}

func (c *fakeCloud) Driver(string, resource.Kind) (resource.Driver, error) { return driverFor{c}, nil }

func (c *fakeCloud) find(_ context.Context, _ resource.Runtime, _ string, _ resource.Kind, id string) (*resource.Object, error) {
	if o := c.findable[id]; o != nil {
		return o, nil
	}
	return nil, fmt.Errorf("%s does not exist", id)
}

type driverFor struct{ *fakeCloud }

func (d driverFor) Read(_ context.Context, _ resource.Runtime, _ []string, recorded []*resource.Record) ([]resource.Observation, error) {
	if d.err != nil {
		return nil, d.err
	}
	var out []resource.Observation
	for _, r := range recorded {
		o := resource.Observation{Address: r.Address, ID: r.ID, Status: resource.Present, Object: &r.Object, Phase: resource.PhaseReady}
		if f := d.observe[r.ID]; f != nil {
			o = f(r)
			o.Address, o.ID = r.Address, r.ID
		}
		out = append(out, o)
	}
	for _, o := range d.extra {
		for _, r := range recorded {
			if r.Kind == o.Object.Kind {
				out = append(out, o)
				break
			}
		}
	}
	return out, nil
}

func (d driverFor) Recover(_ context.Context, _ resource.Runtime, intents []resource.Intent) ([]resource.Recovery, error) {
	var out []resource.Recovery
	for _, in := range intents {
		r := d.recover[in.Token]
		r.Intent = in
		if r.Status == "" {
			r.Status = resource.Gone
		}
		out = append(out, r)
	}
	return out, nil
}

func (d driverFor) Apply(context.Context, resource.Runtime, []resource.Change, func(int, resource.Result)) {
	panic("planning applies nothing")
}
