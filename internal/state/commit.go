package state

import (
	"context"
	"fmt"
	"sync"
)

// pendingCommit is a Commit on its way.
type pendingCommit struct {
	entries []*wireEntry
	encoded [][]byte
	// begin asks for the session's serial even without another entry.
	begin   bool
	durable bool
	// exclusive: needs a journal record of its own.
	exclusive bool
	// turn gets one value: when the commit is done, or when its caller has to lead.
	turn chan struct{}
	done bool
	err  error
}

func newPendingCommit(durable bool, entries []Entry) (*pendingCommit, error) {
	c := &pendingCommit{durable: durable, turn: make(chan struct{}, 1)}
	for i := range entries {
		w := &entries[i].w
		if err := w.check(); err != nil {
			return nil, err
		}
		if w.Op == opBeginRun {
			c.begin = true
			continue
		}
		data, err := marshal(w)
		if err != nil {
			return nil, err
		}
		c.entries, c.encoded = append(c.entries, w), append(c.encoded, data)
	}
	var err error
	c.exclusive, err = exclusive(c.entries)
	return c, err
}

func (c *pendingCommit) empty() bool { return len(c.entries) == 0 && !c.begin && !c.durable }

// commitQueue gathers commits: the first caller writes its own and those that came meanwhile, then hands over.
type commitQueue struct {
	mu      sync.Mutex
	leading bool
	pending []*pendingCommit
}

// Commit records entries: all of them, in one journal record, or none. When it returns without an error they survive the
// end of the process; with durable also that of the machine. Commits of many goroutines share one write and one fsync.
// Without entries, durable makes durable what was committed before. Once begun it is not cut short, whatever becomes of
// ctx: an outcome is worth recording also when a run is canceled.
//
// A *LostLockError means that this session cannot write any more.
func (s *Session) Commit(ctx context.Context, durable bool, entries ...Entry) error {
	c, err := newPendingCommit(durable, entries)
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if c.empty() {
		return nil
	}
	q := &s.queue
	q.mu.Lock()
	q.pending = append(q.pending, c)
	if q.leading {
		q.mu.Unlock()
		<-c.turn
		if c.done {
			return c.err
		}
		q.mu.Lock()
	}
	q.leading = true
	group := q.take()
	q.mu.Unlock()

	s.write(context.WithoutCancel(ctx), group)
	for _, other := range group {
		if other != c {
			other.turn <- struct{}{}
		}
	}
	q.handOver()
	return c.err
}

// take removes the next group from the queue: all that can be one journal record.
func (q *commitQueue) take() []*pendingCommit {
	n := 1
	if !q.pending[0].exclusive {
		for n < len(q.pending) && !q.pending[n].exclusive {
			n++
		}
	}
	group := q.pending[:n:n]
	q.pending = q.pending[n:]
	return group
}

// handOver makes the first of those who wait the leader.
func (q *commitQueue) handOver() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.pending) == 0 {
		q.leading, q.pending = false, nil
		return
	}
	q.pending[0].turn <- struct{}{}
}
