package drivers

import (
	"errors"
	"testing"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// mute is an orchestrator's driver that tells nothing before it acts.
type mute struct{ resource.Driver }

func TestWithoutAPreview(t *testing.T) {
	t.Parallel()
	workloads := map[string]func(orchestrator.Connector) resource.Driver{
		"kubernetes": func(orchestrator.Connector) resource.Driver { return mute{} },
	}
	for name, d := range map[string]*Drivers{
		"no API is dialed":           New(Options{Launched: true, Workloads: workloads}),
		"a driver that has no words": New(Options{Workloads: workloads}),
	} {
		if p, err := d.Preview(t.Context(), nil, planner.PreviewRequest{}); p != nil || !errors.Is(err, planner.ErrNoPreview) {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
	if _, err := New(Options{}).Preview(t.Context(), nil, planner.PreviewRequest{}); err == nil || errors.Is(err, planner.ErrNoPreview) {
		t.Errorf("without Kubernetes: %v", err)
	}
}
