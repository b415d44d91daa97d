package swarm

import "github.com/clusterform/clusterform/hclconfig"

const (
	ingressMode = "ingress" // the routing mesh: every node answers
	hostMode    = "host"    // only nodes where tasks run answer
	stopFirst   = "stop-first"
)

// withoutIPVS makes a service do without virtual addresses and the routing mesh, which both need IPVS in every node's kernel:
// its name resolves to all tasks, and its ports are published on the nodes where they run.
func (x *Service) withoutIPVS() {
	if x.Deploy.EndpointMode == "" && !x.Deploy.isJob() {
		x.Deploy.EndpointMode = "dnsrr"
	}
	for i := range x.Ports {
		x.Ports[i].Mode = hostMode
	}
	x.freePorts()
}

// freePorts stops old tasks first where a new one could not start beside them: of the tasks that publish a port of their node
// there is one on each node.
func (x *Service) freePorts() {
	if !x.hasFixedPorts() {
		return
	}
	for _, u := range []*UpdateConfig{x.Deploy.UpdateConfig, x.Deploy.RollbackConfig} {
		if u != nil && u.Order != stopFirst {
			u.Order, u.Parallelism = stopFirst, max(x.Deploy.unavailable, 1)
		}
	}
}

// hasFixedPorts says that two tasks of the service cannot run on one node.
func (x *Service) hasFixedPorts() bool {
	for _, p := range x.Ports {
		if p.Mode == hostMode && p.Published > 0 {
			return true
		}
	}
	return false
}

func (d Deploy) isJob() bool { return d.Mode == "replicated-job" || d.Mode == "global-job" }

// unavailable is how many tasks may be missing during an update.
func unavailable(w *hclconfig.Workload) int {
	return w.Update.MaxUnavailable.Of(max(w.Replicas, 1), false)
}
