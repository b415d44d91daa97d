// Package artifact is what a lab offers its machines for download besides images: the files in its own directory, and
// bundles of cluster software as `clusterform bundle build` makes them. Images of bundles are served by the package
// registry; how bundles are made is the engine's business, which this package knows by its file format only.
package artifact

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Bundle is a directory with the software of one Kubernetes version.
type Bundle struct {
	Dir        string
	Kubernetes string // version without v
	Arch       string
	Artifacts  []entry
}

// entry is what a lab needs to know of an artifact in bundle.json.
type entry struct {
	Name       string   `json:"name"`
	Kind       string   `json:"kind"`
	ProvidedBy string   `json:"provided_by"`
	Nodes      []string `json:"nodes"`
	Path       string   `json:"path"`
	SHA256     string   `json:"sha256"`
	Install    *struct {
		Path string `json:"path"`
		Mode string `json:"mode"`
	} `json:"install"`
}

// format is the newest version of bundle.json that is understood, maxManifest its bound in bytes.
const (
	format      = 1
	maxManifest = 16 << 20
)

// Name is the bundle's directory in a cache, and its place on the artifact server.
func (b *Bundle) Name() string { return "kubernetes-" + b.Kubernetes + "-" + b.Arch }

// Images is the directory with its images in OCI image layout.
func (b *Bundle) Images() string { return filepath.Join(b.Dir, "images") }

// Open reads what a bundle's directory holds. It does not compare files with their sums: `clusterform bundle verify` does,
// and nodes check what they download.
func Open(dir string) (*Bundle, error) {
	f, err := os.Open(filepath.Join(dir, "bundle.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("bundle %s: it holds no bundle.json; `clusterform bundle build` makes one that does", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %w", dir, err)
	}
	defer func() { _ = f.Close() }()
	var m struct {
		Format     int     `json:"format"`
		Kubernetes string  `json:"kubernetes"`
		Arch       string  `json:"arch"`
		Locked     bool    `json:"locked"`
		Artifacts  []entry `json:"artifacts"`
	}
	if err := json.NewDecoder(io.LimitReader(f, maxManifest)).Decode(&m); err != nil {
		return nil, fmt.Errorf("bundle %s: bundle.json is damaged: %w; build the bundle again", dir, err)
	}
	switch {
	case m.Format < 1 || m.Format > format:
		return nil, fmt.Errorf("bundle %s: its format is %d, and this program knows %d; build it again with this version of clusterform", dir, m.Format, format)
	case !m.Locked:
		return nil, fmt.Errorf("bundle %s: its manifest pins nothing; `clusterform bundle build` makes one that does", dir)
	case !isName(m.Kubernetes) || !isName(m.Arch):
		return nil, fmt.Errorf("bundle %s: bundle.json names no version of Kubernetes", dir)
	}
	for _, a := range m.Artifacts {
		if a.Path != "" && (!filepath.IsLocal(filepath.FromSlash(a.Path)) || path.Clean(a.Path) != a.Path) {
			return nil, fmt.Errorf("bundle %s: %q is not a path in it", dir, a.Path)
		}
	}
	return &Bundle{Dir: dir, Kubernetes: m.Kubernetes, Arch: m.Arch, Artifacts: m.Artifacts}, nil
}

// isName refuses what cannot be a part of a URL or of a parameter's name.
func isName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789.-") == "" && !strings.Contains(s, "..")
}

// Find returns the bundles that machines of this host can use, one for each version, sorted: those asked for by directory,
// and those in the cache directory. Bundles in the cache that cannot be read are passed to warn and left out.
func Find(cache string, asked []string, warn func(string)) ([]*Bundle, error) {
	var out []*Bundle
	known := func(version string) bool {
		return slices.ContainsFunc(out, func(b *Bundle) bool { return b.Kubernetes == version })
	}
	for _, dir := range asked {
		b, err := Open(dir)
		switch {
		case err != nil:
			return nil, err
		case b.Arch != runtime.GOARCH:
			return nil, fmt.Errorf("bundle %s: it is for %s, and machines here are %s", dir, b.Arch, runtime.GOARCH)
		case known(b.Kubernetes):
			return nil, fmt.Errorf("bundle %s: another one of Kubernetes %s was asked for, too; leave one out", dir, b.Kubernetes)
		}
		out = append(out, b)
	}
	dirs, err := filepath.Glob(filepath.Join(cache, "bundles", "kubernetes-*-"+runtime.GOARCH))
	if err != nil {
		return nil, fmt.Errorf("bundles in %s: %w", cache, err)
	}
	for _, dir := range dirs {
		b, err := Open(dir)
		switch {
		case err != nil:
			warn(err.Error())
		case b.Arch == runtime.GOARCH && !known(b.Kubernetes):
			out = append(out, b)
		}
	}
	slices.SortFunc(out, func(a, b *Bundle) int { return strings.Compare(a.Kubernetes, b.Kubernetes) })
	return out, nil
}
