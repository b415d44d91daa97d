package userdata

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner"
)

// swarm is what nodes of a Docker Swarm are told. Docker itself comes from the machine's own packages unless it is there.
func swarm(in planner.NodeSetup) (settings, error) {
	part := "swarm_worker.sh"
	if in.Role == controlPlane {
		part = "swarm_manager.sh"
	}
	s := settings{program: []string{part, "swarm.sh"}}
	if in.Software != nil {
		s.files = in.Software.Files
		if host, ok := strings.CutPrefix(in.Software.Registry, "http://"); ok {
			s.environment = append(s.environment, variable{"INSECURE_REGISTRY", strings.TrimSuffix(host, "/")})
		}
	}
	if in.Cluster.Network.Overlay.Encrypted {
		s.environment = append(s.environment, variable{"ENCRYPTED", "yes"})
	}
	if in.Role != controlPlane {
		return s, nil
	}
	pool, err := addressPool(in.Cluster.Network.Overlay)
	if err != nil {
		return settings{}, err
	}
	s.environment = append(s.environment, variable{"PODS", pool})
	if in.Cluster.ControlPlane.Schedulable {
		s.environment = append(s.environment, variable{"SCHEDULABLE", "yes"})
	}
	return s, nil
}

// swarmSubnet is the length of the prefix of each overlay network: 254 addresses.
const swarmSubnet = 24

// addressPool is the range that overlay networks are cut from. Docker's own default, 10.0.0.0/8, would meet that of the VPC.
func addressPool(o hclconfig.Overlay) (string, error) {
	p, err := netip.ParsePrefix(o.PodCIDR)
	if err != nil {
		return "", errors.New("network.overlay.pod_cidr is not a range of addresses")
	}
	if !p.Addr().Is4() || p.Bits() > swarmSubnet {
		return "", fmt.Errorf("network.overlay.pod_cidr %s is too small: a Swarm cuts networks of 254 addresses from it, so write a range of IPv4 of /%d or larger, such as \"10.244.0.0/16\"", p, swarmSubnet)
	}
	return p.String(), nil
}
