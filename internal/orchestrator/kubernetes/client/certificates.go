package client

import (
	"context"
	"fmt"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

// Certificates says when the authorities end and, where the API answers, when the certificate of the server that does.
func (k *Client) Certificates(ctx context.Context) ([]orchestrator.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	authorities := []struct{ name, parameter string }{
		{"authority", pki.KubernetesCluster}, {"authority of etcd", pki.KubernetesEtcd}, {"authority of aggregated APIs", pki.KubernetesFrontProxy},
	}
	var names []string
	for _, a := range authorities {
		names = append(names, a.parameter)
	}
	values, err := k.parameters.Get(ctx, names...)
	if err != nil {
		return nil, err
	}
	var out []orchestrator.Certificate
	for _, a := range authorities {
		expires, err := pki.ExpiresAt(values[a.parameter])
		if err != nil {
			return nil, fmt.Errorf("%s: the parameter /clusterform/%s/%s cannot be used: %w", k.cluster.Address, k.cluster.UID, a.parameter, err)
		}
		out = append(out, orchestrator.Certificate{Name: a.name, ExpiresAt: expires})
	}
	host, expires, err := k.transport.server(ctx)
	if err != nil {
		return out, k.failed("look at the API's certificate", err)
	}
	return append(out, orchestrator.Certificate{Name: "API server at " + host, ExpiresAt: expires}), nil
}
