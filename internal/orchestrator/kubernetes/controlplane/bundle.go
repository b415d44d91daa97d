package controlplane

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// DefaultVersion is the Kubernetes version that Start runs when Options names none.
const DefaultVersion = "1.34.4"

// program is one of a bundle's programs, which are kept in container images.
type program string

const (
	etcd              program = "etcd"
	apiServer         program = "kube-apiserver"
	controllerManager program = "kube-controller-manager"
)

// cacheDir is clusterform's cache directory, where bundles are kept.
func cacheDir() (string, error) {
	if dir := os.Getenv("CLUSTERFORM_CACHE_DIR"); dir != "" {
		return dir, nil
	}
	if os.Geteuid() == 0 {
		return "/var/cache/clusterform", nil
	}
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "clusterform"), err
}

// programs unpacks a bundle's control plane programs, once for each bundle, and returns their directory. An error that is
// fs.ErrNotExist says that there is no such bundle.
func programs(version string) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("kubernetes-%s-%s", version, runtime.GOARCH)
	images := filepath.Join(cache, "bundles", name, "images")
	layers, err := programLayers(images)
	if err != nil {
		return "", err
	}
	// The directory's name holds the layers' digests, so that a bundle built anew is unpacked anew.
	parts := []string{name}
	for _, p := range []program{etcd, apiServer, controllerManager} {
		if layers[p] == "" {
			return "", fmt.Errorf("the bundle in %s has no image of %s with one layer: it has to be built from source", images, p)
		}
		parts = append(parts, filepath.Base(layers[p])[:8])
	}
	dir := filepath.Join(cache, "test-control-plane", strings.Join(parts, "-"))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".unpacking-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	for p, layer := range layers {
		if err := unpack(layer, string(p), tmp); err != nil {
			return "", err
		}
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return "", err
	}
	if err := os.Rename(tmp, dir); err != nil {
		// Another test was faster.
		if _, statErr := os.Stat(dir); statErr == nil {
			return dir, nil
		}
		return "", err
	}
	return dir, nil
}

// descriptor is what this package reads of an OCI index or manifest.
type descriptor struct {
	Digest      string            `json:"digest"`
	Annotations map[string]string `json:"annotations"`
}

// programLayers finds, for each program, the file of the layer that holds it.
func programLayers(images string) (map[program]string, error) {
	var index struct {
		Manifests []descriptor `json:"manifests"`
	}
	if err := readJSON(filepath.Join(images, "index.json"), &index); err != nil {
		return nil, err
	}
	blob := func(digest string) string {
		return filepath.Join(images, "blobs", strings.ReplaceAll(digest, ":", string(filepath.Separator)))
	}
	layers := map[program]string{}
	for _, m := range index.Manifests {
		reference, _, _ := strings.Cut(m.Annotations["org.opencontainers.image.ref.name"], ":")
		p := program(reference[strings.LastIndexByte(reference, '/')+1:])
		if !slices.Contains([]program{etcd, apiServer, controllerManager}, p) {
			continue
		}
		var manifest struct {
			Layers []descriptor `json:"layers"`
		}
		if err := readJSON(blob(m.Digest), &manifest); err != nil {
			return nil, err
		}
		if len(manifest.Layers) == 1 {
			layers[p] = blob(manifest.Layers[0].Digest)
		}
	}
	return layers, nil
}

// unpack writes the program of that name from a layer into dir.
func unpack(layer, name, dir string) error {
	f, err := os.Open(layer)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("layer %s holds no program %s", layer, name)
		}
		if err != nil {
			return fmt.Errorf("layer %s: %w", layer, err)
		}
		if h.Typeflag != tar.TypeReg || filepath.Base(h.Name) != name {
			continue
		}
		out, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, r)
		return errors.Join(err, out.Close())
	}
}

func readJSON(path string, to any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, to); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
