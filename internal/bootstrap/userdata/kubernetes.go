package userdata

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// kubernetes is what nodes of Kubernetes are told.
func kubernetes(in planner.NodeSetup) (settings, error) {
	c := in.Cluster
	if in.Software == nil || len(in.Software.Files) == 0 {
		return settings{}, fmt.Errorf("there is nothing that nodes could install Kubernetes %s from: set the cluster's bundle, or CLUSTERFORM_BUNDLE", c.Version)
	}
	version := "v" + strings.TrimPrefix(c.Version, "v")
	backend, err := overlay(c.Network.Overlay)
	if err != nil {
		return settings{}, err
	}
	s := settings{
		environment: []variable{
			{"VERSION", version}, {"REGISTRY", in.Software.Registry}, {"OVERLAY", backend},
			{"API_PORT", "6443"}, {"API_NAME", "kubernetes"}, {"API_HEALTH", "/readyz"},
			{"API_JOIN", "/api/v1/namespaces/kube-system/configmaps/kubeadm-config"},
		},
		program: []string{"kubernetes.sh"},
		files:   in.Software.Files,
	}
	if in.Role != controlPlane {
		// The overlay's objects name the images that workers pull while they wait.
		s.files = slices.DeleteFunc(slices.Clone(s.files), func(f resource.SoftwareFile) bool { return f.ControlPlane && f.Name != "kube-flannel.yml" })
		return s, nil
	}
	s.program = []string{"kubernetes_control_plane.sh", "kubernetes.sh"}
	s.daily = []string{"certificates"}
	s.environment = append(s.environment,
		variable{"PODS", c.Network.Overlay.PodCIDR}, variable{"SERVICES", c.Network.Overlay.ServiceCIDR},
		variable{"AUTHENTICATION", authentication(version)})
	if c.Network.Overlay.MTU > 0 {
		s.environment = append(s.environment, variable{"MTU", strconv.Itoa(c.Network.Overlay.MTU)})
	}
	if c.ControlPlane.Schedulable {
		s.environment = append(s.environment, variable{"SCHEDULABLE", "yes"})
	}
	return s, nil
}

// overlay is the name of flannel's backend.
func overlay(o hclconfig.Overlay) (string, error) {
	switch {
	case !o.Encrypted:
		return o.Backend, nil
	case o.Backend == "vxlan":
		return "wireguard", nil
	case o.Backend == "none":
		return "", errors.New("network.overlay.encrypted needs the overlay of clusterform: with the backend \"none\" encryption is the business of what you install; take it out")
	default:
		return "", fmt.Errorf("network.overlay.encrypted does not go with the backend %q, which sends packets as they are: use \"vxlan\", which becomes WireGuard", o.Backend)
	}
}

// authentication is the version of the API server's authentication configuration; before 1.32 it could not limit anonymous
// requests, and there is none.
func authentication(version string) string {
	minor := 0
	if parts := strings.Split(version, "."); len(parts) > 1 {
		minor, _ = strconv.Atoi(parts[1])
	}
	switch {
	case minor >= 34:
		return "v1"
	case minor >= 32:
		return "v1beta1"
	default:
		return ""
	}
}
