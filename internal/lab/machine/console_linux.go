package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// consoleSize is how much of a console EC2 returns.
const consoleSize = 64 << 10

// Console returns the last 64 KiB of a machine's console as they are: whoever shows them strips control characters. It
// is empty for a machine that has not booted.
func (m *Machines) Console(_ context.Context, id string) ([]byte, error) {
	data, err := tail(filepath.Join(m.dir(id), "console.log"), consoleSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("console of %s: %w", id, err)
	}
	return data, nil
}

// tail returns the last bytes of a file.
func tail(path string, size int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	data := make([]byte, min(size, end))
	n, err := f.ReadAt(data, end-int64(len(data)))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return data[:n], nil
}

// A console that says much is cut back to its end now and then: nobody reads more than that, and a disk is finite.
const (
	consoleLimit = 8 << 20
	consoleKeep  = 1 << 20
)

// trimConsoles cuts consoles that have grown too long until ctx ends.
func (m *Machines) trimConsoles(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		found, err := filepath.Glob(filepath.Join(m.opts.Dir, "machines", "*", "console.log"))
		if err != nil {
			return
		}
		for _, path := range found {
			if err := trim(path, consoleLimit, consoleKeep); err != nil && !errors.Is(err, fs.ErrNotExist) {
				m.log.Warn("console cannot be cut back", "file", path, "error", err)
			}
		}
	}
}

// trim keeps the end of a file that is longer than limit. Whoever appends to it goes on at the new end; what is written
// while we copy is lost.
func trim(path string, limit, keep int64) error {
	info, err := os.Stat(path)
	if err != nil || info.Size() <= limit {
		return err
	}
	data, err := tail(path, keep)
	if err != nil {
		return err
	}
	if err := os.Truncate(path, 0); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
