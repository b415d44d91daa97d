package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle/fetch"
)

// maxManifest bounds a manifest, in bytes.
const maxManifest = 16 << 20

// maxFile bounds one file of a bundle, in bytes.
const maxFile = 8 << 30

// Load reads and checks the manifest of the bundle in dir. It does not look at the other files; Verify does.
func Load(dir string) (*Manifest, error) {
	m, _, err := load(dir)
	return m, err
}

// load also returns the manifest's digest.
func load(dir string) (*Manifest, string, error) {
	file := filepath.Join(dir, ManifestFile)
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("%s is not a bundle: it has no %s; `clusterform bundle build` makes one", dir, ManifestFile)
	}
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil {
		return nil, "", err
	}
	m, err := Decode(data)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", file, err)
	}
	return m, digest(data), nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Decode reads a manifest and checks that it makes sense: nothing in it leads out of the bundle's directory.
func Decode(data []byte) (*Manifest, error) {
	if len(data) > maxManifest {
		return nil, fmt.Errorf("the manifest is larger than %d bytes", maxManifest)
	}
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("not a bundle's manifest: %w", err)
	}
	switch {
	case head.Format > Format:
		return nil, fmt.Errorf("the manifest has format %d, and this program reads up to %d: use a newer clusterform, or build the bundle again", head.Format, Format)
	case head.Format < 1:
		return nil, errors.New("not a bundle's manifest: it has no format")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var m Manifest
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("not a bundle's manifest: %w", err)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	return &m, nil
}

// Encode writes the manifest in the one way that it is written.
func (m *Manifest) Encode() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(m); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func (m *Manifest) check() error {
	if m.OS != "linux" || !slices.Contains(architectures[:], m.Arch) {
		return fmt.Errorf("the manifest is for %q on %q; nodes are linux on %s", m.OS, m.Arch, strings.Join(architectures[:], " or "))
	}
	if m.Origin != OriginUpstream && m.Origin != OriginSource {
		return fmt.Errorf("the manifest's origin is %q; it can be %q or %q", m.Origin, OriginUpstream, OriginSource)
	}
	if m.Kubernetes == "" || len(m.Artifacts) == 0 {
		return errors.New("the manifest names no Kubernetes version, or no artifacts")
	}
	names, paths := map[string]bool{}, map[string]File{}
	for _, a := range m.Artifacts {
		if err := a.check(m.Locked); err != nil {
			return fmt.Errorf("artifact %q: %w", a.Name, err)
		}
		if names[a.Name] {
			return fmt.Errorf("artifact %q is there twice", a.Name)
		}
		names[a.Name] = true
		if a.Path == "" {
			continue
		}
		if _, twice := paths[a.Path]; twice {
			return fmt.Errorf("artifact %q: the file %s is another artifact's, too", a.Name, a.Path)
		}
		paths[a.Path] = File{a.Path, a.Size, a.SHA256}
	}
	for _, group := range append(imageFiles(m), m.Layout) {
		for _, f := range group {
			if err := f.check(); err != nil {
				return err
			}
			if !strings.HasPrefix(f.Path, ImagesDir+"/") {
				return fmt.Errorf("file %q belongs to an image and is not below %s", f.Path, ImagesDir)
			}
			if other, ok := paths[f.Path]; ok && other != f {
				return fmt.Errorf("file %q is there twice, and not the same", f.Path)
			}
			paths[f.Path] = f
		}
	}
	return nil
}

func imageFiles(m *Manifest) [][]File {
	var out [][]File
	for _, a := range m.Artifacts {
		out = append(out, a.Files)
	}
	return out
}

func (a *Artifact) check(locked bool) error {
	switch {
	case a.Name == "" || a.Version == "" || a.License == "":
		return errors.New("it needs a name, a version and a licence")
	case !slices.Contains([]Kind{KindBinary, KindArchive, KindImage, KindManifest}, a.Kind):
		return fmt.Errorf("%q is not a kind", a.Kind)
	case a.ProvidedBy != ByBundle && a.ProvidedBy != ByImage:
		return fmt.Errorf("provided_by is %q; it can be %q or %q", a.ProvidedBy, ByBundle, ByImage)
	case a.Kind == KindImage && (a.Reference == "" || a.Path != ""), a.Kind != KindImage && (a.Reference != "" || len(a.Files) > 0):
		return errors.New("images have a reference and files, all others a path")
	}
	for _, n := range a.Nodes {
		if n != controlPlane {
			return fmt.Errorf("%q is not a role of nodes that can be named", n)
		}
	}
	if i := a.Install; i != nil {
		if !path.IsAbs(i.Path) || path.Clean(i.Path) != i.Path {
			return fmt.Errorf("install path %q is not absolute", i.Path)
		}
		if _, err := strconv.ParseUint(i.Mode, 8, 12); i.Mode != "" && err != nil {
			return fmt.Errorf("install mode %q is not an octal number", i.Mode)
		}
	}
	if a.ProvidedBy == ByImage {
		if a.Path != "" || len(a.Files) > 0 {
			return errors.New("the machine image provides it, and the bundle holds it, too")
		}
		return nil
	}
	if a.Kind == KindImage {
		if locked && (len(a.Files) == 0 || !fetch.IsSHA256(a.SHA256)) {
			return errors.New("it is not pinned")
		}
		return nil
	}
	if locked || a.SHA256 != "" {
		return File{a.Path, a.Size, a.SHA256}.check()
	}
	return checkPath(a.Path)
}

func (f File) check() error {
	if err := checkPath(f.Path); err != nil {
		return err
	}
	if f.Size < 0 || f.Size > maxFile {
		return fmt.Errorf("file %q: a size of %d bytes cannot be", f.Path, f.Size)
	}
	if !fetch.IsSHA256(f.SHA256) || strings.ToLower(f.SHA256) != f.SHA256 {
		return fmt.Errorf("file %q is not pinned by a SHA-256", f.Path)
	}
	return nil
}

func checkPath(p string) error {
	if p == "" || path.Clean(p) != p || !filepath.IsLocal(filepath.FromSlash(p)) || strings.Contains(p, `\`) || p == ManifestFile {
		return fmt.Errorf("%q cannot be the path of a file in a bundle", p)
	}
	return nil
}
