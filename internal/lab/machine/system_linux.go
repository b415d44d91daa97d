package machine

import (
	"context"
	"os"
	"path/filepath"

	"github.com/clusterform/clusterform/internal/lab/image"
)

// imageOf returns the root filesystem of a system. The first machine of a system that the cache does not have waits until
// it is built, and its console says so; an empty dir is nobody's.
func (m *Machines) imageOf(ctx context.Context, system, dir string) (*image.Image, error) {
	if system == "" {
		system = image.DefaultSystem
	}
	m.mu.Lock()
	img := m.images[system]
	m.mu.Unlock()
	if img != nil {
		return img, nil
	}
	progress := m.opts.Progress
	if dir != "" {
		progress = func(line string) {
			m.log.Info(line, "system", system)
			m.tell(dir, line)
		}
	}
	img, err := image.Build(ctx, image.Options{CacheDir: m.opts.CacheDir, System: system, UbuntuMirror: m.opts.UbuntuMirror, Progress: progress})
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.images[system] = img
	return img, nil
}

// tell writes a line on the console of a machine that has not booted.
func (m *Machines) tell(dir, line string) {
	f, err := os.OpenFile(filepath.Join(dir, "console.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString("lab: " + line + "\n")
		_ = f.Close()
	}
	if err != nil {
		m.log.Warn("console cannot be written", "error", err)
	}
}
