package swarm

import "github.com/clusterform/clusterform/hclconfig"

// ports are those published outside the Swarm: of expose blocks on every node, of port blocks where tasks run. Within the
// Swarm every port of a container is reached without being published.
func ports(w *hclconfig.Workload) []Port {
	c := w.Containers[0]
	mode := ingressMode
	if w.Kind == hclconfig.Job {
		mode = hostMode
	}
	var out []Port
	for _, e := range w.Expose {
		if e.Type == "node_port" {
			out = append(out, Port{Target: portNumber(e.Target, c), Published: e.NodePort, Protocol: e.Protocol, Mode: mode})
		}
	}
	for _, p := range c.Ports {
		if p.Host > 0 {
			out = append(out, Port{Target: p.Container, Published: p.Host, Protocol: p.Protocol, Mode: hostMode})
		}
	}
	return out
}
