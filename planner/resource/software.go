package resource

// Software is what the nodes of one orchestrator version download at boot, pinned. The zero value downloads nothing: the
// machine's own package manager has it.
type Software struct {
	// Origin says where it comes from, for people: "lab", "upstream", "https://mirror.example.com/kubernetes-1.34.4".
	Origin string         `json:"origin,omitempty"`
	Files  []SoftwareFile `json:"files,omitempty"`
	// Registry is the base URL of a registry that holds the images of all others under their repository's path without the
	// host ("http://registry.lab:5000"); "" pulls from where the images' names say.
	Registry string `json:"registry,omitempty"`
}

// SoftwareKey is the key of ClusterRecord.Software: the version, with the bundle that a cluster names for it.
func SoftwareKey(version, bundle string) string {
	if bundle == "" {
		return version
	}
	return version + " from " + bundle
}

// SoftwareFile is one download.
type SoftwareFile struct {
	// Name is the bundle's: "kubeadm", "kubelet", "kubectl", "cni-plugins", "kube-flannel.yml".
	Name   string `json:"name"`
	URL    string `json:"url"`
	SHA256 string `json:"sha256"` // hex
	// Kind is "binary", "archive" (tar with gzip, unpacked in Path) or "manifest" (Kubernetes objects).
	Kind string `json:"kind"`
	// Path is where it goes on the node; "" leaves that to the bootstrap. Mode is octal, "0755".
	Path string `json:"path,omitempty"`
	Mode string `json:"mode,omitempty"`
	// ControlPlane: only control-plane nodes need it.
	ControlPlane bool `json:"control_plane,omitempty"`
}
