package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/clusterform/clusterform/planner/resource"
)

// Push replaces the state by data, which Export made or a person edited (then without its "digest" line). It takes the
// lock and keeps the former snapshot as backup. It refuses another lineage, an older serial, and other content under the
// same serial, unless forced; a forced one gets a higher serial than it had, so that no saved plan of the past fits. A
// damaged state is only replaced by force, and moved aside.
func (f *File) Push(ctx context.Context, data []byte, force bool) error {
	d, err := decodeSnapshot("the state to push", data, "Pull it again, or, if you edited it on purpose, remove its \"digest\" line")
	if err != nil {
		return err
	}
	s, err := f.lockForPush(ctx, force)
	if err != nil {
		return err
	}
	err = s.replace(ctx, d.snapshot, force)
	return errors.Join(err, s.Close(ctx))
}

func (f *File) lockForPush(ctx context.Context, force bool) (*Session, error) {
	request := LockRequest{Operation: "state push"}
	s, err := f.Lock(ctx, request)
	if _, damaged := errors.AsType[*FileError](err); !damaged || !force {
		return s, err
	}
	info, err := f.waitForLock(ctx, request)
	if err != nil {
		return nil, err
	}
	s = newSession(f, info)
	if err := errors.Join(s.owned(ctx, func(*section) error { return f.moveAside() }), s.load(ctx)); err != nil {
		return nil, errors.Join(err, s.release(context.WithoutCancel(ctx)))
	}
	s.startHeartbeat()
	return s, nil
}

// moveAside keeps files that cannot be read under another name.
func (f *File) moveAside() error {
	suffix := ".damaged-" + f.opts.Now().UTC().Format("20060102T150405Z")
	for _, path := range []string{f.path, f.journalPath} {
		if err := os.Rename(path, path+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot move the damaged state aside: %w", err)
		}
	}
	f.warn("the damaged state was moved aside: its files now end in " + suffix)
	return f.disk.syncDir(f.path)
}

// replace puts another state in the place of the present one.
func (s *Session) replace(ctx context.Context, pushed *resource.Snapshot, force bool) error {
	s.io.Lock()
	defer s.io.Unlock()
	return s.owned(ctx, func(*section) error {
		present := s.m.view()
		same, err := sameContent(present, pushed)
		if err != nil || same {
			return err
		}
		if present.Lineage != "" && !force {
			if err := mayReplace(present, pushed); err != nil {
				return err
			}
		}
		// First the former state becomes a snapshot of its own: then there is no journal that a crash could leave
		// beside the new one, and the backup is whole.
		if present.Lineage != "" {
			if err := s.settleFiles(); err != nil {
				return err
			}
		}
		n := fromSnapshot(pushed)
		if force && pushed.Lineage == present.Lineage {
			n.serial = max(n.serial, present.Serial+1)
		}
		n.seq, n.fence, n.lastIntent = s.m.seq+1, s.lock.Fence, max(n.lastIntent, s.m.lastIntent)
		s.mu.Lock()
		s.m, s.cached = n, nil
		s.mu.Unlock()
		s.began = true
		if err := s.compact(); err != nil {
			s.broken = err // memory and files differ now
			return err
		}
		return nil
	})
}

// settleFiles leaves a snapshot of all that is known with an empty journal.
func (s *Session) settleFiles() error {
	if s.m.seq == s.snapshotSeq {
		return s.prepareJournal()
	}
	defer func() { s.backedUp = false }()
	return s.compact()
}

// sameContent compares all but the place in the journal.
func sameContent(a, b *resource.Snapshot) (bool, error) {
	if a.Lineage != b.Lineage || a.Serial != b.Serial {
		return false, nil
	}
	x, err := Export(a)
	if err != nil {
		return false, err
	}
	y, err := Export(b)
	return bytes.Equal(x, y), err
}

func mayReplace(present, pushed *resource.Snapshot) error {
	const force = "; -force pushes it all the same"
	switch {
	case pushed.Lineage != present.Lineage:
		return fmt.Errorf("the state to push belongs to something else: its lineage is %s, the present state's %s%s",
			printable(pushed.Lineage), present.Lineage, force)
	case pushed.Serial < present.Serial:
		return fmt.Errorf("the state to push is older (serial %d) than the present one (%d), so it would undo what was recorded since%s",
			pushed.Serial, present.Serial, force)
	case pushed.Serial == present.Serial:
		return fmt.Errorf("the state to push has other content under the same serial (%d) as the present one: raise its serial if it "+
			"was edited on purpose%s", present.Serial, force)
	}
	return nil
}
