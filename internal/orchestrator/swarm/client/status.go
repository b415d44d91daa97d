package client

import (
	"context"
	"fmt"
	"slices"

	"github.com/moby/moby/api/types/swarm"
	docker "github.com/moby/moby/client"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/bootstrap/pki"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

var (
	_ orchestrator.StatusReader      = (*Client)(nil)
	_ orchestrator.CertificateReader = (*Client)(nil)
)

// WorkloadStatus counts the tasks of recorded workloads, with one list of services.
func (c *Client) WorkloadStatus(ctx context.Context, records []*resource.Record) ([]orchestrator.WorkloadStatus, error) {
	live := map[string]swarm.Service{}
	err := c.Do(ctx, func(ctx context.Context, api *docker.Client) error {
		got, err := api.ServiceList(ctx, docker.ServiceListOptions{Status: true})
		if err != nil {
			return fmt.Errorf("%s: list services: %w", c.cluster.Address, err)
		}
		for _, s := range got.Items {
			live[s.Spec.Name] = s
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var out []orchestrator.WorkloadStatus
	for _, rec := range records {
		w, ok := rec.Spec.(*resource.Workload)
		if !ok {
			continue
		}
		s, there := live[rec.ID]
		out = append(out, status(rec.Address, w.Type, s, there))
	}
	return out, nil
}

func status(a resource.Address, typ string, s swarm.Service, there bool) orchestrator.WorkloadStatus {
	out := orchestrator.WorkloadStatus{Address: a, Type: typ}
	if !there {
		out.Message = "its service is gone; apply makes it again"
		return out
	}
	if n := s.ServiceStatus; n != nil {
		out.Ready, out.Wanted = int(n.RunningTasks), int(n.DesiredTasks)
		if m := s.Spec.Mode.ReplicatedJob; m != nil && m.TotalCompletions != nil {
			out.Ready, out.Wanted = int(n.CompletedTasks), int(*m.TotalCompletions)
		}
	}
	if s.Spec.EndpointSpec != nil {
		for _, p := range s.Endpoint.Ports {
			out.Endpoints = append(out.Endpoints, fmt.Sprintf("node:%d", p.PublishedPort))
		}
		slices.Sort(out.Endpoints)
	}
	if u := s.UpdateStatus; u != nil && u.State != swarm.UpdateStateCompleted {
		out.Message = fmt.Sprintf("%s: %s", u.State, hclconfig.PrintableLine(u.Message))
	}
	return out
}

// Certificates are the authority of the Docker API and that of the Swarm itself, whose nodes' certificates Docker renews.
func (c *Client) Certificates(ctx context.Context) ([]orchestrator.Certificate, error) {
	out := []orchestrator.Certificate{{Name: "Docker API's authority", ExpiresAt: c.authority.ExpiresAt()}}
	s, err := c.inspect(ctx)
	if err != nil {
		return out, err
	}
	if expires, err := pki.ExpiresAt(s.TLSInfo.TrustRoot); err == nil {
		out = append(out, orchestrator.Certificate{Name: "Swarm's authority", ExpiresAt: expires})
	}
	return out, nil
}
