package state

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// LockRequest says what a lock is for.
type LockRequest struct {
	// Operation is the command, for whoever finds the state locked: "apply", "state rm".
	Operation string
	// Wait is how long to wait for another holder; 0 fails at once.
	Wait time.Duration
}

// lockPoll is how often a waiting process looks again.
const lockPoll = 250 * time.Millisecond

// Lock makes this process the one writer, until Session.Close. A lock whose holder is dead (its process is gone, or its
// lease ended) is taken over, under a higher fencing number. One that is held is a *LockedError, after req.Wait. The
// state is read under the lock; if that fails, the lock is free again.
func (f *File) Lock(ctx context.Context, req LockRequest) (*Session, error) {
	info, err := f.waitForLock(ctx, req)
	if err != nil {
		return nil, err
	}
	f.points.at(afterLock)
	s := newSession(f, info)
	if err := s.load(ctx); err != nil {
		return nil, errors.Join(err, s.release(context.WithoutCancel(ctx)))
	}
	s.startHeartbeat()
	return s, nil
}

func (f *File) waitForLock(ctx context.Context, req LockRequest) (*LockInfo, error) {
	begin := f.opts.Now()
	for {
		info, err := f.tryLock(ctx, req)
		locked, isLocked := errors.AsType[*LockedError](err)
		if !isLocked {
			return info, err
		}
		locked.Waited = f.opts.Now().Sub(begin)
		left := req.Wait - locked.Waited
		if left <= 0 {
			return nil, err
		}
		timer := time.NewTimer(min(lockPoll, left))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, errors.Join(ctx.Err(), err)
		case <-timer.C:
		}
	}
}

// tryLock takes the lock if it is free or stale.
func (f *File) tryLock(ctx context.Context, req LockRequest) (info *LockInfo, err error) {
	err = f.critical(ctx, func(s *section) error {
		now := f.opts.Now()
		if s.Holder != nil {
			s.Holder.Stale = s.Holder.staleness(now, machineID())
			if s.Holder.Stale == "" {
				return &LockedError{Path: f.path, Info: *s.Holder, Now: now}
			}
			f.warn(fmt.Sprintf("the lock of %s for %s was taken over: %s", s.Holder.who(), printable(s.Holder.Operation), s.Holder.Stale))
		}
		info = f.newLock(req, s.Fence+1, now)
		return s.write(lockContent{Fence: info.Fence, Holder: info})
	})
	if err != nil {
		return nil, err
	}
	return info, nil
}

func (f *File) newLock(req LockRequest, fence uint64, now time.Time) *LockInfo {
	o := f.opts.Owner
	start, _ := processStart(o.PID)
	return &LockInfo{
		ID: randomID(), Operation: req.Operation, User: o.User, Host: o.Host, PID: o.PID,
		Machine: machineID(), ProcessStart: start,
		Started: now.Round(0), Heartbeat: now.Round(0), Expires: now.Round(0).Add(f.opts.LeaseDuration), Fence: fence,
	}
}

func randomID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// owned is a critical section in which the lock is certainly ours.
func (s *Session) owned(ctx context.Context, run func(*section) error) error {
	return s.f.critical(ctx, func(c *section) error {
		if c.Holder == nil || c.Holder.ID != s.lock.ID || c.Holder.Fence != s.lock.Fence {
			lost := &LostLockError{Path: s.f.path, ID: s.lock.ID, Fence: s.lock.Fence, Now: c.Holder}
			s.lose()
			return lost
		}
		return run(c)
	})
}

// startHeartbeat renews the lease until Close.
func (s *Session) startHeartbeat() {
	s.beats.Go(func() {
		ticker := time.NewTicker(max(s.f.opts.LeaseDuration/3, time.Millisecond))
		defer ticker.Stop()
		for {
			select {
			case <-s.stop:
				return
			case <-ticker.C:
			}
			err := s.beat()
			if _, lost := errors.AsType[*LostLockError](err); lost {
				s.f.opts.Logger.Error("state lock lost", "path", s.f.path, "error", err)
				return
			}
			if err != nil {
				// The lock may still be ours; the next Commit finds out.
				s.f.opts.Logger.Warn("state lock heartbeat failed", "path", s.f.path, "error", err)
			}
		}
	})
}

func (s *Session) beat() error {
	s.io.Lock()
	defer s.io.Unlock()
	return s.owned(context.Background(), func(c *section) error {
		now := s.f.opts.Now().Round(0)
		held := *c.Holder
		held.Heartbeat, held.Expires = now, now.Add(s.f.opts.LeaseDuration)
		return c.write(lockContent{Fence: c.Fence, Holder: &held})
	})
}

// raiseFence puts the lock above every number in the journal: the lock file may have been deleted or restored.
func (s *Session) raiseFence(ctx context.Context, used uint64) error {
	if s.lock.Fence > used {
		return nil
	}
	return s.owned(ctx, func(c *section) error {
		held := *c.Holder
		held.Fence = used + 1
		s.lock.Fence = held.Fence
		return c.write(lockContent{Fence: held.Fence, Holder: &held})
	})
}

// release frees the lock if it is still ours. Its number stays in the file.
func (s *Session) release(ctx context.Context) error {
	return s.owned(ctx, func(c *section) error {
		s.f.points.at(beforeRelease)
		if err := c.write(lockContent{Fence: c.Fence}); err != nil {
			return err
		}
		s.f.points.at(afterRelease)
		return nil
	})
}
