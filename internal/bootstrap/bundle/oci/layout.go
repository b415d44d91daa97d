package oci

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// refName is the annotation that carries an image's name in a layout; registries and `ctr images import` read it.
const refName = "org.opencontainers.image.ref.name"

// Layout is a directory in OCI image layout.
type Layout struct {
	path layout.Path
	dir  string
}

// Create makes an empty layout in dir.
func Create(dir string) (*Layout, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	p, err := layout.Write(dir, empty.Index)
	if err != nil {
		return nil, err
	}
	return &Layout{path: p, dir: dir}, nil
}

// Stored is an image in a layout.
type Stored struct {
	// Digest of the image's manifest, in hexadecimal.
	Digest string
	// Blobs are the files that it consists of, relative to the layout: manifest, configuration, layers.
	Blobs []string
}

// Add stores an image under its name.
func (l *Layout) Add(reference string, image v1.Image) (Stored, error) {
	if err := l.path.AppendImage(image, layout.WithAnnotations(map[string]string{refName: reference})); err != nil {
		return Stored{}, fmt.Errorf("image %s: %w", reference, err)
	}
	digest, err := image.Digest()
	if err != nil {
		return Stored{}, fmt.Errorf("image %s: %w", reference, err)
	}
	manifest, err := image.Manifest()
	if err != nil {
		return Stored{}, fmt.Errorf("image %s: %w", reference, err)
	}
	s := Stored{Digest: digest.Hex, Blobs: []string{blob(digest), blob(manifest.Config.Digest)}}
	for _, layer := range manifest.Layers {
		s.Blobs = append(s.Blobs, blob(layer.Digest))
	}
	return s, nil
}

func blob(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }

// Own are the files of a layout that belong to no image.
func Own() []string { return []string{"index.json", "oci-layout"} }

// maxIndex bounds index.json, in bytes.
const maxIndex = 4 << 20

// Names reads which image, as a digest in hexadecimal, a layout holds under which name.
func Names(dir string) (map[string]string, error) {
	f, err := os.Open(filepath.Join(dir, "index.json"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var index v1.IndexManifest
	if err := json.NewDecoder(io.LimitReader(f, maxIndex)).Decode(&index); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	out := map[string]string{}
	for _, d := range index.Manifests {
		out[d.Annotations[refName]] = d.Digest.Hex
	}
	return out, nil
}
