package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// lockPatience is how long hold waits for those who only look whether a lab runs.
const lockPatience = 2 * time.Second

// hold makes this process the only one that works on the lab's directory, until release.
func hold(ctx context.Context, dir, name string) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	lock := flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o600))
	got, err := lock.TryLockContext(ctx, 20*time.Millisecond)
	if errors.Is(err, context.DeadlineExceeded) || err == nil && !got {
		return nil, fmt.Errorf("lab %q: another process is bringing it up or down; wait for it, and try again", name)
	}
	if err != nil {
		return nil, fmt.Errorf("lab %q: %w", name, err)
	}
	return func() { _ = lock.Unlock() }, nil
}

// isRunning asks the lock that the lab's process holds. Asking takes a shared one, so that two who ask do not take each
// other for the lab.
func isRunning(dir string) (bool, error) {
	path := filepath.Join(dir, lockFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	lock := flock.New(path, flock.SetFlag(os.O_RDONLY))
	got, err := lock.TryRLock()
	if err != nil {
		return false, fmt.Errorf("lab: %w", err)
	}
	if got {
		return false, lock.Unlock()
	}
	return true, nil
}

// notePID says which process runs the lab. It is a file of its own: some platforms refuse to read a locked one.
func notePID(dir string) error {
	return os.WriteFile(filepath.Join(dir, pidFile), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600)
}

// readPID returns the process that runs the lab, 0 when none is noted. It means something only while the lock is held.
func readPID(dir string) (int, error) {
	path := filepath.Join(dir, pidFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid <= 1 {
		return 0, fmt.Errorf("%s holds no process id: %q", path, data)
	}
	return pid, nil
}
