package bundle

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle/oci"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/source"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/store"
)

func (b *build) fromSource(ctx context.Context) (*Manifest, error) {
	toolchain, err := source.FindToolchain(ctx, b.Environ, b.LookPath)
	if err != nil {
		return nil, err
	}
	target := source.Target{Arch: b.Arch}
	root := b.Userland
	if root == "" {
		root = "/"
	}
	// First, because it is quick and would be a pity to fail with after the rest.
	userland, err := source.ReadUserland(root, target)
	if err != nil {
		return nil, err
	}
	builder := &source.Builder{Toolchain: toolchain, Store: b.store, Target: target, Parallel: b.Parallel}
	m := FromSource(b.Release, b.Arch, toolchain.Version)
	components := b.components
	if components == nil {
		components = source.Components(b.Release)
	}
	if err := b.enoughForCompiling(builder, components); err != nil {
		return nil, err
	}
	b.steps = &steps{report: b.Progress, now: b.Now, total: 1 + len(recipes)}
	for _, c := range components {
		b.steps.total += len(c.Programs)
	}
	programs, err := b.compile(ctx, builder, components)
	if err != nil {
		return nil, err
	}
	err = b.steps.do("files", "assembling", func() (int64, bool, error) {
		size, err := b.sourceFiles(ctx, m, builder, programs)
		return size, false, err
	})
	if err != nil {
		return nil, err
	}
	for _, rec := range recipes {
		art, ok := m.Find(rec.artifact)
		if !ok {
			return nil, fmt.Errorf("no artifact is called %s", rec.artifact)
		}
		err := b.steps.do(art.Reference, "assembling", func() (int64, bool, error) {
			if err := context.Cause(ctx); err != nil {
				return 0, false, err
			}
			spec, err := rec.spec(b.Arch, programs, userland)
			if err != nil {
				return 0, false, err
			}
			image, err := oci.Build(spec)
			if err != nil {
				return 0, false, fmt.Errorf("image %s: %w", art.Reference, err)
			}
			err = b.into.addImage(art, image)
			return art.Size, false, err
		})
		if err != nil {
			return nil, err
		}
	}
	return m, b.into.finish(m)
}

// enoughForCompiling looks at the disk of Go's cache, unless nothing is left to compile.
func (b *build) enoughForCompiling(builder *source.Builder, components []source.Component) error {
	free, ok := freeSpace(builder.Toolchain.Cache)
	if !ok || free >= spaceSource {
		return nil
	}
	for _, c := range components {
		for _, p := range c.Programs {
			if _, cached, err := builder.Cached(c, p); err == nil && !cached {
				return checkSpace(builder.Toolchain.Cache, free, spaceSource, "GOCACHE")
			}
		}
	}
	return nil
}

func (b *build) compile(ctx context.Context, builder *source.Builder, components []source.Component) (map[string]store.File, error) {
	programs := map[string]store.File{}
	for _, c := range components {
		for _, p := range c.Programs {
			name := strings.TrimSpace(p.Name + " " + c.Version)
			err := b.steps.do(name, "compiling", func() (int64, bool, error) {
				if err := context.Cause(ctx); err != nil {
					return 0, false, err
				}
				f, cached, err := builder.Cached(c, p)
				if err == nil && !cached {
					f, err = builder.Build(ctx, c, p)
				}
				programs[p.Name] = f
				return f.Size, cached, err
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return programs, nil
}

// sourceFiles puts what is no image into the bundle.
func (b *build) sourceFiles(ctx context.Context, m *Manifest, builder *source.Builder, programs map[string]store.File) (int64, error) {
	var total int64
	for i := range m.Artifacts {
		a := &m.Artifacts[i]
		if a.ProvidedBy != ByBundle || a.Kind == KindImage {
			continue
		}
		var file store.File
		var err error
		switch a.Kind {
		case KindBinary:
			var ok bool
			if file, ok = programs[a.Name]; !ok {
				err = errors.New("no component has this program")
			}
		case KindArchive:
			file, err = b.pluginArchive(programs)
		default:
			file, err = b.objects(ctx, a.Name, builder)
		}
		if err == nil {
			err = b.into.addFile(a, file)
		}
		if err != nil {
			return 0, fmt.Errorf("%s: %w", a.Name, err)
		}
		total += a.Size
	}
	return total, nil
}

// pluginArchive packs the CNI plugins as upstream's archive has them.
func (b *build) pluginArchive(programs map[string]store.File) (store.File, error) {
	parts := []string{"cni-archive", "1"}
	for _, name := range source.CNIPlugins() {
		f, ok := programs[name]
		if !ok {
			return store.File{}, fmt.Errorf("no component has the plugin %s", name)
		}
		parts = append(parts, name, f.SHA256)
	}
	key := store.Key(parts...)
	if f, ok := b.store.Get(key); ok {
		return f, nil
	}
	return b.store.Put(key, "cni-plugins.tgz", func(path string) error {
		out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		z, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
		if err != nil {
			return errors.Join(err, out.Close())
		}
		w := tar.NewWriter(z)
		for _, name := range source.CNIPlugins() {
			if err := addToTar(w, name, programs[name].Path); err != nil {
				return errors.Join(err, out.Close())
			}
		}
		return errors.Join(w.Close(), z.Close(), out.Close())
	})
}

func addToTar(w *tar.Writer, name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	err = w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "./" + name, Mode: 0o755, Size: info.Size(), ModTime: time.Unix(0, 0), Format: tar.FormatPAX})
	if err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

func (b *build) objects(ctx context.Context, name string, builder *source.Builder) (store.File, error) {
	switch name {
	case "flannel-objects":
		return b.overlayObjects(ctx, builder)
	case "metrics-server-objects":
		return b.metricsObjects()
	}
	return store.File{}, errors.New("nothing here makes these objects")
}

// metricsObjects are clusterform's own.
func (b *build) metricsObjects() (store.File, error) {
	data := source.MetricsObjects(b.Release)
	key := store.Key("metrics-objects", string(data))
	if f, ok := b.store.Get(key); ok {
		return f, nil
	}
	return b.store.Put(key, "metrics-server.yml", func(path string) error { return os.WriteFile(path, data, 0o600) })
}

// overlayObjects are the overlay's own manifest, for the CNI version that the plugin built here speaks.
func (b *build) overlayObjects(ctx context.Context, builder *source.Builder) (store.File, error) {
	overlay := source.Overlay(b.Release)
	key := store.Key("overlay-objects", "1", overlay.Module, overlay.Version)
	if f, ok := b.store.Get(key); ok {
		return f, nil
	}
	return b.store.Put(key, "kube-flannel.yml", func(path string) error {
		data, err := builder.ReadFile(ctx, overlay, source.OverlayManifest)
		if err != nil {
			return err
		}
		data, ok := source.OverlayCNI(data)
		if !ok {
			return fmt.Errorf("%s of %s@%s has another CNI version than expected: the recipe does not fit this version", source.OverlayManifest, overlay.Module, overlay.Version)
		}
		return os.WriteFile(path, data, 0o600)
	})
}
