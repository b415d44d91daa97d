package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestASecondHolderIsToldAboutTheFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := lock(t, open(t, dir))
	_, err := open(t, dir).Lock(context.Background(), LockRequest{Operation: "destroy"})
	locked, ok := errors.AsType[*LockedError](err)
	if !ok {
		t.Fatalf("error %v", err)
	}
	if locked.Info.ID != first.Lock().ID || locked.Info.PID != os.Getpid() {
		t.Errorf("info %+v", locked.Info)
	}
	for _, want := range []string{"alice@build", fmt.Sprint("pid ", os.Getpid()), "runs apply since 2026-03-01T12:00:00Z", "-lock-timeout",
		"lock break " + first.Lock().ID} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
	closeSession(t, first)
	second := lock(t, open(t, dir))
	if second.Lock().Fence != first.Lock().Fence+1 {
		t.Errorf("fence %d after %d", second.Lock().Fence, first.Lock().Fence)
	}
}

func TestOneWhoWaitsGetsTheLockWhenItIsFree(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		clock := func(o *Options) { o.Now = nil }
		first := lock(t, open(t, dir, clock))
		begin := time.Now()
		time.AfterFunc(5*time.Minute, func() { closeSession(t, first) })
		if _, err := open(t, dir, clock).Lock(t.Context(), LockRequest{Wait: time.Minute}); err == nil || !strings.Contains(err.Error(), "after waiting 1m0s") {
			t.Errorf("waiting a minute: %v", err)
		}
		second, err := open(t, dir, clock).Lock(t.Context(), LockRequest{Wait: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(begin); waited < 5*time.Minute || waited > 5*time.Minute+lockPoll {
			t.Errorf("waited %s", waited)
		}
		closeSession(t, second)
		canceled, cancel := context.WithCancel(t.Context())
		third := lock(t, open(t, dir, clock))
		time.AfterFunc(time.Second, cancel)
		if _, err := open(t, dir, clock).Lock(canceled, LockRequest{Wait: time.Hour}); !errors.Is(err, context.Canceled) {
			t.Errorf("canceled while waiting: %v", err)
		}
		closeSession(t, third)
	})
}

func TestHeartbeatsKeepALeaseForHours(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		clock := func(o *Options) { o.Now, o.LeaseDuration = nil, 30*time.Second }
		f := open(t, dir, clock)
		s := lock(t, f)
		for range 20 {
			time.Sleep(17 * time.Minute)
			info, err := f.LockInfo(t.Context())
			if err != nil || info == nil || info.Stale != "" {
				t.Fatalf("lock %+v, %v", info, err)
			}
			if age := time.Since(info.Heartbeat); age > 10*time.Second {
				t.Errorf("last heartbeat %s ago", age)
			}
		}
		commit(t, s, Put(nodeRecord(0)))
		closeSession(t, s)
	})
}

// A holder without a heartbeat (its machine was suspended, or it is on another one and dead) loses the lock after the
// lease, and cannot write when it comes back.
func TestAStaleLeaseIsTakenOverWithFencing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := testTime
	var warnings []string
	slow := open(t, dir)
	// Heartbeats every 24 hours: none in this test.
	slow.opts.LeaseDuration = 72 * time.Hour
	old := lock(t, slow)
	commit(t, old, Put(nodeRecord(0)))
	other := open(t, dir, func(o *Options) {
		o.Now = func() time.Time { return now }
		o.Warn = func(m string) { warnings = append(warnings, m) }
	})
	now = testTime.Add(72 * time.Hour)
	if _, err := other.Lock(context.Background(), LockRequest{}); err == nil {
		t.Fatal("taken over before the lease ended")
	}
	now = now.Add(time.Second)
	s := lock(t, other)
	if s.Lock().Fence <= old.Lock().Fence {
		t.Errorf("fence %d after %d", s.Lock().Fence, old.Lock().Fence)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "its lease ended") {
		t.Errorf("warnings %q", warnings)
	}
	before := readBytes(t, other.journalPath)
	err := old.Commit(context.Background(), true, Put(nodeRecord(1)))
	lost, ok := errors.AsType[*LostLockError](err)
	if !ok || lost.Now == nil || lost.Now.ID != s.Lock().ID {
		t.Errorf("the old holder's commit: %v", err)
	}
	select {
	case <-old.Lost():
	default:
		t.Error("Lost is not closed")
	}
	if err := old.Close(context.Background()); err == nil {
		t.Error("the old holder's Close says nothing")
	}
	if !bytes.Equal(readBytes(t, other.journalPath), before) {
		t.Error("the old holder wrote")
	}
	commit(t, s, Put(nodeRecord(2)))
	if info, err := other.LockInfo(context.Background()); err != nil || info == nil || info.ID != s.Lock().ID {
		t.Errorf("the old holder's Close freed the new lock: %+v, %v", info, err)
	}
	if _, ok := read(t, other).Records[nodeAddress(1)]; ok {
		t.Error("what the old holder wrote is there")
	}
}

