package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle/store"
)

func open(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *store.Store, key, text string) store.File {
	t.Helper()
	f, err := s.Put(key, "file", func(path string) error { return os.WriteFile(path, []byte(text), 0o600) })
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	if _, ok := s.Get("a"); ok {
		t.Error("an empty store has something")
	}
	f := put(t, s, "a", "hello")
	if f.Size != 5 || f.SHA256 != "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" {
		t.Errorf("recorded as %+v", f)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	defer func() { _ = s.Close() }()
	if got, ok := s.Get("a"); !ok || got != f {
		t.Errorf("opened again: %+v, %t", got, ok)
	}
	if got := put(t, s, "a", "new"); got.Size != 3 {
		t.Errorf("replaced by %+v", got)
	}
}

// A file that was changed after it was recorded is made again, not used.
func TestGetDoesNotTrustTheDisk(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(path string) error{
		"changed":        func(path string) error { return os.WriteFile(path, []byte("jello"), 0o600) },
		"cut":            func(path string) error { return os.Truncate(path, 2) },
		"gone":           os.Remove,
		"a link instead": func(path string) error { return errors.Join(os.Remove(path), os.Symlink("/etc/hostname", path)) },
		"a name that leads out": func(path string) error {
			return os.WriteFile(filepath.Join(filepath.Dir(path), "record.json"), []byte(`{"name":"../../x"}`), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, t.TempDir())
			defer func() { _ = s.Close() }()
			f := put(t, s, "a", "hello")
			if err := damage(f.Path); err != nil {
				t.Fatal(err)
			}
			if got, ok := s.Get("a"); ok {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestPutThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	defer func() { _ = s.Close() }()
	kept := put(t, s, "a", "old")
	failure := errors.New("out of paper")
	_, err := s.Put("a", "file", func(path string) error {
		return errors.Join(os.WriteFile(path, []byte("half"), 0o600), failure)
	})
	if !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	if got, ok := s.Get("a"); !ok || got != kept {
		t.Errorf("what was there is %+v, %t", got, ok)
	}
	if left, _ := filepath.Glob(filepath.Join(s.Dir(), "*unfinished*")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
	if _, err := s.Put("b", "../file", func(string) error { return nil }); err == nil {
		t.Error("a name that leads out was taken")
	}
}

func TestOpenRemovesWhatAKilledProcessLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	// A process that is killed has neither removed its directory nor closed the store; its lock goes with it.
	_, err := s.Put("key", "file", func(path string) error {
		return os.CopyFS(filepath.Join(dir, filepath.Base(filepath.Dir(path))+"2"), os.DirFS(t.TempDir()))
	})
	if err == nil {
		t.Fatal("a file that was not made was kept")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*unfinished*")); len(left) != 1 {
		t.Fatalf("there is %v to begin with", left)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	defer func() { _ = s.Close() }()
	if left, _ := os.ReadDir(dir); len(left) != 1 { // the lock
		t.Errorf("left %v", left)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := store.Open(ctx, dir, cancel) // the second gives up as soon as it has to wait
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	_ = again.Close()
}

func TestKeyTellsPartsApart(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, parts := range [][]string{{"ab", ""}, {"a", "b"}, {"ab"}, {"", "ab"}, {}, {""}} {
		k := store.Key(parts...)
		if seen[k] {
			t.Errorf("%q has a key that another has", parts)
		}
		seen[k] = true
	}
}
