package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/clusterform/clusterform/planner/resource"
)

// A process is killed at each boundary of a story in turn: of a first run, and of a later one. What it had been told is
// recorded is there, what it was just recording is there whole or not at all, and the next run takes over without a hand.
func TestKilledAtEveryBoundary(t *testing.T) {
	t.Parallel()
	for _, nodes := range []int{0, 1} {
		t.Run(fmt.Sprintf("%d nodes before", nodes), func(t *testing.T) {
			t.Parallel()
			base := t.TempDir()
			if nodes > 0 {
				fill(t, open(t, base), nodes)
			}
			states := storyStates(t, base)
			boundaries := countBoundaries(t, base)
			wanted := []string{afterLock, beforeJournalWrite, halfJournalWrite, afterJournalWrite, afterJournalSync, beforeSnapshotRename,
				afterSnapshotRename, beforeJournalReset, afterJournalReset, beforeRelease, afterRelease}
			for _, name := range wanted {
				if !strings.Contains(strings.Join(boundaries, "\n"), name) {
					t.Errorf("the story never comes to %s", name)
				}
			}
			for n, name := range boundaries {
				t.Run(fmt.Sprintf("%02d %s", n+1, name), func(t *testing.T) {
					t.Parallel()
					killAt(t, base, n+1, states)
				})
			}
		})
	}
}

// storyStates are the states after each commit of the story, in canonical form without what differs from run to run.
func storyStates(t *testing.T, base string) []string {
	t.Helper()
	s := lock(t, open(t, copyDir(t, base)))
	states := []string{withoutLineage(t, s.Snapshot())}
	for _, entries := range story() {
		commit(t, s, entries...)
		states = append(states, withoutLineage(t, s.Snapshot()))
	}
	return states
}

// withoutLineage is a snapshot's canonical form without its lineage, which is random in a first run.
func withoutLineage(t *testing.T, s *resource.Snapshot) string {
	t.Helper()
	c := *s
	c.Lineage = ""
	return export(t, &c)
}

func countBoundaries(t *testing.T, base string) []string {
	t.Helper()
	names := filepath.Join(t.TempDir(), "names")
	out, err := child(t, "story", copyDir(t, base), failpointCountEnv+"="+names).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.Fields(string(readBytes(t, names)))
}

func killAt(t *testing.T, base string, boundary int, states []string) {
	dir := copyDir(t, base)
	c := child(t, "story", dir, fmt.Sprintf("%s=journal:%d", failpointEnv, boundary))
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the process was not killed: %v\n%s", err, out.String())
	}
	committed := strings.Count(out.String(), "committed")

	f := open(t, dir, silent)
	found := withoutLineage(t, read(t, f))
	at := -1
	for i, state := range states {
		if state == found {
			at = i
		}
	}
	if at != committed && at != committed+1 {
		t.Fatalf("after %d commits the state is that of commit %d:\n%s", committed, at, found)
	}
	// The next run needs no hand, and goes on as if nothing had happened.
	s := lock(t, f)
	useSmallJournals(f)
	commit(t, s, BeginRun())
	for _, entries := range story()[at:] {
		commit(t, s, entries...)
	}
	want := s.Snapshot()
	closeSession(t, s)
	after := read(t, open(t, dir))
	if export(t, after) != export(t, want) {
		t.Errorf("after the next run\n%s\nwant\n%s", export(t, after), export(t, want))
	}
	if len(after.Intents) != 0 || len(after.Records) != strings.Count(states[len(states)-1], "\n{\"address\"") {
		t.Errorf("%d open intents, %d records", len(after.Intents), len(after.Records))
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"+tempSuffix))
	if err != nil || len(left) > 0 {
		t.Errorf("files left behind: %v, %v", left, err)
	}
}

func copyDir(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestAFailpointSettingThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	for _, spec := range []string{"3", "journal:", "journal:0", "journal:x", "other:1"} {
		if _, err := newFailpoints(func(name string) string { return map[string]string{failpointEnv: spec}[name] }); err == nil {
			t.Errorf("%q is taken", spec)
		}
	}
}

// A write that fails is no commit; and when not even the rest of it could be cut off, nothing is written behind it.
func TestAFailedWriteIsNoCommit(t *testing.T) {
	t.Parallel()
	f := open(t, t.TempDir())
	s := lock(t, f)
	commit(t, s, Put(nodeRecord(0)))
	before := export(t, s.Snapshot())
	good := s.journal
	full, err := os.OpenFile(f.journalPath, os.O_RDONLY, 0) // refuses writes, and being cut
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	s.journal = full
	if err := s.Commit(context.Background(), true, Put(nodeRecord(1))); err == nil || !strings.Contains(err.Error(), "cannot write to the journal") {
		t.Errorf("error %v", err)
	}
	s.journal = good
	if got := export(t, s.Snapshot()); got != before {
		t.Errorf("the refused record is there:\n%s", got)
	}
	if err := s.Commit(context.Background(), true, Put(nodeRecord(2))); err == nil {
		t.Error("a commit behind an unknown end")
	}
	if got := export(t, read(t, f)); got != before {
		t.Errorf("on the disk:\n%s", got)
	}
}
