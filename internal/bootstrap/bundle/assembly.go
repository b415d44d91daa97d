package bundle

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle/oci"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/store"
)

// assembly is a bundle in the making: a directory beside the final one, which takes its place when it is whole.
type assembly struct {
	out, dir string
	layout   *oci.Layout
}

// newAssembly begins a bundle that will be at out. It refuses an out that holds something else.
func newAssembly(out string) (*assembly, error) {
	if err := replaceable(out); err != nil {
		return nil, err
	}
	parent := filepath.Dir(out)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, err
	}
	// Left by one that was killed.
	old, err := filepath.Glob(filepath.Join(parent, "."+filepath.Base(out)+".new-*"))
	if err != nil {
		return nil, err
	}
	for _, o := range old {
		if err := os.RemoveAll(o); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp(parent, "."+filepath.Base(out)+".new-*")
	if err != nil {
		return nil, err
	}
	a := &assembly{out: out, dir: dir}
	err = errors.Join(os.Chmod(dir, 0o755), os.Mkdir(filepath.Join(dir, "files"), 0o755))
	if err == nil {
		a.layout, err = oci.Create(filepath.Join(dir, ImagesDir))
	}
	if err != nil {
		a.discard()
		return nil, err
	}
	return a, nil
}

func replaceable(out string) error {
	entries, err := os.ReadDir(out)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("the bundle cannot be written to %s: %w", out, err)
	case len(entries) == 0:
		return nil
	}
	if _, err := os.Lstat(filepath.Join(out, ManifestFile)); err != nil {
		return fmt.Errorf("%s is not empty and holds no bundle: name another directory with -out=DIR", out)
	}
	return nil
}

// discard removes what was made so far; after finish it does nothing.
func (a *assembly) discard() { _ = os.RemoveAll(a.dir) }

// addFile copies a file to where the artifact has it, and pins it.
func (a *assembly) addFile(art *Artifact, file store.File) error {
	mode := os.FileMode(0o644)
	if art.Kind == KindBinary {
		mode = 0o755
	}
	to := filepath.Join(a.dir, filepath.FromSlash(art.Path))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := copyFile(file.Path, to, mode); err != nil {
		return err
	}
	size, sum, err := store.Sum(to)
	if err != nil {
		return err
	}
	if sum != file.SHA256 {
		return fmt.Errorf("%s changed while it was copied", file.Path)
	}
	art.Size, art.SHA256 = size, sum
	return nil
}

// addImage stores an image and pins it.
func (a *assembly) addImage(art *Artifact, image v1.Image) error {
	stored, err := a.layout.Add(art.Reference, image)
	if err != nil {
		return err
	}
	art.SHA256, art.Size, art.Files = stored.Digest, 0, nil
	for _, blob := range stored.Blobs {
		f, err := a.file(ImagesDir + "/" + blob)
		if err != nil {
			return err
		}
		art.Files = append(art.Files, f)
		art.Size += f.Size
	}
	return nil
}

// file pins a file that is there.
func (a *assembly) file(name string) (File, error) {
	size, sum, err := store.Sum(filepath.Join(a.dir, filepath.FromSlash(name)))
	return File{name, size, sum}, err
}

// finish locks the manifest, writes it and puts the bundle in its place. An older bundle there is replaced.
func (a *assembly) finish(m *Manifest) error {
	m.Locked, m.Layout = true, nil
	for _, name := range oci.Own() {
		f, err := a.file(ImagesDir + "/" + name)
		if err != nil {
			return err
		}
		m.Layout = append(m.Layout, f)
	}
	return a.place(m)
}

func (a *assembly) place(m *Manifest) error {
	if err := m.check(); err != nil {
		return fmt.Errorf("the bundle's manifest: %w", err)
	}
	data, err := m.Encode()
	if err != nil {
		return err
	}
	if err := writeSynced(filepath.Join(a.dir, ManifestFile), data); err != nil {
		return err
	}
	if err := os.Remove(a.out); err == nil || errors.Is(err, os.ErrNotExist) {
		return os.Rename(a.dir, a.out)
	}
	aside := a.dir + ".old"
	if err := os.Rename(a.out, aside); err != nil {
		return err
	}
	if err := os.Rename(a.dir, a.out); err != nil {
		return errors.Join(err, os.Rename(aside, a.out))
	}
	return os.RemoveAll(aside)
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

func copyFile(from, to string, mode os.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(mode), out.Close())
}
