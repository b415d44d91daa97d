package api

import (
	"container/heap"
	"context"
	"time"
)

// timeline is what will happen by itself: (time, kind, id), earliest first. Each event is also written in the record it
// belongs to, which decides when the time comes whether the event still holds; so events need not be removed, and a
// restart makes them again from the records.
type timeline struct {
	events []event
	wake   chan struct{} // told when the earliest event changed; nil without a ticker
	n      uint64
}

type event struct {
	at   time.Time
	n    uint64 // order among equals
	kind string
	id   string
}

func (t *timeline) Len() int { return len(t.events) }
func (t *timeline) Less(i, j int) bool {
	a, b := &t.events[i], &t.events[j]
	if a.at.Equal(b.at) {
		return a.n < b.n
	}
	return a.at.Before(b.at)
}
func (t *timeline) Swap(i, j int) { t.events[i], t.events[j] = t.events[j], t.events[i] }
func (t *timeline) Push(x any)    { t.events = append(t.events, x.(event)) }
func (t *timeline) Pop() any {
	last := t.events[len(t.events)-1]
	t.events = t.events[:len(t.events)-1]
	return last
}

// schedule makes s.happen(kind, id) be called at or after the time.
func (s *Server) schedule(at time.Time, kind, id string) {
	s.time.n++
	heap.Push(&s.time, event{at: at, n: s.time.n, kind: kind, id: id})
	if s.time.wake != nil {
		select {
		case s.time.wake <- struct{}{}:
		default:
		}
	}
}

// advance lets everything happen that is due. The lock is held.
func (s *Server) advance(now time.Time) {
	s.db.now = now
	for len(s.time.events) > 0 && !s.time.events[0].at.After(now) {
		e := heap.Pop(&s.time).(event)
		s.db.now = e.at // records that change now changed then
		s.happen(e.kind, e.id)
	}
	s.db.now = now
}

// happen handles one event that is due.
func (s *Server) happen(kind, id string) {
	switch kind {
	case "instance":
		s.instanceDue(id)
	case "spot":
		s.spotDue(id)
	case "nat":
		s.natDue(id)
	case "balancer":
		s.balancerDue(id)
	case "target":
		s.targetDue(id)
	case "volume":
		s.volumeDue(id)
	}
}

// tick carries events out when no request comes along; only a server with machines needs it.
func (s *Server) tick(ctx context.Context) {
	for ctx.Err() == nil {
		s.mu.Lock()
		s.advance(s.opt.Clock.Now())
		if err := s.commit(); err != nil {
			s.log.Error("the lab's state cannot be written", "error", err)
		}
		wait := time.Minute
		if len(s.time.events) > 0 {
			wait = min(wait, s.time.events[0].at.Sub(s.db.now))
		}
		s.mu.Unlock()
		s.runJobs()
		sleep, cancel := context.WithCancel(ctx)
		woken := make(chan struct{})
		go func() {
			defer close(woken)
			select {
			case <-s.time.wake:
				cancel()
			case <-sleep.Done():
			}
		}()
		_ = s.opt.Clock.Sleep(sleep, wait) // woken early or the time is up: look again either way
		cancel()
		<-woken
	}
}
