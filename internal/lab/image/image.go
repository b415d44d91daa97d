// Package image builds the root filesystems that lab machines share: a Debian or Ubuntu system with cloud-init, containerd
// and docker, made once by mmdebstrap and kept in a cache directory under the digest of its recipe. Machines see it as
// the lower layer of an overlay and never write to it. Package machine boots it; package registry's images (for
// containers) are another matter.
package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Options say where an image is kept and who hears of the progress.
type Options struct {
	// CacheDir holds the images; it may be removed while no lab runs. Required.
	CacheDir string
	// System is one of Systems; empty means DefaultSystem.
	System string
	// UbuntuMirror is the URL of a mirror of Ubuntu's archive. Empty means that of the host's apt, which a host that is not
	// Ubuntu does not have. Debian always comes from where the host's apt gets it.
	UbuntuMirror string
	// Progress is told each step of a build, one line without a newline. Nil means nobody listens.
	Progress func(line string)
}

// Image is a root filesystem in the cache.
type Image struct {
	Digest string        `json:"digest"`
	System string        `json:"system"`
	Suite  string        `json:"suite"`
	Built  time.Time     `json:"built"`
	Took   time.Duration `json:"took_ns"`
	// Root is its directory. Nothing may be written there.
	Root string `json:"-"`
	// Cached says that this call found the image rather than made it.
	Cached bool `json:"-"`
}

// Build returns the image of this program's recipe, from the cache or made new; a build takes about a minute and needs
// root, mmdebstrap and a mirror, see Options. Two builds at once wait for one another.
// An interrupted build leaves nothing that a later one would take for an image.
func Build(ctx context.Context, opts Options) (*Image, error) {
	if opts.CacheDir == "" {
		return nil, errors.New("build image: no cache directory given")
	}
	s, err := lookup(opts.System)
	if err != nil {
		return nil, err
	}
	r := recipeOf(s)
	digest, err := r.digest()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(opts.CacheDir, "images")
	target := filepath.Join(dir, digest)
	if img, err := load(target); err == nil {
		return img, nil
	}
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("build image: needs Linux, this is %s; use --machines=none", runtime.GOOS)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("build image: %w", err)
	}
	progress := opts.Progress
	if progress == nil {
		progress = func(string) {}
	}
	unlock, err := lock(ctx, filepath.Join(dir, "lock"), func() { progress("waiting for another build of an image") })
	if err != nil {
		return nil, fmt.Errorf("build image: %w", err)
	}
	defer unlock()
	if img, err := load(target); err == nil { // made while we waited
		return img, nil
	}
	if err := removeHalfBuilt(dir); err != nil {
		return nil, fmt.Errorf("build image: remove what an interrupted build left in %s: %w", dir, err)
	}
	img, err := r.build(ctx, dir, digest, opts.UbuntuMirror, progress)
	if err != nil {
		// The directory is useless, and the error of the build matters more than one of the removal.
		_ = removeHalfBuilt(dir)
		return nil, fmt.Errorf("build image of %s: %w", s.name, err)
	}
	return img, nil
}

const halfBuilt = ".build-"

func (r recipe) build(ctx context.Context, dir, digest, ubuntuMirror string, progress func(string)) (*Image, error) {
	start := time.Now()
	mirror, err := r.mirror("/", ubuntuMirror)
	if err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp(dir, halfBuilt)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(work, 0o755); err != nil { // users inside machines look through it
		return nil, err
	}
	root := filepath.Join(work, "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		return nil, err
	}
	progress(fmt.Sprintf("building the machines' root filesystem: %s %s, %d packages asked for (once, about a minute)", r.distribution.title, r.release, len(r.packages)))
	if err := r.bootstrap(ctx, work, root, mirror, progress); err != nil {
		return nil, err
	}
	progress("configuring the root filesystem")
	if err := r.customize(ctx, root); err != nil {
		return nil, err
	}
	img := &Image{Digest: digest, System: r.name, Suite: r.suite, Built: start.UTC().Truncate(time.Second), Took: time.Since(start).Round(time.Millisecond)}
	data, err := json.MarshalIndent(img, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(work, "image.json"), data, 0o644); err != nil {
		return nil, err
	}
	target := filepath.Join(dir, digest)
	if err := os.Rename(work, target); err != nil {
		return nil, err
	}
	img.Root = filepath.Join(target, "root")
	progress(fmt.Sprintf("root filesystem of %s built in %s", r.name, img.Took.Round(time.Second)))
	return img, nil
}

// load reads an image of the cache; the description is written last and the whole is renamed into place, so an image
// that has one is complete.
func load(dir string) (*Image, error) {
	data, err := os.ReadFile(filepath.Join(dir, "image.json"))
	if err != nil {
		return nil, err
	}
	img := &Image{Root: filepath.Join(dir, "root"), Cached: true}
	if err := json.Unmarshal(data, img); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(img.Root, "usr")); err != nil {
		return nil, err
	}
	return img, nil
}

// removeHalfBuilt removes what interrupted builds left. The caller holds the lock, so nobody is building. What is still
// mounted below is unmounted first: a removal must never reach into the host's /dev or /proc.
func removeHalfBuilt(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), halfBuilt) {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		if err := unmountBelow(path); err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, os.RemoveAll(path))
	}
	return errors.Join(errs...)
}
