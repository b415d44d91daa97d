package machine

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/internal/lab/image"
)

// Whoever waits for the first machine of a system sees on its console what it waits for.
func TestConsoleTellsOfTheImageThatIsMade(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a build makes a mount namespace, and that needs root")
	}
	bin, dir := t.TempDir(), t.TempDir()
	script := "#!/bin/sh\necho 'I: running apt-get update...' >&2\necho 'E: no such mirror' >&2\nexit 1\n"
	if err := os.WriteFile(filepath.Join(bin, "mmdebstrap"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	m := &Machines{opts: Options{CacheDir: t.TempDir()}, log: slog.New(slog.DiscardHandler), images: map[string]*image.Image{}}
	for range 2 { // a failure is not kept: the next machine tries again
		_, err := m.imageOf(t.Context(), "debian-13", dir)
		if err == nil || !strings.Contains(err.Error(), "E: no such mirror") || !strings.Contains(err.Error(), "debian-13") {
			t.Errorf("error %v says neither what failed nor for which system", err)
		}
	}
	console, err := os.ReadFile(filepath.Join(dir, "console.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"lab: building the machines' root filesystem: Debian 13", "lab: running apt-get update..."} {
		if strings.Count(string(console), want) != 2 {
			t.Errorf("%q is not on the console twice:\n%s", want, console)
		}
	}
}
