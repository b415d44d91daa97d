// Package moduleproxy makes Go module proxies on disk for the tests of builds from source, so that they need no network.
// The real proxy is whatever GOPROXY says.
package moduleproxy

import (
	"archive/zip"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Module is one version of a module.
type Module struct {
	Path, Version string
	// Files of the module by path; go.mod is one of them.
	Files map[string]string
}

// Environ makes a proxy of the modules and returns this process's environment with it, and with a module cache of the
// test's own. Compiled packages stay in the usual cache: the standard library is there.
func Environ(t testing.TB, modules ...Module) []string {
	t.Helper()
	dir := t.TempDir()
	for _, m := range modules {
		at := filepath.Join(dir, filepath.FromSlash(m.Path), "@v")
		if err := os.MkdirAll(at, 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(at, m.Version+".info"), `{"Version":"`+m.Version+`"}`)
		write(t, filepath.Join(at, m.Version+".mod"), m.Files["go.mod"])
		f, err := os.Create(filepath.Join(at, m.Version+".zip"))
		if err != nil {
			t.Fatal(err)
		}
		z := zip.NewWriter(f)
		for name, text := range m.Files {
			w, err := z.Create(m.Path + "@" + m.Version + "/" + name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	cache := filepath.Join(t.TempDir(), "modules")
	t.Cleanup(func() { writable(cache) })
	return append(os.Environ(), "GOPROXY=file://"+filepath.ToSlash(dir), "GOSUMDB=off", "GOMODCACHE="+cache, "GOFLAGS=-mod=vendor")
}

// writable lets the test's directory be removed: Go makes module caches read-only.
func writable(dir string) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
