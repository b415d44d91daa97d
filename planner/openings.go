package planner

import "github.com/clusterform/clusterform/hclconfig"

// opening is a port that an orchestrator needs between nodes: "control_plane", "worker" or "cluster" for both.
type opening struct {
	to, from    string
	protocol    string
	first, last int
	why         string
}

// apiPort is where an orchestrator's API answers.
func apiPort(o hclconfig.Orchestrator) int {
	switch o {
	case hclconfig.Swarm:
		return 2376 // Docker's API over mutual TLS; 2377 is for nodes among themselves
	case hclconfig.Mesos:
		return 5050
	default:
		return 6443
	}
}

// openings lists what is open between the nodes of a cluster, as the orchestrators document their ports.
func openings(o hclconfig.Orchestrator, overlay hclconfig.Overlay) []opening {
	switch o {
	case hclconfig.Swarm:
		out := []opening{
			{"control_plane", "cluster", "tcp", 2377, 2377, "swarm management"},
			{"control_plane", "control_plane", "tcp", 2376, 2376, "docker API"},
			{"cluster", "cluster", "tcp", 7946, 7946, "swarm gossip"},
			{"cluster", "cluster", "udp", 7946, 7946, "swarm gossip"},
			{"cluster", "cluster", "udp", 4789, 4789, "overlay vxlan"},
		}
		if overlay.Encrypted {
			out = append(out, opening{"cluster", "cluster", "50", 0, 0, "overlay ipsec"})
		}
		return out
	case hclconfig.Mesos:
		return []opening{
			{"control_plane", "cluster", "tcp", 5050, 5050, "mesos master"},
			{"worker", "control_plane", "tcp", 5051, 5051, "mesos agent"},
			{"control_plane", "cluster", "tcp", 2181, 2181, "zookeeper clients"},
			{"control_plane", "control_plane", "tcp", 2888, 2888, "zookeeper peers"},
			{"control_plane", "control_plane", "tcp", 3888, 3888, "zookeeper election"},
		}
	default:
		out := []opening{
			{"control_plane", "cluster", "tcp", 6443, 6443, "kubernetes API"},
			{"control_plane", "control_plane", "tcp", 2379, 2380, "etcd"},
			{"cluster", "cluster", "tcp", 10250, 10250, "kubelet"}, // from workers too: metrics-server runs there
		}
		switch {
		case overlay.Backend == "none" || overlay.Backend == "host-gw":
		case overlay.Encrypted:
			out = append(out, opening{"cluster", "cluster", "udp", 51820, 51820, "overlay wireguard"})
		default:
			out = append(out, opening{"cluster", "cluster", "udp", 8472, 8472, "overlay vxlan"})
		}
		return out
	}
}
