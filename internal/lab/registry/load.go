package registry

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Image is an image read from disk, with the name it gave itself; Name is empty when it gave none.
type Image struct {
	Name  string
	Image v1.Image
}

// refName is the annotation that carries an image's name in an OCI layout.
const refName = "org.opencontainers.image.ref.name"

// Read reads images from a file as `docker save` or `podman save` writes it, or from a directory in OCI image layout.
func Read(path string) ([]Image, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", path, err)
	}
	if info.IsDir() {
		return readLayout(path)
	}
	return readTarball(path)
}

func readTarball(path string) ([]Image, error) {
	manifest, err := tarball.LoadManifest(func() (io.ReadCloser, error) { return os.Open(path) })
	if err != nil {
		return nil, fmt.Errorf("image %s: not an image archive as `docker save` writes it: %w", path, err)
	}
	var out []Image
	for _, entry := range manifest {
		if len(entry.RepoTags) == 0 {
			image, err := tarball.ImageFromPath(path, nil)
			if err != nil {
				return nil, fmt.Errorf("image %s: %w", path, err)
			}
			return []Image{{Image: image}}, nil
		}
		for _, repoTag := range entry.RepoTags {
			tag, err := name.NewTag(repoTag)
			if err != nil {
				return nil, fmt.Errorf("image %s: %w", path, err)
			}
			image, err := tarball.ImageFromPath(path, &tag)
			if err != nil {
				return nil, fmt.Errorf("image %s: %w", path, err)
			}
			out = append(out, Image{Name: repoTag, Image: image})
		}
	}
	return out, nil
}

func readLayout(path string) ([]Image, error) {
	index, err := layout.ImageIndexFromPath(path)
	if err != nil {
		return nil, fmt.Errorf("image %s: not a directory in OCI image layout (index.json): %w", path, err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", filepath.Join(path, "index.json"), err)
	}
	var out []Image
	for _, d := range manifest.Manifests {
		if !d.MediaType.IsImage() {
			return nil, fmt.Errorf("image %s: %s is a %s; only single images are taken, copy the one of your platform", path, d.Digest, d.MediaType)
		}
		image, err := index.Image(d.Digest)
		if err != nil {
			return nil, fmt.Errorf("image %s: %w", path, err)
		}
		out = append(out, Image{Name: d.Annotations[refName], Image: image})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("image %s: the layout holds no image", path)
	}
	return out, nil
}
