package state

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Problem is what is wrong with a file.
type Problem string

// The problems. Each has its own message and its own way out.
const (
	// Empty: the file has no bytes.
	Empty Problem = "empty"
	// NotJSON: the snapshot is no JSON at all.
	NotJSON Problem = "not_json"
	// Foreign: it is JSON, or a journal, of another program.
	Foreign Problem = "foreign"
	// Truncated: the snapshot ends too early.
	Truncated Problem = "truncated"
	// Altered: the content does not match its digest.
	Altered Problem = "altered"
	// Invalid: the digest is right, or absent, and the content still makes no sense.
	Invalid Problem = "invalid"
	// Newer: written by a newer version of clusterform.
	Newer Problem = "newer"
	// JournalDamaged: a record before the last is unreadable.
	JournalDamaged Problem = "journal_damaged"
	// JournalMismatch: snapshot and journal do not belong together.
	JournalMismatch Problem = "journal_mismatch"
	// SnapshotMissing: there is a journal, but the snapshot that it continues is gone.
	SnapshotMissing Problem = "snapshot_missing"
)

// FileError says that a state file cannot be used. Nothing has been written when it is returned.
type FileError struct {
	Path    string
	Problem Problem
	Message string
	// Hint says what to do.
	Hint string
	Err  error
}

func (e *FileError) Error() string {
	s := e.Path + " " + e.Message
	if e.Err != nil {
		s += ": " + printable(e.Err.Error())
	}
	return s + ". Nothing was changed. " + e.Hint
}

func (e *FileError) Unwrap() error { return e.Err }

// LockedError says that another process has the lock.
type LockedError struct {
	Path string
	Info LockInfo
	// Now is when the lock was asked for.
	Now time.Time
	// Waited is how long was waited for it.
	Waited time.Duration
}

func (e *LockedError) Error() string {
	waited := ""
	if e.Waited >= time.Second {
		waited = fmt.Sprintf(" after waiting %s", e.Waited.Round(time.Second))
	}
	return fmt.Sprintf("the state %s is locked%s: %s. Wait until it ends (-lock-timeout=5m waits for you); if that process "+
		"is gone for good, `clusterform lock break %s`", e.Path, waited, e.Info.describe(e.Now), printable(e.Info.ID))
}

// LostLockError says that this process no longer holds the lock, so nothing more can be recorded. Objects changed since
// have open intents in the journal and are found again by the next run.
type LostLockError struct {
	Path string
	// ID and Fence are those of the lock that was lost.
	ID    string
	Fence uint64
	// Now is who holds it instead; nil when nobody does.
	Now *LockInfo
}

func (e *LostLockError) Error() string {
	by := "it was broken, or its file was removed"
	if e.Now != nil {
		by = fmt.Sprintf("it was taken over by %s for %s (lock %s)", e.Now.who(), printable(e.Now.Operation), printable(e.Now.ID))
	}
	return fmt.Sprintf("the lock %s on %s is lost: %s. Nothing more is recorded by this process; run the command again "+
		"when the other one is done, it finds what this one started", e.ID, e.Path, by)
}

// printable strips control characters from text that comes from files.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s)
}
