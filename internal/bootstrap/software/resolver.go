// Package software finds what the nodes of a cluster download at boot, pinned by SHA-256: from a bundle that the user names,
// from what the region offers (a lab does), or from the projects' own releases. The bundles themselves are made by
// internal/bootstrap/bundle, and what a node does with the pins is in the bootstrap's user-data.
package software

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/fetch"
	"github.com/clusterform/clusterform/planner/resource"
)

// ParameterPath is where public SSM parameters offer the software of a Kubernetes version: JSON of resource.Software.
const ParameterPath = "/aws/service/clusterform/kubernetes/"

// BundleVariable is the environment variable that names a bundle for clusters that name none.
const BundleVariable = "CLUSTERFORM_BUNDLE"

// lookupTimeout bounds everything that one version takes to resolve: a plan waits for it.
const lookupTimeout = time.Minute

// Resolver finds pins. Its fields are set once, before it is used; it may then be used by many at once.
type Resolver struct {
	// Parameter reads a public SSM parameter; ok is false when the region has none of that name. Nil: no region has any.
	Parameter func(ctx context.Context, region, name string) (value string, ok bool, err error)
	// Bundle is the value of BundleVariable; "" is none.
	Bundle string
	// Arch is the nodes' GOARCH; default "amd64".
	Arch string
	// Transport makes the requests; nil is one with bounds for each step of a connection.
	Transport http.RoundTripper
}

// Software resolves the pins of a version. source is the cluster's bundle attribute: a directory or the URL of one, which
// holds bundle.json; "" looks for one. Errors say what could not be had and which ways there are.
func (r *Resolver) Software(ctx context.Context, region string, o hclconfig.Orchestrator, version, source string) (*resource.Software, error) {
	switch o {
	case hclconfig.Swarm: // docker is in the distributions' own repositories
		return new(resource.Software), nil
	case hclconfig.Kubernetes:
	default:
		return nil, fmt.Errorf("clusterform does not install %s on nodes yet", o)
	}
	version = strings.TrimPrefix(version, "v")
	ctx, cancel := context.WithTimeoutCause(ctx, lookupTimeout, fmt.Errorf("not finished after %s", lookupTimeout))
	defer cancel()
	said := "the cluster's bundle attribute"
	if source == "" {
		source, said = r.Bundle, BundleVariable
	}
	if source != "" {
		s, err := r.fromBundle(ctx, source, version)
		if err != nil {
			return nil, fmt.Errorf("software of Kubernetes %s: %s: %w", version, said, err)
		}
		return s, nil
	}
	offered, offerErr := r.offered(ctx, region, version)
	if offered != nil {
		return offered, nil
	}
	s, err := r.fromUpstream(ctx, version)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("software of Kubernetes %s: %w", version, err), offerErr)
	}
	return s, nil
}

// offered is what the region offers. Most regions offer nothing; one that cannot be asked (its error is for the message,
// should the rest fail as well) is taken for one of these.
func (r *Resolver) offered(ctx context.Context, region, version string) (*resource.Software, error) {
	if r.Parameter == nil {
		return nil, nil
	}
	name := ParameterPath + version
	value, ok, err := r.Parameter(ctx, region, name)
	if err != nil {
		return nil, fmt.Errorf("the public parameter %s in %s: %w", name, region, err)
	}
	if !ok {
		return nil, nil
	}
	s, err := decode(value)
	if err != nil {
		return nil, fmt.Errorf("the public parameter %s in %s is not understood: %w", name, region, err)
	}
	return s, nil
}

func (r *Resolver) client() *fetch.Client {
	transport := r.Transport
	if transport == nil {
		transport = fetch.NewTransport()
	}
	return &fetch.Client{HTTP: &http.Client{Transport: transport}, Stall: 15 * time.Second, Tries: 3}
}

func (r *Resolver) arch() string {
	if r.Arch == "" {
		return "amd64"
	}
	return r.Arch
}
