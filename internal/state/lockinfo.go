package state

import (
	"fmt"
	"time"
)

// LockInfo is a lock and who holds it.
type LockInfo struct {
	// ID is random; `lock break` wants it, so that nobody breaks another lock than the one looked at.
	ID string `json:"id"`
	// Operation is the command: "apply", "state mv".
	Operation string `json:"operation"`
	User      string `json:"user"`
	Host      string `json:"host"`
	PID       int    `json:"pid"`
	// Machine and ProcessStart tell, on the same machine, whether that process still runs.
	Machine      string    `json:"machine,omitempty"`
	ProcessStart uint64    `json:"process_start,omitempty"`
	Started      time.Time `json:"started"`
	Heartbeat    time.Time `json:"heartbeat"`
	// Expires is when others may take the lock over if no heartbeat comes before.
	Expires time.Time `json:"expires"`
	// Fence grows with every lock taken on this state and is never used again.
	Fence uint64 `json:"fence"`
	// Stale says why the lock may be taken over; empty when its holder is well. Filled in on reading.
	Stale string `json:"-"`
}

func (i *LockInfo) who() string {
	return fmt.Sprintf("%s@%s (pid %d)", printable(i.User), printable(i.Host), i.PID)
}

// describe says who holds the lock, since when and how alive it is.
func (i *LockInfo) describe(now time.Time) string {
	return fmt.Sprintf("%s runs %s since %s, last heartbeat %s ago, lease until %s, lock %s", i.who(), printable(i.Operation),
		i.Started.UTC().Format(time.RFC3339), max(0, now.Sub(i.Heartbeat)).Round(time.Second), i.Expires.UTC().Format(time.RFC3339),
		printable(i.ID))
}

// staleness says why the lock may be taken over, or nothing.
func (i *LockInfo) staleness(now time.Time, machine string) string {
	if machine != "" && i.Machine == machine {
		start, alive := processStart(i.PID)
		switch {
		case !alive:
			return fmt.Sprintf("process %d no longer runs", i.PID)
		case i.ProcessStart != 0 && start != i.ProcessStart:
			return fmt.Sprintf("process %d is another one now", i.PID)
		}
	}
	if now.After(i.Expires) {
		return "its lease ended at " + i.Expires.UTC().Format(time.RFC3339) + " without a heartbeat"
	}
	return ""
}
