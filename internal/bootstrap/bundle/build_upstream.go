package bundle

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle/fetch"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/oci"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/store"
)

// maxChecksumFile bounds a published checksum file, in bytes.
const maxChecksumFile = 1 << 20

// fromUpstream fetches what the projects publish, directly or through a mirror. What pinned says of the same artifact must
// be true of what is fetched; without it, the published checksum must be, where there is one.
func (b *build) fromUpstream(ctx context.Context, pinned *Manifest) (*Manifest, error) {
	m := Upstream(b.Release, b.Arch)
	b.steps = &steps{report: b.Progress, now: b.Now, total: len(m.Artifacts)}
	for i := range m.Artifacts {
		a := &m.Artifacts[i]
		pin := pinFor(pinned, m, a)
		name, work := a.Name+" "+a.Version, b.download
		if a.Kind == KindImage {
			name, work = a.Reference, b.pull
		}
		err := b.steps.do(name, "fetching", func() (int64, bool, error) {
			cached, err := work(ctx, a, pin)
			return a.Size, cached, err
		})
		if err != nil {
			return nil, err
		}
	}
	return m, b.into.finish(m)
}

// pinFor is the SHA-256 that an earlier bundle recorded for the same thing, or nothing.
func pinFor(pinned, m *Manifest, a *Artifact) string {
	if pinned == nil || !pinned.Locked || pinned.Origin != m.Origin || pinned.Kubernetes != m.Kubernetes || pinned.Arch != m.Arch {
		return ""
	}
	old, ok := pinned.Find(a.Name)
	if !ok || old.Version != a.Version || old.URL != a.URL || old.Reference != a.Reference {
		return ""
	}
	return old.SHA256
}

func (b *build) download(ctx context.Context, a *Artifact, pin string) (cached bool, err error) {
	want := pin
	if want == "" && a.ChecksumURL != "" {
		if want, err = b.publishedSum(ctx, a); err != nil {
			return false, fmt.Errorf("%s: %w", a.Name, err)
		}
	}
	key := store.Key("download", a.URL, want)
	f, cached := b.store.Get(key)
	if !cached {
		f, err = b.store.Put(key, "download", func(to string) error {
			if err := b.client.File(ctx, atMirror(b.Mirror, a.URL), to, maxFile); err != nil {
				return err
			}
			_, sum, err := store.Sum(to)
			switch {
			case err != nil:
				return err
			case pin != "" && sum != pin:
				return fmt.Errorf("%s has the SHA-256 %s, and the bundle in %s pinned it to %s: somebody changed what is published. Find out why before you trust it; without that bundle, the new one is taken", a.URL, sum, b.Out, pin)
			case want != "" && sum != want:
				return fmt.Errorf("%s has the SHA-256 %s, and %s says %s: the download was tampered with or is damaged", a.URL, sum, a.ChecksumURL, want)
			}
			return nil
		})
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", a.Name, err)
	}
	return cached, b.into.addFile(a, f)
}

// publishedSum is what upstream says a file's SHA-256 is.
func (b *build) publishedSum(ctx context.Context, a *Artifact) (string, error) {
	file := filepath.Join(b.into.dir, ".checksum")
	defer func() { _ = os.Remove(file) }()
	if err := b.client.File(ctx, atMirror(b.Mirror, a.ChecksumURL), file, maxChecksumFile); err != nil {
		return "", err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	sum, err := fetch.ParseChecksum(string(text), path.Base(a.URL))
	if err != nil {
		return "", fmt.Errorf("%s: %w", a.ChecksumURL, err)
	}
	return sum, nil
}

func (b *build) pull(ctx context.Context, a *Artifact, pin string) (cached bool, err error) {
	src := oci.Source{Mirror: b.Mirror, Transport: b.Transport}
	image, err := src.Pull(ctx, a.Reference, b.Arch, pin)
	if err != nil {
		return false, err
	}
	return false, b.into.addImage(a, image)
}

// fromBundle copies another bundle, checking each file.
func (b *build) fromBundle(ctx context.Context) (*Manifest, error) {
	open := b.fromDir
	if strings.HasPrefix(b.From, "http://") || strings.HasPrefix(b.From, "https://") {
		open = b.fromURL
	}
	m, err := open(ctx, ManifestFile, maxManifest).manifest(filepath.Join(b.into.dir, ".manifest"))
	if err != nil {
		return nil, fmt.Errorf("the bundle at %s: %w", fetch.Redact(b.From), err)
	}
	switch {
	case m.Kubernetes != b.Release.Kubernetes || m.Arch != b.Arch:
		return nil, fmt.Errorf("the bundle at %s is for Kubernetes %s on %s, not %s on %s", fetch.Redact(b.From), m.Kubernetes, m.Arch, b.Release.Kubernetes, b.Arch)
	case !m.Locked:
		return nil, fmt.Errorf("the bundle at %s is not locked: it pins nothing that could be checked", fetch.Redact(b.From))
	}
	// The layout that was begun is replaced by that of the other bundle.
	if err := os.RemoveAll(filepath.Join(b.into.dir, ImagesDir)); err != nil {
		return nil, err
	}
	files := 0
	for range m.Files() {
		files++
	}
	b.steps = &steps{report: b.Progress, now: b.Now, total: files}
	programs := map[string]bool{}
	for _, a := range m.Artifacts {
		programs[a.Path] = a.Kind == KindBinary
	}
	for f := range m.Files() {
		err := b.steps.do(f.Path, "copying", func() (int64, bool, error) {
			to := filepath.Join(b.into.dir, filepath.FromSlash(f.Path))
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return 0, false, err
			}
			if err := open(ctx, f.Path, f.Size).to(to); err != nil {
				return 0, false, err
			}
			size, sum, err := store.Sum(to)
			if err != nil {
				return 0, false, err
			}
			if size != f.Size || sum != f.SHA256 {
				return 0, false, fmt.Errorf("%s of the bundle at %s is not what its manifest says: `clusterform bundle verify` there tells more", f.Path, fetch.Redact(b.From))
			}
			mode := os.FileMode(0o644)
			if programs[f.Path] {
				mode = 0o755
			}
			return size, false, os.Chmod(to, mode)
		})
		if err != nil {
			return nil, err
		}
	}
	return m, b.into.place(m)
}

// opened is a file of another bundle, not yet read.
type opened struct {
	to func(path string) error
}

func (o opened) manifest(scratch string) (*Manifest, error) {
	defer func() { _ = os.Remove(scratch) }()
	if err := o.to(scratch); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(scratch)
	if err != nil {
		return nil, err
	}
	return Decode(data)
}

func (b *build) fromURL(ctx context.Context, name string, maxSize int64) opened {
	return opened{func(to string) error {
		return b.client.File(ctx, strings.TrimRight(b.From, "/")+"/"+name, to, maxSize)
	}}
}

func (b *build) fromDir(ctx context.Context, name string, _ int64) opened {
	return opened{func(to string) error {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		from := filepath.Join(b.From, filepath.FromSlash(name))
		if _, _, err := store.Sum(from); err != nil { // also refuses what is no regular file
			return err
		}
		return copyFile(from, to, 0o644)
	}}
}
