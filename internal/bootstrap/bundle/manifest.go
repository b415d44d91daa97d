// Package bundle makes, checks and serves bundles: everything that the nodes of a Kubernetes version need, with a
// manifest that pins each file by size and SHA-256. docs/bundles.md describes the format.
//
// Which versions belong together is in the package release; how programs are compiled, in source; images, in oci. What a
// node does with a bundle is written in its user-data, elsewhere in internal/bootstrap.
package bundle

import (
	"iter"
	"slices"
)

// Format is the version of the manifest's format that this program writes, and the newest that it reads.
const Format = 1

// ManifestFile is the manifest's name in a bundle.
const ManifestFile = "bundle.json"

// ImagesDir is the directory in a bundle that holds the images in OCI image layout.
const ImagesDir = "images"

// Origin says where a bundle's content came from.
type Origin string

// The origins.
const (
	OriginUpstream Origin = "upstream" // the projects' releases
	OriginSource   Origin = "source"   // compiled from Go modules
)

// Kind is what an artifact is.
type Kind string

// The kinds.
const (
	KindBinary   Kind = "binary"   // one executable
	KindArchive  Kind = "archive"  // a tar archive compressed with gzip
	KindImage    Kind = "image"    // a container image
	KindManifest Kind = "manifest" // Kubernetes objects in YAML
)

// Provider says who has to bring an artifact to the node.
type Provider string

// The providers.
const (
	ByBundle Provider = "bundle" // it is in the bundle
	ByImage  Provider = "image"  // the node's machine image has it; the bundle does not
)

// Manifest says what a bundle is.
type Manifest struct {
	Format     int    `json:"format"`
	Kubernetes string `json:"kubernetes"`
	OS         string `json:"os"`
	Arch       string `json:"arch"`
	Origin     Origin `json:"origin"`
	// Toolchain is the Go version that compiled it, for OriginSource.
	Toolchain string `json:"toolchain,omitempty"`
	// Locked manifests pin every artifact that the bundle provides. One that is not locked says where to fetch, and no more.
	Locked    bool       `json:"locked"`
	Artifacts []Artifact `json:"artifacts"`
	// Layout are the files of ImagesDir that belong to no single image.
	Layout []File `json:"layout,omitempty"`
}

// Artifact is one thing that nodes need.
type Artifact struct {
	Name    string `json:"name"`
	Kind    Kind   `json:"kind"`
	Version string `json:"version"`
	// License as an SPDX expression.
	License    string   `json:"license"`
	ProvidedBy Provider `json:"provided_by"`
	// Nodes are the roles that need it: "control-plane"; empty for all nodes.
	Nodes []string `json:"nodes,omitempty"`

	// URL is where upstream publishes it. For images see Reference.
	URL string `json:"url,omitempty"`
	// ChecksumURL is where upstream publishes its SHA-256, where it does.
	ChecksumURL string `json:"checksum_url,omitempty"`
	// Module is what it was compiled from, path@version; several are separated by spaces.
	Module string `json:"module,omitempty"`
	// Reference is an image's name, as kubeadm and the overlay's manifest ask for it.
	Reference string `json:"reference,omitempty"`

	// Path in the bundle, with slashes. Images have Files instead.
	Path string `json:"path,omitempty"`
	// Size in bytes; an image's is the sum of its Files.
	Size int64 `json:"size,omitempty"`
	// SHA256 in lower-case hexadecimal; of an image, the digest of its manifest.
	SHA256 string `json:"sha256,omitempty"`
	// Files are what an image consists of. Images may share some.
	Files []File `json:"files,omitempty"`

	// Install says where it goes on the node; images go to the container runtime instead.
	Install *Install `json:"install,omitempty"`
	// Note is for people.
	Note string `json:"note,omitempty"`
}

// File is one file of a bundle.
type File struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Install is a place on a node.
type Install struct {
	// Path is absolute: of the file, or the directory that an archive is unpacked in.
	Path string `json:"path"`
	// Mode of the file in octal, "0755"; empty for archives, which bring their own.
	Mode string `json:"mode,omitempty"`
}

// Files yields every file that a locked manifest promises, each once, the manifest itself excepted.
func (m *Manifest) Files() iter.Seq[File] {
	return func(yield func(File) bool) {
		seen := map[string]bool{}
		once := func(f File) bool {
			if seen[f.Path] {
				return true
			}
			seen[f.Path] = true
			return yield(f)
		}
		for _, a := range m.Artifacts {
			if a.Path != "" && !once(File{a.Path, a.Size, a.SHA256}) {
				return
			}
			for _, f := range a.Files {
				if !once(f) {
					return
				}
			}
		}
		for _, f := range m.Layout {
			if !once(f) {
				return
			}
		}
	}
}

// Size is how much the bundle's files take, in bytes.
func (m *Manifest) Size() int64 {
	var total int64
	for f := range m.Files() {
		total += f.Size
	}
	return total
}

// Find returns the artifact of that name.
func (m *Manifest) Find(name string) (*Artifact, bool) {
	i := slices.IndexFunc(m.Artifacts, func(a Artifact) bool { return a.Name == name })
	if i < 0 {
		return nil, false
	}
	return &m.Artifacts[i], true
}
