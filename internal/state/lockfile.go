package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/gofrs/flock"
)

const (
	lockFormat  = "clusterform.lock"
	lockVersion = 1
	// lockBlock is what the lock file is padded to: it is overwritten in place, by one write.
	lockBlock = 1024
	// criticalWait is how long a critical section waits for another process to leave its own, which takes milliseconds.
	criticalWait  = time.Minute
	criticalRetry = 2 * time.Millisecond
)

// lockContent is the lock file. The file stays when the lock is free, for its fencing number.
type lockContent struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	// Fence is the highest number given out.
	Fence  uint64    `json:"fence"`
	Holder *LockInfo `json:"holder"`
}

// section is the lock file during a critical section: under a flock, which the kernel gives back if the process dies.
type section struct {
	file *os.File
	lockContent
	// damaged: what was there made no sense; there is no holder then, since none could prove it.
	damaged bool
}

// critical runs f while no other process is in a critical section of this state.
func (f *File) critical(ctx context.Context, run func(*section) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, criticalWait)
	defer cancel()
	guard := flock.New(f.lockPath, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(fileMode))
	if ok, err := guard.TryLockContext(ctx, criticalRetry); err != nil || !ok {
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("another process has been writing %s for %s; is it stopped? %w", f.lockPath, criticalWait, err)
		}
		return fmt.Errorf("cannot lock the state: %w", err)
	}
	defer func() { err = errors.Join(err, guard.Unlock()) }()
	file, err := os.OpenFile(f.lockPath, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("cannot lock the state: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	s := &section{file: file}
	if err := s.read(); err != nil {
		return err
	}
	return run(s)
}

func (s *section) read() error {
	data, err := io.ReadAll(io.NewSectionReader(s.file, 0, 1<<20))
	if err != nil {
		return fmt.Errorf("cannot read the lock file: %w", err)
	}
	s.lockContent, err = parseLock(data)
	switch {
	case errors.Is(err, errLockDamaged):
		s.damaged = true
	case err != nil:
		return fmt.Errorf("%s: %w", s.file.Name(), err)
	}
	return nil
}

var errLockDamaged = errors.New("the lock file is damaged")

func parseLock(data []byte) (lockContent, error) {
	var c lockContent
	data = bytes.TrimSpace(data)
	if len(data) == 0 {
		return c, nil
	}
	// Only the first value counts: the rest may be of a longer content, when a process was killed before it cut that off.
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&c); err != nil || c.Format != lockFormat {
		return lockContent{}, errLockDamaged
	}
	if c.Version > lockVersion {
		return lockContent{}, fmt.Errorf("the lock file has version %d, this clusterform knows up to %d: use a newer clusterform",
			c.Version, lockVersion)
	}
	return c, nil
}

// write puts a new content in place: one write, padded, so that a process killed at any moment leaves the old or the new.
func (s *section) write(c lockContent) error {
	c.Format, c.Version = lockFormat, lockVersion
	data, err := marshal(c)
	if err != nil {
		return err
	}
	size := (len(data)/lockBlock + 1) * lockBlock
	data = append(data, bytes.Repeat([]byte(" "), size-len(data)-1)...)
	data = append(data, '\n')
	if _, err := s.file.WriteAt(data, 0); err != nil {
		return fmt.Errorf("cannot write the lock file: %w", err)
	}
	if err := s.file.Truncate(int64(size)); err != nil {
		return fmt.Errorf("cannot write the lock file: %w", err)
	}
	s.lockContent = c
	return nil
}

// LockInfo returns the lock that is held, or nil when it is free. Stale tells whether the holder is well.
func (f *File) LockInfo(ctx context.Context) (*LockInfo, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for attempt := 0; ; attempt++ {
		data, err := os.ReadFile(f.lockPath)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read the lock file: %w", err)
		}
		c, err := parseLock(data)
		if errors.Is(err, errLockDamaged) && attempt < 3 {
			continue // read in the middle of a write
		}
		if errors.Is(err, errLockDamaged) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.lockPath, err)
		}
		if c.Holder != nil {
			c.Holder.Stale = c.Holder.staleness(f.opts.Now(), machineID())
		}
		return c.Holder, nil
	}
}

// BreakLock frees the lock of that ID, whoever holds it. Its holder cannot write any more: its next Commit fails.
func (f *File) BreakLock(ctx context.Context, id string) error {
	if _, err := os.Stat(f.lockPath); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the state %s is not locked", f.path)
	}
	return f.critical(ctx, func(s *section) error {
		switch {
		case s.Holder == nil:
			return fmt.Errorf("the state %s is not locked", f.path)
		case s.Holder.ID != id:
			return fmt.Errorf("the state %s is not locked by %s but by %s: %s", f.path, printable(id), printable(s.Holder.ID),
				s.Holder.describe(f.opts.Now()))
		}
		return s.write(lockContent{Fence: s.Fence})
	})
}
