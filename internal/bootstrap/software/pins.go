package software

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/fetch"
	"github.com/clusterform/clusterform/planner/resource"
)

// programs are what nodes download besides Kubernetes objects. Images are pulled from registries, and container runtimes
// are installed as packages of the distribution.
var programs = [...]struct {
	name         string
	controlPlane bool
}{{"kubeadm", false}, {"kubelet", false}, {"kubectl", true}, {"cni-plugins", false}}

// needed are the artifacts of a manifest that nodes download, in the order of the manifest.
func needed(m *bundle.Manifest) []*bundle.Artifact {
	var out []*bundle.Artifact
	for i := range m.Artifacts {
		a := &m.Artifacts[i]
		program := slices.ContainsFunc(programs[:], func(p struct {
			name         string
			controlPlane bool
		}) bool {
			return p.name == a.Name
		})
		if a.ProvidedBy == bundle.ByBundle && (program || a.Kind == bundle.KindManifest) {
			out = append(out, a)
		}
	}
	return out
}

// pin is an artifact as a node downloads it.
func pin(a *bundle.Artifact, address, sum string) resource.SoftwareFile {
	f := resource.SoftwareFile{Name: a.Name, URL: address, SHA256: sum, Kind: string(a.Kind), ControlPlane: len(a.Nodes) > 0}
	for _, p := range programs {
		f.ControlPlane = f.ControlPlane || p.name == a.Name && p.controlPlane
	}
	if a.Kind == bundle.KindManifest { // known by its file; where it goes is the bootstrap's choice
		f.Name = path.Base(a.Path)
	} else if a.Install != nil {
		f.Path, f.Mode = a.Install.Path, a.Install.Mode
	}
	return f
}

// check refuses pins that a node could not use, or should not.
func check(s *resource.Software) error {
	have := map[string]bool{}
	for _, f := range s.Files {
		u, err := url.Parse(f.URL)
		switch {
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
			return fmt.Errorf("%s: %q is not an address that nodes can download from", f.Name, fetch.Redact(f.URL))
		case u.User != nil:
			return fmt.Errorf("%s: an address with a password would be readable in every node's user-data", f.Name)
		case !fetch.IsSHA256(f.SHA256):
			return fmt.Errorf("%s: it is not pinned by a SHA-256", f.Name)
		case !slices.Contains([]string{"binary", "archive", "manifest"}, f.Kind):
			return fmt.Errorf("%s: %q is not a kind of file", f.Name, f.Kind)
		}
		have[f.Name] = true
	}
	for _, p := range programs {
		if !have[p.name] {
			return fmt.Errorf("it has no %s", p.name)
		}
	}
	return nil
}

func decode(value string) (*resource.Software, error) {
	var s resource.Software
	if err := json.Unmarshal([]byte(value), &s); err != nil {
		return nil, err
	}
	if len(s.Files) == 0 {
		return nil, errors.New("it names no files")
	}
	if err := check(&s); err != nil {
		return nil, err
	}
	return &s, nil
}
