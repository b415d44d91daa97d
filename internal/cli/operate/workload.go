package operate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// reached is a recorded workload with the client of its cluster, which the caller closes.
type reached struct {
	orchestrator.Client
	rec          *resource.Record
	orchestrator string
}

// reach finds a workload and connects to its cluster; nil when the name is not one of a workload.
func (o *Options) reach(ctx context.Context, name string) (*reached, error) {
	snap, err := o.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	rec, err := workload(snap, name)
	if rec == nil {
		return nil, err
	}
	client, err := o.Connect(ctx, snap, rec.Cluster)
	if err != nil {
		return nil, err
	}
	return &reached{Client: client, rec: rec, orchestrator: snap.Clusters[rec.Cluster].Orchestrator}, nil
}

// workload finds a recorded workload; nil when the name is not one of a workload.
func workload(snap *resource.Snapshot, name string) (*resource.Record, error) {
	if rec := snap.Records[resource.Address(name)]; rec != nil && rec.Kind == resource.KindWorkload {
		return rec, nil
	}
	if !strings.Contains(name, "workload.") {
		return nil, nil
	}
	known := workloads(snap)
	if len(known) == 0 {
		return nil, fmt.Errorf("no workload is recorded; `clusterform apply` makes them")
	}
	return nil, fmt.Errorf("no workload %q is recorded; there are %s", name, words(known))
}

func workloads(snap *resource.Snapshot) []resource.Address {
	var known []resource.Address
	for a, r := range snap.Records {
		if r.Kind == resource.KindWorkload {
			known = append(known, a)
		}
	}
	slices.SortFunc(known, resource.Compare)
	return known
}

// interruptedError ends the process as Ctrl-C ends others.
type interruptedError struct{}

func (interruptedError) Error() string { return "interrupted" }
func (interruptedError) ExitCode() int { return 130 }

// interruption is err, or, once the user has seen enough, how the process ends then.
func interruption(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return interruptedError{}
	}
	return err
}
