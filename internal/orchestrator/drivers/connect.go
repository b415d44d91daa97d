package drivers

import (
	"context"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// Client implements orchestrator.Connector: the client of a recorded cluster, made once for each command.
func (d *Drivers) Client(ctx context.Context, rt resource.Runtime, address resource.Address) (orchestrator.Client, error) {
	return d.find(ctx, rt, address)
}

// Connect is Client for commands that only read the state.
func (d *Drivers) Connect(ctx context.Context, s *resource.Snapshot, address resource.Address) (orchestrator.Client, error) {
	return d.find(ctx, snapshot{s}, address)
}

// ParametersOf are a recorded cluster's values in the Parameter Store.
func (d *Drivers) ParametersOf(s *resource.Snapshot, address resource.Address) (orchestrator.Parameters, error) {
	c, err := d.recordedCluster(snapshot{s}, address)
	if err != nil {
		return nil, err
	}
	return c.parameters, nil
}

// HostsOf are the addresses of a recorded cluster's API, without port, in the order in which they are tried.
func (d *Drivers) HostsOf(ctx context.Context, s *resource.Snapshot, address resource.Address) ([]string, error) {
	c, err := d.recordedCluster(snapshot{s}, address)
	if err != nil {
		return nil, err
	}
	return c.hostsOf(ctx, snapshot{s}, c.controlPlaneRecords(snapshot{s})), nil
}

func (d *Drivers) find(ctx context.Context, rt recorded, address resource.Address) (orchestrator.Client, error) {
	c, err := d.recordedCluster(rt, address)
	if err != nil {
		return nil, err
	}
	return c.connect(ctx, rt)
}

func (d *Drivers) recordedCluster(rt recorded, address resource.Address) (*cluster, error) {
	rec, ok := rt.Record(address.Child("credentials"))
	if !ok {
		return nil, &resource.Error{
			Address: address, Message: "the cluster has no credentials in the state: it was not applied yet, or it has no orchestrator",
			Hint: "Run clusterform apply first, and check the cluster's address with clusterform state list",
		}
	}
	spec, ok := rec.Spec.(*resource.Credentials)
	if !ok {
		return nil, &resource.Error{Address: rec.Address, Message: "the record is not one of credentials; the state is damaged"}
	}
	if _, err := d.orchestratorOf(spec.Orchestrator); err != nil {
		return nil, &resource.Error{Address: address, Message: err.Error(), Err: err}
	}
	return d.clusterOf(rt, &resource.Object{Cluster: address, UID: rec.UID}), nil
}

// snapshot finds records in a state that is only read.
type snapshot struct{ *resource.Snapshot }

func (s snapshot) Record(a resource.Address) (*resource.Record, bool) {
	rec, ok := s.Records[a]
	return rec, ok
}
