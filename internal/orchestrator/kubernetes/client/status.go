package client

import (
	"context"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes/workload"
	"github.com/clusterform/clusterform/planner/resource"
)

// WorkloadStatus is orchestrator.StatusReader's.
func (k *Client) WorkloadStatus(ctx context.Context, records []*resource.Record) ([]orchestrator.WorkloadStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return workload.Status(ctx, k, records)
}
