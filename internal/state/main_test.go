package state

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write golden files anew")

// childEnv makes this test binary play another process, on the state in the directory that childDir names.
const (
	childEnv = "CLUSTERFORM_STATE_TEST_CHILD"
	childDir = "CLUSTERFORM_STATE_TEST_DIR"
)

func TestMain(m *testing.M) {
	role := os.Getenv(childEnv)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := playChild(role, os.Getenv(childDir)); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func playChild(role, dir string) error {
	o := testOptions()
	o.NoSync = false
	o.Now = nil
	f, err := Open(filepath.Join(dir, "clusterform.state.json"), o)
	if err != nil {
		return err
	}
	switch role {
	case "story":
		return tellStory(f)
	case "hold":
		return holdLock(f)
	case "race":
		return raceForLock(f)
	}
	return fmt.Errorf("no such role: %s", role)
}

// tellStory commits the story, says how far it came, and ends by itself unless a failpoint kills it.
func tellStory(f *File) error {
	useSmallJournals(f)
	s, err := f.Lock(context.Background(), LockRequest{Operation: "apply"})
	if err != nil {
		return err
	}
	for i, entries := range story() {
		if err := s.Commit(context.Background(), true, entries...); err != nil {
			return err
		}
		fmt.Println("committed", i+1)
	}
	if err := s.Close(context.Background()); err != nil {
		return err
	}
	fmt.Println("closed")
	return nil
}

// useSmallJournals makes compactions happen in a story of few records, during it and at its end.
func useSmallJournals(f *File) { f.compactAbove, f.compactRunning = 1, 2500 }

// holdLock takes the lock and keeps it until it is killed, or until its input ends; then it tries to write.
func holdLock(f *File) error {
	s, err := f.Lock(context.Background(), LockRequest{Operation: "apply"})
	if err != nil {
		return err
	}
	fmt.Println("locked", s.Lock().Fence)
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	if err := s.Commit(context.Background(), true, Put(nodeRecord(99))); err != nil {
		return err
	}
	return s.Close(context.Background())
}

// raceForLock takes the lock as soon as its input ends, and counts a record up while it has it.
func raceForLock(f *File) error {
	fmt.Println("ready")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	s, err := f.Lock(context.Background(), LockRequest{Operation: "race"})
	if locked, ok := errors.AsType[*LockedError](err); ok {
		fmt.Println("refused by", locked.Info.PID)
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Println("won", os.Getpid())
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	return s.Close(context.Background())
}

// child starts this binary in a role. It is killed at the end of the test at the latest.
func child(t *testing.T, role, dir string, env ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, self)
	c.Env = append(os.Environ(), childEnv+"="+role, childDir+"="+dir)
	c.Env = append(c.Env, env...)
	return c
}

// lines are what a child says.
type lines struct{ *bufio.Scanner }

func (l lines) next(t *testing.T) string {
	t.Helper()
	if !l.Scan() {
		t.Fatalf("the other process ended without a word: %v", l.Err())
	}
	return strings.TrimSpace(l.Text())
}

func newLines(r io.Reader) lines { return lines{bufio.NewScanner(r)} }
