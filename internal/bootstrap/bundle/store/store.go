// Package store keeps files that cost much to make (a compiled program, a download) under a key that stands for
// everything that went into them. A file is there whole or not at all, and is checked against its recorded SHA-256 each
// time it is used. What a bundle holds, and where, is internal/bootstrap/bundle.
package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Store is a directory of finished files.
type Store struct {
	dir  string
	lock *flock.Flock
}

// File is a finished file.
type File struct {
	// Path of the file; not to be changed.
	Path string `json:"-"`
	Name string `json:"name"`
	// Size in bytes.
	Size int64 `json:"size"`
	// SHA256 of the content, in lower-case hexadecimal.
	SHA256 string `json:"sha256"`
	// Took is how long it took to make.
	Took time.Duration `json:"took_ns"`
}

const (
	recordFile = "record.json"
	unfinished = ".unfinished-"
	// lockRetry is how often a store that another process uses is asked for again.
	lockRetry = 200 * time.Millisecond
)

// Open takes the store in dir for this process, making the directory when it is missing. While another process has it,
// waiting is called once and Open waits until ctx ends. What a killed process left half-way is removed.
func Open(ctx context.Context, dir string, waiting func()) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("bundle cache: %w", err)
	}
	s := &Store{dir: dir, lock: flock.New(filepath.Join(dir, "lock"))}
	ok, err := s.lock.TryLock()
	if err == nil && !ok {
		if waiting != nil {
			waiting()
		}
		ok, err = s.lock.TryLockContext(ctx, lockRetry)
	}
	if err != nil || !ok {
		return nil, fmt.Errorf("bundle cache %s is in use by another process: %w", dir, err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"+unfinished+"*"))
	if err == nil {
		for _, path := range left {
			err = errors.Join(err, os.RemoveAll(path))
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bundle cache: removing what was left half-way: %w", err), s.Close())
	}
	return s, nil
}

// Close lets other processes have the store.
func (s *Store) Close() error { return s.lock.Unlock() }

// Dir is the store's directory.
func (s *Store) Dir() string { return s.dir }

// Key makes a key of the parts that decide a file's content. The parts are told apart: ("a", "b") is not ("ab", "").
func Key(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s,", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Get returns the file under key. A file that is not as it was recorded is removed and reported as missing.
func (s *Store) Get(key string) (File, bool) {
	dir := filepath.Join(s.dir, key)
	data, err := os.ReadFile(filepath.Join(dir, recordFile))
	if err != nil {
		return File{}, false
	}
	var f File
	if err := json.Unmarshal(data, &f); err != nil || !plainName(f.Name) {
		_ = os.RemoveAll(dir)
		return File{}, false
	}
	f.Path = filepath.Join(dir, f.Name)
	size, sum, err := Sum(f.Path)
	if err != nil || size != f.Size || sum != f.SHA256 {
		_ = os.RemoveAll(dir)
		return File{}, false
	}
	return f, true
}

// Put has produce write a file at the path that it is given, and keeps it under key when produce succeeds. Whatever else produce
// leaves in the file's directory is removed.
func (s *Store) Put(key, name string, produce func(path string) error) (File, error) {
	if !plainName(name) {
		return File{}, fmt.Errorf("bundle cache: %q is no file name", name)
	}
	began := time.Now()
	dir, err := os.MkdirTemp(s.dir, key+unfinished+"*")
	if err != nil {
		return File{}, fmt.Errorf("bundle cache: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, name)
	if err := produce(path); err != nil {
		return File{}, err
	}
	if err := keepOnly(dir, name); err != nil {
		return File{}, fmt.Errorf("bundle cache: %w", err)
	}
	size, sum, err := Sum(path)
	if err != nil {
		return File{}, fmt.Errorf("bundle cache: %w", err)
	}
	f := File{Name: name, Size: size, SHA256: sum, Took: time.Since(began)}
	data, err := json.Marshal(f)
	if err != nil {
		return File{}, err
	}
	if err := os.WriteFile(filepath.Join(dir, recordFile), data, 0o600); err != nil {
		return File{}, fmt.Errorf("bundle cache: %w", err)
	}
	final := filepath.Join(s.dir, key)
	if err := os.RemoveAll(final); err != nil {
		return File{}, fmt.Errorf("bundle cache: %w", err)
	}
	if err := os.Rename(dir, final); err != nil {
		return File{}, fmt.Errorf("bundle cache: %w", err)
	}
	f.Path = filepath.Join(final, name)
	return f, nil
}

func keepOnly(dir, name string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.Name() != name {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// Sum reads a file and returns its size in bytes and its SHA-256 in hexadecimal.
func Sum(path string) (int64, string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return 0, "", err
	}
	if !info.Mode().IsRegular() {
		return 0, "", &fs.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return 0, "", err
	}
	return n, hex.EncodeToString(h.Sum(nil)), nil
}

func plainName(name string) bool {
	return name != "" && name != "." && name != ".." && name != recordFile && !strings.ContainsAny(name, `/\`)
}
