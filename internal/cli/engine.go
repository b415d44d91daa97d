package cli

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/aws"
	"github.com/clusterform/clusterform/internal/bootstrap/software"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/drivers"
	"github.com/clusterform/clusterform/internal/seal"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// engine is the cloud with the orchestrators on it: all that planning and applying need.
type engine struct {
	Cloud
	drivers       *drivers.Drivers
	software      *software.Resolver
	endpoint      func(ctx context.Context, region string) (string, error)
	console       func(ctx context.Context, region, instance string) (string, error)
	orchestration planner.Orchestration
}

var (
	_ planner.SoftwareLookup = (*engine)(nil)
	_ planner.Previewer      = (*engine)(nil)
)

// newEngine connects nothing yet. launched says that nodes are done when their instances run, and no orchestrator's API is
// called.
func (a *App) newEngine(o CloudOptions, key []byte, launched bool) *engine {
	e := &engine{Cloud: a.NewCloud(o), orchestration: drivers.Orchestration{Key: key}}
	c, ok := e.Cloud.(*aws.Cloud)
	if !ok {
		return e // a cloud without orchestrators, in tests
	}
	options := drivers.Standard(drivers.AWS(c))
	options.Launched, options.Now = launched, a.Now
	e.drivers = drivers.New(options)
	e.software = &software.Resolver{Parameter: c.PublicParameter, Bundle: a.Env(software.BundleVariable)}
	e.endpoint, e.console = c.Endpoint, c.Console
	return e
}

// Driver implements planner.Drivers.
func (e *engine) Driver(region string, kind resource.Kind) (resource.Driver, error) {
	if e.drivers == nil {
		return e.Cloud.Driver(region, kind)
	}
	return e.drivers.Driver(region, kind)
}

// Software implements planner.SoftwareLookup.
func (e *engine) Software(ctx context.Context, region string, o hclconfig.Orchestrator, version, source string) (*resource.Software, error) {
	if e.software == nil {
		return new(resource.Software), nil
	}
	return e.software.Software(ctx, region, o, version, source)
}

// Endpoint implements planner.SoftwareLookup.
func (e *engine) Endpoint(ctx context.Context, region string) (string, error) {
	if e.endpoint == nil {
		return "", nil
	}
	return e.endpoint(ctx, region)
}

// Preview implements planner.Previewer.
func (e *engine) Preview(ctx context.Context, rt resource.Runtime, in planner.PreviewRequest) (*planner.Preview, error) {
	if e.drivers == nil {
		return nil, planner.ErrNoPreview
	}
	return e.drivers.Preview(ctx, rt, in)
}

// connect gives the client of a recorded cluster.
func (e *engine) connect(ctx context.Context, s *resource.Snapshot, cluster resource.Address) (orchestrator.Client, error) {
	if e.drivers == nil {
		return nil, errors.New("this cloud has no orchestrators")
	}
	return e.drivers.Connect(ctx, s, cluster)
}

func (e *engine) close() error {
	if e.drivers == nil {
		return nil
	}
	return e.drivers.Close()
}

// digestKey is the key under which secrets are told apart without being recorded. It belongs to the working directory. A
// plan that is not kept makes no key: without one, nothing can be recorded that it would have to be compared with.
func (a *App) digestKey(keep bool) ([]byte, error) {
	const purpose = "digests of workloads"
	key, err := seal.Load(a.dataDir(), a.Environ)
	if keep {
		key, err = seal.Ensure(a.dataDir(), a.Environ)
	}
	switch {
	case err == nil:
		return []byte(key.MAC([]byte(purpose))), nil
	case keep || !errors.Is(err, seal.ErrNoKey):
		return nil, err
	}
	once := make([]byte, 32)
	rand.Read(once)
	return once, nil
}