func TestALostLockIsNoticedByTheHeartbeat(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := open(t, dir, func(o *Options) { o.Now = nil })
		s := lock(t, f)
		if err := f.BreakLock(t.Context(), s.Lock().ID); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		<-s.Lost()
		if took := time.Since(begin); took > defaultLease/3 {
			t.Errorf("noticed after %s", took)
		}
		if err := s.Close(t.Context()); err == nil {
			t.Error("Close says nothing")
		}
	})
}

func TestBreakingALock(t *testing.T) {
	t.Parallel()
	f := open(t, t.TempDir())
	ctx := context.Background()
	if err := f.BreakLock(ctx, "x"); err == nil || !strings.Contains(err.Error(), "not locked") {
		t.Errorf("without a lock: %v", err)
	}
	if _, err := os.Stat(f.lockPath); err == nil {
		t.Error("breaking no lock made a lock file")
	}
	s := lock(t, f)
	if err := f.BreakLock(ctx, "x"); err == nil || !strings.Contains(err.Error(), s.Lock().ID) {
		t.Errorf("another id: %v", err)
	}
	commit(t, s, Put(nodeRecord(0)))
	if err := f.BreakLock(ctx, s.Lock().ID); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(ctx, true, Put(nodeRecord(1))); !isLost(err) {
		t.Errorf("a commit after that: %v", err)
	}
	next := lock(t, f)
	if next.Lock().Fence != s.Lock().Fence+1 {
		t.Errorf("fence %d after a broken %d", next.Lock().Fence, s.Lock().Fence)
	}
	if err := f.BreakLock(ctx, s.Lock().ID); err == nil {
		t.Error("the old id breaks the new lock")
	}
}

func isLost(err error) bool {
	_, ok := errors.AsType[*LostLockError](err)
	return ok
}

func TestALockFileThatIsGoneOrDamaged(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(*testing.T, string){
		"removed": func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
		"emptied":   func(t *testing.T, path string) { writeBytes(t, path, nil) },
		"zeros":     func(t *testing.T, path string) { writeBytes(t, path, make([]byte, lockBlock)) },
		"something": func(t *testing.T, path string) { writeBytes(t, path, []byte(`{"format":"x"}`)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t, t.TempDir())
			for i := range 3 {
				s := lock(t, f)
				commit(t, s, Put(nodeRecord(i)))
				closeSession(t, s)
			}
			old := lock(t, f)
			commit(t, old, Put(nodeRecord(3)))
			harm(t, f.lockPath)
			if err := old.Commit(context.Background(), true, Put(nodeRecord(4))); !isLost(err) {
				t.Errorf("a commit without its lock: %v", err)
			}
			next := lock(t, f)
			if next.Lock().Fence <= old.Lock().Fence {
				t.Errorf("fence %d was used before (%d)", next.Lock().Fence, old.Lock().Fence)
			}
			if len(next.Snapshot().Records) != 4 {
				t.Errorf("%d records, want 4", len(next.Snapshot().Records))
			}
		})
	}
}

func TestALockFileOfANewerVersionIsRefused(t *testing.T) {
	t.Parallel()
	f := open(t, t.TempDir())
	writeBytes(t, f.lockPath, []byte(`{"format":"clusterform.lock","version":2,"fence":3}`))
	if _, err := f.Lock(context.Background(), LockRequest{}); err == nil || !strings.Contains(err.Error(), "newer clusterform") {
		t.Errorf("error %v", err)
	}
}

