package client

import (
	"context"
	"fmt"
	"time"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

// Orchestrator is Kubernetes. The zero value is ready.
type Orchestrator struct {
	// Now is the clock of certificates and tokens; default time.Now.
	Now func() time.Time
}

var _ orchestrator.Orchestrator = Orchestrator{}

// Credentials is orchestrator.Orchestrator's.
func (o Orchestrator) Credentials(now time.Time) (map[string]string, error) {
	return pki.KubernetesCredentials(now)
}

// Describe is orchestrator.Orchestrator's.
func (o Orchestrator) Describe(parameters map[string]string) (ca string, expires time.Time, derived map[string]string, err error) {
	return pki.DescribeKubernetes(parameters)
}

// Connect is orchestrator.Orchestrator's; the client is a *Client.
func (o Orchestrator) Connect(ctx context.Context, c orchestrator.Cluster, p orchestrator.Parameters) (orchestrator.Client, error) {
	return o.Client(ctx, c, p)
}

// Client is Connect with all that Kubernetes offers beyond orchestrator.Client.
func (o Orchestrator) Client(ctx context.Context, c orchestrator.Cluster, p orchestrator.Parameters) (*Client, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	values, err := p.Get(ctx, pki.KubernetesCluster)
	if err != nil {
		return nil, err
	}
	text, ok := values[pki.KubernetesCluster]
	if !ok {
		return nil, fmt.Errorf("%s: the parameter /clusterform/%s/%s is missing: without it nobody administers the cluster. Restore it from a backup, or replace the cluster's credentials", c.Address, c.UID, pki.KubernetesCluster)
	}
	authority, err := pki.ParseAuthority(text)
	if err != nil {
		return nil, fmt.Errorf("%s: the parameter /clusterform/%s/%s cannot be used: %w", c.Address, c.UID, pki.KubernetesCluster, err)
	}
	return newClient(c, p, authority, o.Now)
}
