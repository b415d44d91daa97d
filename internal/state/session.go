package state

import (
	"context"
	"errors"
	"os"
	"sync"

	"github.com/clusterform/clusterform/planner/resource"
)

// Session is the one writer of a state. It is safe for concurrent use. It renews its lease in the background until Close.
type Session struct {
	f    *File
	lock *LockInfo

	// mu guards what is known; it is never held during I/O.
	mu     sync.RWMutex
	m      *memory
	cached *resource.Snapshot // of m.seq, or nil

	// queue has the commits that wait for the one being written.
	queue commitQueue

	// io guards the files and what is known of them.
	io             sync.Mutex
	journal        *os.File
	journalEnd     int64
	ready          bool   // the journal can be appended to
	synced         uint64 // the last durable record
	dirty          bool   // something was written and not synced
	snapshotSeq    uint64
	snapshotDigest string
	snapshotSize   int64
	hasSnapshot    bool
	upgraded       bool
	backedUp       bool
	began          bool // this session's serial is given out
	closed         bool
	broken         error

	stop     chan struct{}
	beats    sync.WaitGroup
	lost     chan struct{}
	loseOnce sync.Once
}

func newSession(f *File, lock *LockInfo) *Session {
	return &Session{f: f, lock: lock, stop: make(chan struct{}), lost: make(chan struct{})}
}

// load reads the state under the lock.
func (s *Session) load(ctx context.Context) error {
	l, err := s.f.load(ctx)
	if err != nil {
		return err
	}
	if l.torn != "" {
		s.f.warn(l.torn)
	}
	if err := s.raiseFence(ctx, l.m.fence); err != nil {
		return err
	}
	s.m = l.m
	s.snapshotSeq, s.snapshotDigest, s.snapshotSize = l.snapshotSeq, l.snapshotDigest, l.snapshotSize
	s.hasSnapshot, s.upgraded = l.snapshotSize > 0, l.upgraded
	if l.continues && !l.upgraded {
		s.journalEnd = l.journalEnd
	}
	return nil
}

// Lock describes the lock that this session holds.
func (s *Session) Lock() LockInfo { return *s.lock }

// Lost is closed when the session finds out that it no longer holds the lock.
func (s *Session) Lost() <-chan struct{} { return s.lost }

func (s *Session) lose() { s.loseOnce.Do(func() { close(s.lost) }) }

// Record returns what is recorded at an address; not the deposed.
func (s *Session) Record(a resource.Address) (*resource.Record, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, ok := s.m.records[a]
	return r, ok
}

// RecordByID returns the address of the recorded object of that kind and cloud id; not of a deposed one.
func (s *Session) RecordByID(kind resource.Kind, id string) (resource.Address, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a, ok := s.m.byID[objectID{kind, id}]
	return a, ok
}

// Cluster returns a cluster's identity.
func (s *Session) Cluster(a resource.Address) (resource.ClusterRecord, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c, ok := s.m.clusters[a]
	return c, ok
}

// Version returns lineage and serial without the rest. The lineage is empty before the first commit of a new state.
func (s *Session) Version() (lineage string, serial uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.m.lineage, s.m.serial
}

// Snapshot returns all that is recorded now. It is immutable. Making one costs a copy of the maps (not of the records)
// when something changed since the last; to look at single records, Record is cheaper.
func (s *Session) Snapshot() *resource.Snapshot {
	s.mu.RLock()
	cached := s.cached
	s.mu.RUnlock()
	if cached != nil {
		return cached
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cached == nil {
		s.cached = s.m.snapshot()
	}
	return s.cached
}

// Close makes everything durable, writes a new snapshot when the journal has grown enough, and frees the lock. It is not
// cut short by ctx. A second Close does nothing.
func (s *Session) Close(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	s.io.Lock()
	if s.closed {
		s.io.Unlock()
		return nil
	}
	s.closed = true
	s.io.Unlock()
	close(s.stop)
	s.beats.Wait()

	s.io.Lock()
	defer s.io.Unlock()
	err := s.owned(ctx, func(*section) error { return s.finish() })
	if s.journal != nil {
		err = errors.Join(err, s.journal.Close())
		s.journal = nil
	}
	if _, lost := errors.AsType[*LostLockError](err); lost {
		return err
	}
	return errors.Join(err, s.release(ctx))
}

// finish leaves the files as the next run should find them.
func (s *Session) finish() error {
	if s.broken != nil {
		return nil //nolint:nilerr // said when it happened
	}
	if err := s.syncJournal(); err != nil {
		return err
	}
	if s.compactDue() {
		if err := s.compact(); err != nil {
			// The journal has everything, so nothing is lost; the next run tries again.
			s.f.warn("cannot write a new snapshot, the journal goes on: " + err.Error())
		}
	}
	return nil
}
