// Package oci makes container images of files, fetches images from registries, and keeps them in directories in OCI image
// layout. Images made here are the same byte for byte when their files are. The registry that serves images to a lab's
// machines is internal/lab/registry; it reads the same layout.
package oci

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Spec is an image of one layer.
type Spec struct {
	// Files maps paths in the image, without a leading slash, to files on disk; they get their mode bits.
	Files map[string]string
	// Links maps paths in the image to what symbolic links there point at.
	Links map[string]string
	// Texts maps paths in the image to contents.
	Texts map[string]string
	// Entrypoint is what runs when a pod says nothing.
	Entrypoint []string
	// Arch is a GOARCH.
	Arch   string
	Labels map[string]string
}

// searchPath is the PATH in images.
const searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin"

// Build makes the image. Its layer is not compressed: on the way to a node in the same place, compressing costs more
// than it saves.
func Build(s Spec) (v1.Image, error) {
	layer, err := s.tar()
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.AppendLayers(image, static.NewLayer(layer, types.OCIUncompressedLayer))
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", s.Arch
	config.Config = v1.Config{Entrypoint: s.Entrypoint, Env: []string{searchPath}, Labels: s.Labels}
	return mutate.ConfigFile(image, config)
}

func (s Spec) tar() ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	dirs := map[string]bool{".": true}
	var mkdirs func(dir string) error
	mkdirs = func(dir string) error {
		if dirs[dir] {
			return nil
		}
		if err := mkdirs(path.Dir(dir)); err != nil {
			return err
		}
		dirs[dir] = true
		return w.WriteHeader(header(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755}))
	}
	names := slices.Concat(slices.Collect(maps.Keys(s.Files)), slices.Collect(maps.Keys(s.Links)), slices.Collect(maps.Keys(s.Texts)))
	slices.Sort(names)
	for i, name := range names {
		if name != path.Clean(name) || path.IsAbs(name) || strings.HasPrefix(name, "../") || i > 0 && names[i-1] == name {
			return nil, fmt.Errorf("%q cannot be a path in an image, or is there twice", name)
		}
		if err := mkdirs(path.Dir(name)); err != nil {
			return nil, err
		}
		if err := s.add(w, name); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func (s Spec) add(w *tar.Writer, name string) error {
	if target, ok := s.Links[name]; ok {
		return w.WriteHeader(header(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}))
	}
	if text, ok := s.Texts[name]; ok {
		if err := w.WriteHeader(header(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(text)), Mode: 0o644})); err != nil {
			return err
		}
		_, err := io.WriteString(w, text)
		return err
	}
	f, err := os.Open(s.Files[name])
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	mode := int64(0o644)
	if info.Mode()&0o111 != 0 {
		mode = 0o755
	}
	if err := w.WriteHeader(header(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: info.Size(), Mode: mode})); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

func header(h *tar.Header) *tar.Header {
	h.ModTime, h.Format = time.Unix(0, 0), tar.FormatPAX
	return h
}