func TestOfManyGoroutinesOneHoldsTheLockAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var holders, won atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			f := open(t, dir, silent, func(o *Options) { o.Now = nil })
			s, err := f.Lock(context.Background(), LockRequest{Operation: "race", Wait: time.Minute})
			if err != nil {
				t.Error(err)
				return
			}
			if holders.Add(1) != 1 {
				t.Error("two hold the lock")
			}
			if err := s.Commit(context.Background(), false, Put(nodeRecord(i))); err != nil {
				t.Error(err)
			}
			won.Add(1)
			holders.Add(-1)
			if err := s.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := read(t, open(t, dir)); won.Load() != 8 || len(got.Records) != 8 || got.Serial != 8 {
		t.Errorf("%d won, %d records, serial %d; want 8 each", won.Load(), len(got.Records), got.Serial)
	}
}

// racer is a started child whose input makes it go on.
type racer struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines lines
}

func start(t *testing.T, role, dir string) *racer {
	t.Helper()
	c := child(t, role, dir)
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	return &racer{c, stdin, newLines(stdout)}
}

func (r *racer) goOn(t *testing.T) {
	t.Helper()
	if _, err := io.WriteString(r.stdin, "\n"); err != nil {
		t.Fatal(err)
	}
}

func TestOfManyProcessesExactlyOneWins(t *testing.T) {
	t.Parallel()
	for round := range 3 {
		dir := t.TempDir()
		racers := make([]*racer, 4)
		for i := range racers {
			racers[i] = start(t, "race", dir)
			if got := racers[i].lines.next(t); got != "ready" {
				t.Fatal(got)
			}
		}
		for _, r := range racers {
			r.goOn(t)
		}
		var winner string
		var refusals []string
		for _, r := range racers {
			said := r.lines.next(t)
			if pid, ok := strings.CutPrefix(said, "won "); ok {
				if winner != "" {
					t.Errorf("round %d: two won", round)
				}
				winner = pid
				continue
			}
			refusals = append(refusals, said)
		}
		if len(refusals) != len(racers)-1 {
			t.Errorf("round %d: %q", round, refusals)
		}
		for _, said := range refusals {
			if said != "refused by "+winner {
				t.Errorf("round %d: %q, but %s won", round, said, winner)
			}
		}
	}
}

// After kill -9 nobody waits for the lease: the process is gone, on this machine that can be seen.
func TestTheLockOfAKilledProcessIsTakenOverAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := start(t, "hold", dir)
	if got := r.lines.next(t); got != "locked 1" {
		t.Fatal(got)
	}
	var warnings []string
	f := open(t, dir, func(o *Options) {
		o.Now = nil
		o.Warn = func(m string) { warnings = append(warnings, m) }
	})
	if _, err := f.Lock(context.Background(), LockRequest{}); err == nil {
		t.Fatal("the lock of a living process was taken")
	}
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// Not waited for yet: a zombie counts as dead, too.
	s, err := f.Lock(context.Background(), LockRequest{Wait: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if s.Lock().Fence != 2 || len(warnings) != 1 || !strings.Contains(warnings[0], "no longer runs") {
		t.Errorf("fence %d, warnings %q", s.Lock().Fence, warnings)
	}
	closeSession(t, s)
}

// The lock of a process that was stopped, broken by a person, does not let it write when it goes on.
func TestAnotherProcessWithABrokenLockCannotWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := start(t, "hold", dir)
	if got := r.lines.next(t); got != "locked 1" {
		t.Fatal(got)
	}
	f := open(t, dir)
	info, err := f.LockInfo(context.Background())
	if err != nil || info == nil {
		t.Fatalf("lock %v, %v", info, err)
	}
	if err := f.BreakLock(context.Background(), info.ID); err != nil {
		t.Fatal(err)
	}
	s := lock(t, f)
	commit(t, s, Put(nodeRecord(0)))
	r.goOn(t)
	said := r.lines.next(t)
	if !strings.Contains(said, "is lost") || !strings.Contains(said, s.Lock().ID) {
		t.Errorf("it says %q", said)
	}
	if records := read(t, f).Records; len(records) != 1 {
		t.Errorf("%d records, want only ours", len(records))
	}
}

func TestWhatALockFileSaysIsShownWithoutControlCharacters(t *testing.T) {
	t.Parallel()
	f := open(t, t.TempDir(), func(o *Options) { o.Owner.User = "eve\x1b[2J\n" })
	s := lock(t, f)
	_, err := f.Lock(context.Background(), LockRequest{})
	if err == nil || strings.ContainsAny(err.Error(), "\x1b\n") || !strings.Contains(err.Error(), "eve[2J@build") {
		t.Errorf("error %q", err)
	}
	closeSession(t, s)
}
