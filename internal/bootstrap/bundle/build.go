package bundle

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle/fetch"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/release"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/source"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/store"
)

// Options say what to build. One of FromSource, From and neither (upstream or Mirror) decides where from.
type Options struct {
	Release release.Release
	// Arch is the nodes' GOARCH.
	Arch string
	// Out is the bundle's directory: missing, empty, or a bundle, which is replaced when the new one is whole.
	Out string
	// Cache keeps downloads and compiled programs, so that a build that was interrupted goes on.
	Cache string

	// Mirror stands before upstream's hosts.
	Mirror *url.URL
	// From is another bundle: a directory, or a URL as Serve serves it.
	From string
	// FromSource compiles everything here.
	FromSource bool
	// Userland is the root of a Debian file system with iptables, for FromSource; "/" when empty.
	Userland string
	// Parallel bounds how many Go packages are compiled at a time; 0 is one per processor.
	Parallel int

	// Environ is the environment of the Go toolchain; LookPath finds it.
	Environ  []string
	LookPath func(string) (string, error)
	// Transport carries HTTP requests; nil is fetch.NewTransport().
	Transport http.RoundTripper
	// Progress hears of each step; nil is nobody.
	Progress func(Event)
	// Now is the clock of the steps' times; nil is time.Now.
	Now func() time.Time

	// components are what is compiled; nil is source.Components.
	components []source.Component
}

// Build makes a bundle and returns its manifest, locked. When it fails or ctx ends, Out is as it was before.
func Build(ctx context.Context, o Options) (*Manifest, error) {
	if err := CheckArch(o.Arch); err != nil {
		return nil, err
	}
	if o.Progress == nil {
		o.Progress = func(Event) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Transport == nil {
		o.Transport = fetch.NewTransport()
	}
	b := &build{Options: o, client: &fetch.Client{HTTP: &http.Client{Transport: o.Transport}}}
	m, err := b.run(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if errors.Is(err, syscall.ENOSPC) {
		err = fmt.Errorf("%w; -out=DIR and -cache=DIR may be on another disk", err)
	}
	return m, err
}

// build is a Build under way.
type build struct {
	Options
	client *fetch.Client
	store  *store.Store
	steps  *steps
	into   *assembly
}

func (b *build) run(ctx context.Context) (*Manifest, error) {
	if err := b.enoughSpace(); err != nil {
		return nil, err
	}
	var err error
	b.store, err = store.Open(ctx, b.Cache, func() { b.Progress(Event{Name: "waiting for another build that uses " + b.Cache}) })
	if err != nil {
		return nil, err
	}
	defer func() { _ = b.store.Close() }()
	// What the last build pinned holds for this one. An older bundle that cannot be read pins nothing.
	var pinned *Manifest
	if _, err := os.Stat(filepath.Join(b.Out, ManifestFile)); err == nil {
		if pinned, err = Load(b.Out); err != nil {
			return nil, fmt.Errorf("%w; remove %s to build it anew", err, b.Out)
		}
	}
	if b.into, err = newAssembly(b.Out); err != nil {
		return nil, err
	}
	defer b.into.discard()
	switch {
	case b.FromSource:
		return b.fromSource(ctx)
	case b.From != "":
		return b.fromBundle(ctx)
	default:
		return b.fromUpstream(ctx, pinned)
	}
}

// What a build takes at most, in bytes: the bundle itself, and for a build from source Go's cache when it is empty.
const (
	spaceBundle = 1500 << 20
	spaceSource = 5 << 30
)

func (b *build) enoughSpace() error {
	for _, dir := range []string{b.Cache, filepath.Dir(b.Out)} {
		if free, ok := freeSpace(dir); ok {
			if err := checkSpace(dir, free, spaceBundle, "-out=DIR and -cache=DIR"); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkSpace(dir string, free, need int64, remedy string) error {
	if free >= need {
		return nil
	}
	return fmt.Errorf("%s is on a disk with %s free, and this takes up to %s: make room, or use another disk with %s", dir, FormatSize(free), FormatSize(need), remedy)
}

// freeSpace is what is free where dir is or will be, in bytes.
func freeSpace(dir string) (int64, bool) {
	for {
		if _, err := os.Stat(dir); err == nil {
			return freeBytes(dir)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return 0, false
		}
		dir = parent
	}
}

// FormatSize writes a number of bytes for people.
func FormatSize(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	default:
		return fmt.Sprintf("%d B", n)
	}
}

// DefaultDir is where the bundle of a version is when nobody says otherwise, below clusterform's cache directory.
func DefaultDir(cache, version, arch string) string {
	return filepath.Join(cache, "bundles", "kubernetes-"+version+"-"+arch)
}
