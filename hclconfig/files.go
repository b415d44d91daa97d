package hclconfig

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/bmatcuk/doublestar/v4"
)

// files reads from the disk, or from a snapshot, and remembers what it read.
// It is safe for use by several goroutines.
type files struct {
	dir      string
	limits   Limits
	snapshot *Sources // nil: the disk

	mu   sync.Mutex
	read map[fileKey]SourceFile
}

type fileKey struct {
	path    string
	kind    SourceKind
	pattern string
}

func newFiles(dir string, limits Limits, snapshot *Sources) *files {
	return &files{dir: dir, limits: limits, snapshot: snapshot, read: map[fileKey]SourceFile{}}
}

// errTooLarge and its like end up in diagnostics, so they say what to do.
var (
	errTooLarge   = errors.New("file too large")
	errNotRegular = errors.New("not a regular file")
)

// clean is the name under which a path is recorded.
func clean(name string) string {
	name = filepath.ToSlash(name)
	return path.Clean(name)
}

func (f *files) onDisk(name string) string {
	if path.IsAbs(name) {
		return filepath.FromSlash(name)
	}
	return filepath.Join(f.dir, filepath.FromSlash(name))
}

// load reads a file for a purpose. A missing one is fs.ErrNotExist.
func (f *files) load(name string, kind SourceKind) ([]byte, error) {
	name = clean(name)
	key := fileKey{path: name, kind: kind}
	f.mu.Lock()
	defer f.mu.Unlock()
	if got, ok := f.read[key]; ok {
		if got.Missing {
			return nil, fs.ErrNotExist
		}
		return got.Data, nil
	}
	data, err := f.fetch(name, kind)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.read[key] = SourceFile{Path: name, Kind: kind, Missing: true}
		return nil, fs.ErrNotExist
	case err != nil:
		return nil, err
	}
	if len(f.read) >= f.limits.Files {
		return nil, fmt.Errorf("more than %d files are read", f.limits.Files)
	}
	f.read[key] = SourceFile{Path: name, Kind: kind, Data: data}
	return data, nil
}

func (f *files) fetch(name string, kind SourceKind) ([]byte, error) {
	if f.snapshot != nil {
		for _, s := range f.snapshot.Files {
			if s.Path == name && s.Kind == kind && !s.Missing {
				return s.Data, nil
			}
		}
		return nil, fs.ErrNotExist
	}
	on := f.onDisk(name)
	info, err := os.Stat(on)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNotRegular
	}
	if info.Size() > f.limits.FileBytes {
		return nil, fmt.Errorf("%w: %d bytes, and %d are the limit", errTooLarge, info.Size(), f.limits.FileBytes)
	}
	file, err := os.Open(on)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, f.limits.FileBytes+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > f.limits.FileBytes {
		return nil, fmt.Errorf("%w: it grew beyond %d bytes, the limit", errTooLarge, f.limits.FileBytes)
	}
	return data, nil
}

// list gives the names of the files in a directory for which keep is true, sorted.
func (f *files) list(dir string, keep func(name string) bool) ([]string, error) {
	dir = clean(dir)
	var out []string
	if f.snapshot != nil {
		for _, s := range f.snapshot.Files {
			d, name := path.Split(s.Path)
			if clean(d+".") == dir && s.Kind != SourceGlob && s.Kind != SourceData && !s.Missing && keep(name) {
				out = append(out, name)
			}
		}
		slices.Sort(out)
		return slices.Compact(out), nil
	}
	entries, err := os.ReadDir(f.onDisk(dir))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !e.IsDir() && keep(e.Name()) {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// ReadFile reads a file for a function of the language.
func (f *files) ReadFile(name string) ([]byte, error) { return f.load(name, SourceData) }

// Exists says whether there is a file.
func (f *files) Exists(name string) (bool, error) {
	_, err := f.load(name, SourceData)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Glob lists files below a directory.
func (f *files) Glob(dir, pattern string) ([]string, error) {
	dir = clean(dir)
	key := fileKey{path: dir, kind: SourceGlob, pattern: pattern}
	f.mu.Lock()
	defer f.mu.Unlock()
	if got, ok := f.read[key]; ok {
		return got.Matches, nil
	}
	matches := []string{}
	if f.snapshot != nil {
		for _, s := range f.snapshot.Files {
			if s.Path == dir && s.Kind == SourceGlob && s.Pattern == pattern {
				matches = append(matches, s.Matches...)
			}
		}
	} else {
		root := f.onDisk(dir)
		found, err := doublestar.Glob(os.DirFS(root), path.Clean(pattern), doublestar.WithFilesOnly())
		if err != nil {
			return nil, err
		}
		for _, name := range found {
			info, err := os.Stat(filepath.Join(root, filepath.FromSlash(name)))
			if err == nil && info.Mode().IsRegular() {
				matches = append(matches, name)
			}
		}
	}
	slices.Sort(matches)
	f.read[key] = SourceFile{Path: dir, Kind: SourceGlob, Pattern: pattern, Matches: matches}
	return matches, nil
}

// sources gives what was read so far.
func (f *files) sources() Sources {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out Sources
	for _, s := range f.read {
		out.Files = append(out.Files, s)
	}
	out.sort()
	return out
}

// readProblem says what to do about a file that cannot be read.
func readProblem(name string, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("There is no file %q.", name)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("You may not read %q. Check its permissions.", name)
	case errors.Is(err, errNotRegular):
		return fmt.Sprintf("%q is not a regular file.", name)
	case errors.Is(err, errTooLarge):
		return fmt.Sprintf("%q is larger than a file may be (%s). Keep data out of the configuration, or split it up.", name, strings.TrimPrefix(err.Error(), errTooLarge.Error()+": "))
	}
	return fmt.Sprintf("%q cannot be read: %s.", name, err)
}
