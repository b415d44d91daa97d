package drivers

import (
	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
	kubernetesclient "github.com/clusterform/clusterform/internal/orchestrator/kubernetes/client"
	kubernetesworkload "github.com/clusterform/clusterform/internal/orchestrator/kubernetes/workload"
	swarmclient "github.com/clusterform/clusterform/internal/orchestrator/swarm/client"
	swarmworkload "github.com/clusterform/clusterform/internal/orchestrator/swarm/workload"
	"github.com/clusterform/clusterform/planner/resource"
)

// Standard are the Options with every orchestrator that clusterform drives.
func Standard(cloud Cloud) Options {
	return Options{
		Cloud: cloud,
		Orchestrators: map[string]orchestrator.Orchestrator{
			string(hclconfig.Kubernetes): kubernetesclient.Orchestrator{},
			string(hclconfig.Swarm):      swarmclient.Orchestrator{},
		},
		Workloads: map[string]func(orchestrator.Connector) resource.Driver{
			string(hclconfig.Kubernetes): func(c orchestrator.Connector) resource.Driver { return kubernetesworkload.New(c) },
			string(hclconfig.Swarm):      func(c orchestrator.Connector) resource.Driver { return swarmworkload.New(c) },
		},
	}
}
