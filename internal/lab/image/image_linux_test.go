package image

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// cached puts an image into a cache as a build does.
func cached(t *testing.T, dir string) string {
	t.Helper()
	digest, err := recipeOf(&systems[0]).digest()
	if err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(dir, "images", digest)
	if err := os.MkdirAll(filepath.Join(target, "root", "usr"), 0o755); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(Image{Digest: digest, Suite: systems[0].suite})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(target, "image.json"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	return target
}

func TestBuildTakesWhatTheCacheHas(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target := cached(t, dir)
	img, err := Build(t.Context(), Options{CacheDir: dir, Progress: func(line string) { t.Errorf("it does something: %s", line) }})
	if err != nil {
		t.Fatal(err)
	}
	if !img.Cached || img.Root != filepath.Join(target, "root") {
		t.Errorf("%+v", img)
	}
}

func TestBuildNeedsACache(t *testing.T) {
	t.Parallel()
	if _, err := Build(t.Context(), Options{}); err == nil {
		t.Error("no error")
	}
}

// A build waits for another one, and finds what that one has made.
func TestBuildWaitsForAnother(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	images := filepath.Join(dir, "images")
	if err := os.MkdirAll(images, 0o755); err != nil {
		t.Fatal(err)
	}
	unlock, err := lock(t.Context(), filepath.Join(images, "lock"), func() {})
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 1)
	done := make(chan *Image)
	go func() {
		img, err := Build(t.Context(), Options{CacheDir: dir, Progress: func(line string) { said <- line }})
		if err != nil {
			t.Error(err)
		}
		done <- img
	}()
	if line := <-said; !strings.Contains(line, "waiting for another build") {
		t.Errorf("progress %q", line)
	}
	cached(t, dir)
	unlock()
	if img := <-done; img == nil || !img.Cached {
		t.Errorf("image %+v", img)
	}
}

func TestLockEndsWithItsContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), path, func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := lock(ctx, path, func() {}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

// A build that fails or is interrupted leaves nothing, and its error says what to look at.
func TestBuildThatFailsLeavesNoImage(t *testing.T) {
	dir := t.TempDir()
	bin := t.TempDir()
	script := "#!/bin/sh\nfor last; do :; done\necho 'I: running apt-get update...' >&2\necho 'E: no such mirror' >&2\nexit 1\n"
	if err := os.WriteFile(filepath.Join(bin, "mmdebstrap"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		t.Skip("a build makes a mount namespace, and that needs root")
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	// What another build left when it was killed goes too.
	if err := os.MkdirAll(filepath.Join(dir, "images", halfBuilt+"123", "root"), 0o755); err != nil {
		t.Fatal(err)
	}
	var steps []string
	_, err := Build(t.Context(), Options{CacheDir: dir, Progress: func(line string) { steps = append(steps, line) }})
	if err == nil || !strings.Contains(err.Error(), "E: no such mirror") {
		t.Errorf("error %v does not show what mmdebstrap said", err)
	}
	if len(steps) != 2 || steps[1] != "running apt-get update..." {
		t.Errorf("progress %q", steps)
	}
	entries, err := os.ReadDir(filepath.Join(dir, "images"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "lock" {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}
