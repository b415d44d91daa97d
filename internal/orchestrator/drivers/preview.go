package drivers

import (
	"context"

	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

var _ planner.Previewer = (*Drivers)(nil)

// Preview implements planner.Previewer. With -wait=launched no API is dialed.
func (d *Drivers) Preview(ctx context.Context, rt resource.Runtime, in planner.PreviewRequest) (*planner.Preview, error) {
	if d.opts.Launched {
		return nil, planner.ErrNoPreview
	}
	inner, err := (&workloadDriver{Drivers: d}).driver(manifestsAre)
	if err != nil {
		return nil, err
	}
	by, ok := inner.(planner.Previewer)
	if !ok {
		return nil, planner.ErrNoPreview
	}
	return by.Preview(ctx, rt, in)
}
