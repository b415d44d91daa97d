package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/clusterform/clusterform/planner/resource"
)

// File is a state in a local directory. It is safe for concurrent use.
type File struct {
	path, journalPath, lockPath, backupPath string

	opts   Options
	disk   disk
	points *failpoints

	mu     sync.Mutex
	warned map[string]bool
	// compactAbove and compactRunning are the constants of the same names, smaller in tests.
	compactAbove, compactRunning int64
}

// Open names a state file. It touches nothing on the disk: the file and its journal come with the first Commit.
func Open(path string, opts Options) (*File, error) {
	if path == "" {
		return nil, fmt.Errorf("the state needs a file name")
	}
	// The files stand beside the real one, and a rename must not replace a link by a file.
	target, err := filepath.EvalSymlinks(path)
	switch {
	case err == nil:
		path = target
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("state: %w", err)
	}
	points, err := newFailpoints(os.Getenv)
	if err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	return &File{
		path: path, journalPath: path + ".journal", lockPath: path + ".lock", backupPath: path + ".backup",
		opts: opts, disk: disk{noSync: opts.NoSync}, points: points,
		warned:       map[string]bool{},
		compactAbove: compactAbove, compactRunning: compactRunning,
	}, nil
}

// Path is that of the snapshot.
func (f *File) Path() string { return f.path }

// Read returns what is recorded, taking no lock: also while another process writes, what it returns was the state at one
// moment. A missing file is an empty snapshot, without a lineage. What is damaged or foreign is a *FileError.
func (f *File) Read(ctx context.Context) (*resource.Snapshot, error) {
	l, err := f.load(ctx)
	if err != nil {
		return nil, err
	}
	if l.torn != "" && !f.busy(ctx) {
		f.warn(l.torn)
	}
	return l.m.view(), nil
}

// busy tells whether somebody is writing: then an incomplete last record is just on its way.
func (f *File) busy(ctx context.Context) bool {
	info, err := f.LockInfo(ctx)
	return err == nil && info != nil && info.Stale == ""
}

// load reads snapshot and journal. The journal is read first: it never continues a snapshot younger than the one that
// is found then, because a writer puts the new snapshot in place before it begins the journal anew.
func (f *File) load(ctx context.Context) (*loaded, error) {
	const attempts = 5
	for attempt := 1; ; attempt++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l, err := f.loadOnce()
		// The state was replaced as a whole between the two reads (state push), or it is really broken.
		if err == nil || attempt == attempts || !isProblem(err, JournalMismatch, JournalDamaged, SnapshotMissing) {
			return l, err
		}
		time.Sleep(time.Duration(attempt) * time.Millisecond)
	}
}

func (f *File) loadOnce() (*loaded, error) {
	journal, err := readFile(f.journalPath)
	if err != nil {
		return nil, fmt.Errorf("cannot read the journal: %w", err)
	}
	snapshot, err := readFile(f.path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the state: %w", err)
	}
	return f.assemble(snapshot, journal)
}

func isProblem(err error, problems ...Problem) bool {
	fe, ok := errors.AsType[*FileError](err)
	if !ok {
		return false
	}
	for _, p := range problems {
		if fe.Problem == p {
			return true
		}
	}
	return false
}

// warn tells the user something, once.
func (f *File) warn(message string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.warned[message] {
		f.warned[message] = true
		f.opts.Warn(message)
	}
}

func (f *File) restoreHint() string {
	return fmt.Sprintf("Put back a good copy with `clusterform state push -force FILE`; %s is the one before the last run", f.backupPath)
}
