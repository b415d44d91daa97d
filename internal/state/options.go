package state

import (
	"log/slog"
	"os"
	"os/user"
	"time"
)

// Options are settings of a File. The zero value is fit for use.
type Options struct {
	// Now is the clock; time.Now by default.
	Now func() time.Time
	// Owner is who asks for locks; by default this process.
	Owner Owner
	// ToolVersion is noted in snapshots.
	ToolVersion string
	// LeaseDuration is how long a lock holds without a heartbeat; 30 s by default. Heartbeats come three times as often.
	LeaseDuration time.Duration
	// Logger gets what is not for the user; it is discarded by default.
	Logger *slog.Logger
	// Warn gets what the user should know though nothing failed (a torn journal, a lock taken over), each once per File.
	// By default it goes to Logger.
	Warn func(message string)
	// NoSync leaves out every fsync: for tests with files that may be lost with the machine.
	NoSync bool
}

// Owner says who holds a lock.
type Owner struct {
	User string
	Host string
	PID  int
}

const (
	defaultLease = 30 * time.Second
	// compactAbove is the least size of a journal, in bytes, that is worth a new snapshot.
	compactAbove = 64 << 10
	// compactRunning is the same for a compaction during a run, which would hold up its commits.
	compactRunning = 8 << 20
)

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.LeaseDuration <= 0 {
		o.LeaseDuration = defaultLease
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Warn == nil {
		logger := o.Logger
		o.Warn = func(message string) { logger.Warn(message) }
	}
	if o.Owner.PID == 0 {
		o.Owner.PID = os.Getpid()
	}
	if o.Owner.Host == "" {
		o.Owner.Host, _ = os.Hostname()
	}
	if o.Owner.User == "" {
		o.Owner.User = currentUser()
	}
	return o
}

func currentUser() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return os.Getenv("USER")
}
