package orchestrator

import (
	"context"
	"time"

	"github.com/clusterform/clusterform/planner/resource"
)

// WorkloadStatus is how a recorded workload or manifest is doing.
type WorkloadStatus struct {
	Address resource.Address
	// Type is the workload's ("deployment") or the object's kind ("ConfigMap").
	Type string
	// Ready of Wanted replicas (or completions) are there; both are 0 for what has none.
	Ready, Wanted int
	// Message says what is wrong, or what is going on; empty when all is well.
	Message string
	// Endpoints are where it is reached, sorted: "web.default:80" within the cluster, "node:30080" on every node.
	Endpoints []string
}

// StatusReader is a Client that knows how workloads are doing. One call lists all of a kind.
type StatusReader interface {
	WorkloadStatus(ctx context.Context, records []*resource.Record) ([]WorkloadStatus, error)
}

// Certificate is one that ends: the CA's, the API's.
type Certificate struct {
	Name      string
	ExpiresAt time.Time
}

// CertificateReader is a Client that sees when certificates end.
type CertificateReader interface {
	Certificates(ctx context.Context) ([]Certificate, error)
}

// Notice is something about a cluster that is no fault, and that explains much.
type Notice struct {
	Title string // "Swarm without IPVS"
	Text  string // a sentence or two, with what follows from it
}

// Noticer is a Client that has such things to say, from a list of its members and without a call.
type Noticer interface {
	Notices(members []Member) []Notice
}
