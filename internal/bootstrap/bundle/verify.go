package bundle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle/oci"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/store"
)

// Report is what Verify found.
type Report struct {
	Manifest *Manifest
	// Digest of the manifest, "sha256:…". It stands for the whole bundle: who knows it from a safe place needs to trust nobody
	// else.
	Digest string
	// Files and Size, in bytes, are how much was checked.
	Files int
	Size  int64
	// Problems are sorted by path; none means that the bundle is whole and nothing was changed or added.
	Problems []Problem
}

// Problem is a file that is not as the manifest says.
type Problem struct {
	Path string `json:"path"`
	// Problem is what is the matter, for people.
	Problem string `json:"problem"`
}

// Verify checks every file of the bundle in dir against its manifest. An error is returned when there is nothing to check
// against; what is wrong with files is in the report.
func Verify(ctx context.Context, dir string) (*Report, error) {
	m, digest, err := load(dir)
	if err != nil {
		return nil, err
	}
	if !m.Locked {
		return nil, fmt.Errorf("%s is not locked: it pins nothing that could be checked; build it again", filepath.Join(dir, ManifestFile))
	}
	r := &Report{Manifest: m, Digest: digest}
	known := map[string]bool{ManifestFile: true}
	for f := range m.Files() {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		known[f.Path] = true
		r.Files++
		r.Size += f.Size
		if what := f.examine(dir); what != "" {
			r.Problems = append(r.Problems, Problem{f.Path, what})
		}
	}
	r.Problems = append(r.Problems, unexpected(dir, known)...)
	r.Problems = append(r.Problems, misnamed(dir, m)...)
	slices.SortStableFunc(r.Problems, func(a, b Problem) int { return strings.Compare(a.Path, b.Path) })
	return r, nil
}

func (f File) examine(dir string) string {
	path := filepath.Join(dir, filepath.FromSlash(f.Path))
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "missing"
	case err != nil:
		return err.Error()
	case !info.Mode().IsRegular():
		return "not a regular file"
	case info.Size() != f.Size:
		return fmt.Sprintf("changed: %d bytes, not %d", info.Size(), f.Size)
	}
	_, sum, err := store.Sum(path)
	switch {
	case err != nil:
		return err.Error()
	case sum != f.SHA256:
		return fmt.Sprintf("changed: SHA-256 %s, not %s", sum, f.SHA256)
	}
	return ""
}

// unexpected finds files that the manifest does not know. Somebody may have put them there for `serve` or a node to use.
func unexpected(dir string, known map[string]bool) []Problem {
	var out []Problem
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if rel = filepath.ToSlash(rel); !d.IsDir() && !known[rel] {
			out = append(out, Problem{rel, "not in the manifest"})
		}
		return nil
	})
	if err != nil {
		out = append(out, Problem{".", err.Error()})
	}
	return out
}

// misnamed finds images that the layout's index has under another name than the manifest, or not at all: then a registry
// would be filled with something else than the files that were checked.
func misnamed(dir string, m *Manifest) []Problem {
	names, err := oci.Names(filepath.Join(dir, ImagesDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // reported as missing, when the manifest promises it
	}
	index := ImagesDir + "/" + oci.Own()[0]
	if err != nil {
		return []Problem{{index, err.Error()}}
	}
	var out []Problem
	for _, a := range m.Artifacts {
		if a.Kind != KindImage || a.ProvidedBy != ByBundle {
			continue
		}
		if names[a.Reference] != a.SHA256 {
			out = append(out, Problem{index, fmt.Sprintf("does not say that %s is sha256:%s", a.Reference, a.SHA256)})
		}
		delete(names, a.Reference)
	}
	for name := range names {
		out = append(out, Problem{index, fmt.Sprintf("holds %q, which is not in the manifest", name)})
	}
	return out
}
