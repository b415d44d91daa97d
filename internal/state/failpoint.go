package state

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

// Failpoints are for crash tests only. With CLUSTERFORM_FAILPOINT=journal:N in its environment, the process kills itself
// (SIGKILL: no handler, no deferred call) at the Nth boundary it comes to, counted from 1. CLUSTERFORM_FAILPOINT_COUNT=FILE
// appends the name of each boundary to FILE, one a line, so that a first run tells how many there are.
const (
	failpointEnv      = "CLUSTERFORM_FAILPOINT"
	failpointCountEnv = "CLUSTERFORM_FAILPOINT_COUNT"
)

// The boundaries.
const (
	afterLock            = "lock.taken"
	beforeJournalWrite   = "journal.before_write"
	halfJournalWrite     = "journal.half_written"
	afterJournalWrite    = "journal.written"
	afterJournalSync     = "journal.synced"
	beforeSnapshotRename = "snapshot.before_rename"
	afterSnapshotRename  = "snapshot.renamed"
	beforeJournalReset   = "journal.before_reset"
	afterJournalReset    = "journal.reset"
	beforeRelease        = "lock.before_release"
	afterRelease         = "lock.released"
)

// failpoints counts boundaries. The zero value does nothing.
type failpoints struct {
	mu     sync.Mutex
	target int
	count  int
	file   string
	// die ends the process; a test replaces it.
	die func()
}

func newFailpoints(getenv func(string) string) (*failpoints, error) {
	f := &failpoints{file: getenv(failpointCountEnv), die: killSelf}
	if spec := getenv(failpointEnv); spec != "" {
		number, ok := strings.CutPrefix(spec, "journal:")
		n, err := strconv.Atoi(number)
		if !ok || err != nil || n < 1 {
			return nil, fmt.Errorf("%s=%q: expected journal:N with N from 1; it is for tests, unset it", failpointEnv, spec)
		}
		f.target = n
	}
	return f, nil
}

// at passes a boundary.
func (f *failpoints) at(name string) {
	if f.reached(name) {
		f.die()
	}
}

// reached counts a boundary and tells whether to die there.
func (f *failpoints) reached(name string) bool {
	if f.target == 0 && f.file == "" {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	if f.file != "" {
		if w, err := os.OpenFile(f.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
			fmt.Fprintln(w, name)
			w.Close()
		}
	}
	return f.count == f.target
}

func killSelf() {
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		_ = p.Kill()
	}
	select {} // the signal is on its way
}
