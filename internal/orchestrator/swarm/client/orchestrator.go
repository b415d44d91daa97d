package client

import (
	"context"
	"fmt"
	"time"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

const (
	// Port is that of the managers' Docker API, TCP.
	Port = 2376
	// ServerName is what every manager's certificate holds, whatever address it is reached at.
	ServerName = "clusterform"
	// ParameterAuthority is the authority of the Docker API: a certificate and its key, for managers alone.
	ParameterAuthority = orchestrator.ControlPlanePath + "pki/docker"
	// parameterCertificate is the authority's certificate without its key.
	parameterCertificate = orchestrator.ControlPlanePath + "pki/ca"
)

// Orchestrator makes clients of Swarms. The zero value is ready to use.
type Orchestrator struct {
	// Port is the API's, default 2376.
	Port int
	// Now is the clock, default time.Now.
	Now func() time.Time
}

var _ orchestrator.Orchestrator = Orchestrator{}

func (o Orchestrator) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

// Credentials is the authority of the Docker API. A Swarm's join tokens are its own and exist only once it does.
func (o Orchestrator) Credentials(now time.Time) (map[string]string, error) {
	a, err := pki.NewAuthority("clusterform-docker", 0, now)
	if err != nil {
		return nil, err
	}
	bundle, err := a.Bundle()
	if err != nil {
		return nil, err
	}
	return map[string]string{ParameterAuthority: bundle, parameterCertificate: a.CertificatePEM()}, nil
}

// Describe reads the authority's certificate, and derives the copy without the key.
func (o Orchestrator) Describe(parameters map[string]string) (ca string, expires time.Time, derived map[string]string, err error) {
	a, err := authority(parameters)
	if err != nil {
		return "", time.Time{}, nil, err
	}
	derived = map[string]string{}
	if parameters[parameterCertificate] != a.CertificatePEM() {
		derived[parameterCertificate] = a.CertificatePEM()
	}
	return a.CertificatePEM(), a.ExpiresAt(), derived, nil
}

func authority(parameters map[string]string) (*pki.Authority, error) {
	bundle := parameters[ParameterAuthority]
	if bundle == "" {
		return nil, fmt.Errorf("the parameter %s is missing: without it nobody reaches the Swarm's managers. Restore it from a backup, or replace the cluster's credentials", ParameterAuthority)
	}
	a, err := pki.ParseAuthority(bundle)
	if err != nil {
		return nil, fmt.Errorf("the parameter %s cannot be used: %w", ParameterAuthority, err)
	}
	return a, nil
}

// Connect reads the authority; managers are called when they are needed.
func (o Orchestrator) Connect(ctx context.Context, c orchestrator.Cluster, p orchestrator.Parameters) (orchestrator.Client, error) {
	got, err := p.Get(ctx, ParameterAuthority)
	if err != nil {
		return nil, fmt.Errorf("%s: read its Docker API's authority: %w", c.Address, err)
	}
	a, err := authority(got)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Address, err)
	}
	port := o.Port
	if port == 0 {
		port = Port
	}
	return &Client{cluster: c, parameters: p, authority: a, port: port, now: o.now}, nil
}
