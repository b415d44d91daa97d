package artifact

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
)

// ParameterPath is where the public SSM parameters are that say what nodes of a Kubernetes version download here.
const ParameterPath = "/aws/service/clusterform/kubernetes/"

// software is the value of such a parameter. The engine reads it as the pins of a version.
type software struct {
	Origin   string         `json:"origin,omitempty"`
	Files    []softwareFile `json:"files,omitempty"`
	Registry string         `json:"registry,omitempty"`
}

type softwareFile struct {
	Name         string `json:"name"`
	URL          string `json:"url"`
	SHA256       string `json:"sha256"`
	Kind         string `json:"kind"`
	Path         string `json:"path,omitempty"`
	Mode         string `json:"mode,omitempty"`
	ControlPlane bool   `json:"control_plane,omitempty"`
}

// onlyControlPlane are programs that a bundle has for all nodes, and that only control-plane nodes are given here.
var onlyControlPlane = [...]string{"kubectl"}

// downloads are the artifacts that nodes fetch as files; images come from the registry, and the rest of a bundle is for
// machine images that lack it.
var downloads = [...]string{"kubeadm", "kubelet", "kubectl", "cni-plugins"}

// Parameter is the public parameter of a bundle: its name, and as JSON where nodes find files and images. base is the
// artifact server's URL and registry the image registry's, both as machines know them.
func (b *Bundle) Parameter(base, registry string) (name, value string, err error) {
	s := software{Origin: "lab", Registry: registry}
	for _, a := range b.Artifacts {
		objects := a.Kind == "manifest"
		if a.ProvidedBy != "bundle" || a.Path == "" || !objects && !slices.Contains(downloads[:], a.Name) {
			continue
		}
		f := softwareFile{
			Name: a.Name, URL: base + "bundles/" + b.Name() + "/" + a.Path, SHA256: a.SHA256, Kind: a.Kind,
			ControlPlane: slices.Contains(a.Nodes, "control-plane") || slices.Contains(onlyControlPlane[:], a.Name),
		}
		if objects { // known by its file; where it goes is the bootstrap's choice
			f.Name = path.Base(a.Path)
		} else if a.Install != nil {
			f.Path, f.Mode = a.Install.Path, a.Install.Mode
		}
		s.Files = append(s.Files, f)
	}
	data, err := json.Marshal(s)
	if err != nil {
		return "", "", fmt.Errorf("bundle %s: %w", b.Dir, err)
	}
	return ParameterPath + b.Kubernetes, string(data), nil
}
