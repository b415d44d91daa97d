package provider

import (
	"context"
	"sync"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/aws"
	"github.com/clusterform/clusterform/internal/bootstrap/software"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/drivers"
	"github.com/clusterform/clusterform/internal/seal"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// digestPurpose is what keys are derived for under which secrets are told apart without being recorded.
const digestPurpose = "digests of workloads"

// cloud is AWS with the orchestrators on it.
type cloud struct {
	*aws.Cloud
	drivers  *drivers.Drivers
	software *software.Resolver

	// orchestration needs the key that belongs to the state directory, which is made when it is first needed.
	orchestration func() (planner.Orchestration, error)
}

func newCloud(opts aws.Options, stateDir string, environ []string, bundle string, launched bool) *cloud {
	c := aws.New(opts)
	options := drivers.Standard(drivers.AWS(c))
	options.Launched = launched
	return &cloud{
		Cloud: c, drivers: drivers.New(options), software: &software.Resolver{Parameter: c.PublicParameter, Bundle: bundle},
		orchestration: sync.OnceValues(func() (planner.Orchestration, error) {
			key, err := seal.Ensure(stateDir, environ)
			if err != nil {
				return nil, err
			}
			return drivers.Orchestration{Key: []byte(key.MAC([]byte(digestPurpose)))}, nil
		}),
	}
}

// Driver implements planner.Drivers.
func (c *cloud) Driver(region string, kind resource.Kind) (resource.Driver, error) {
	return c.drivers.Driver(region, kind)
}

// Software implements planner.SoftwareLookup.
func (c *cloud) Software(ctx context.Context, region string, o hclconfig.Orchestrator, version, source string) (*resource.Software, error) {
	return c.software.Software(ctx, region, o, version, source)
}

// Preview implements planner.Previewer.
func (c *cloud) Preview(ctx context.Context, rt resource.Runtime, in planner.PreviewRequest) (*planner.Preview, error) {
	return c.drivers.Preview(ctx, rt, in)
}

// Orchestration implements engine.Cloud.
func (c *cloud) Orchestration() (planner.Orchestration, error) { return c.orchestration() }

// Connect implements engine.Cloud.
func (c *cloud) Connect(ctx context.Context, s *resource.Snapshot, cluster resource.Address) (orchestrator.Client, error) {
	return c.drivers.Connect(ctx, s, cluster)
}

// ParametersOf implements engine.Cloud.
func (c *cloud) ParametersOf(s *resource.Snapshot, cluster resource.Address) (orchestrator.Parameters, error) {
	return c.drivers.ParametersOf(s, cluster)
}
