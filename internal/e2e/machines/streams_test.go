//go:build linux

package machines_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// shown is what a process writes, looked at while it runs.
type shown struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *shown) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *shown) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// running is a clusterform that goes on until it is told to end.
type running struct {
	cmd      *exec.Cmd
	out, err shown
	done     chan error
}

// start runs clusterform beside the test.
func (w *world) start(t *testing.T, args ...string) *running {
	t.Helper()
	r := &running{cmd: w.command(t.Context(), nil, args...), done: make(chan error, 1)}
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.err
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { r.done <- r.cmd.Wait() }()
	return r
}

// ended is the exit code of what ends soon.
func (r *running) ended(t *testing.T) int {
	t.Helper()
	return r.endedWithin(t, 20*time.Second)
}

// endedWithin is its exit code.
func (r *running) endedWithin(t *testing.T, patience time.Duration) int {
	t.Helper()
	select {
	case err := <-r.done:
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return exit.ExitCode()
		}
		if err != nil {
			t.Fatal(err)
		}
		return 0
	case <-time.After(patience):
		_ = r.cmd.Process.Kill()
		t.Fatalf("%v does not end within %s\n%s%s", r.cmd.Args, patience, r.out.String(), r.err.String())
		return -1
	}
}

// follows starts to follow what a workload of two replicas writes. The function it returns is called once one of them was
// replaced: it waits until both that stayed and the new one have written more, and presses Ctrl-C.
func (k *kubernetes) follows(t *testing.T) (replaced func(t *testing.T)) {
	r := k.start(t, "logs", "-follow", "-container=log", "-tail=1", "workload.beside")
	eventually(t, 30*time.Second, "both replicas are followed", func() error { return r.writers(2, 1) })
	return func(t *testing.T) {
		t.Helper()
		eventually(t, 30*time.Second, "the new replica is followed, too", func() error { return r.writers(3, 1) })
		eventually(t, 30*time.Second, "lines are added", func() error { return r.writers(2, 2) })
		for _, want := range []string{"has ended", "has come"} {
			eventually(t, 30*time.Second, "it says of the replica that was replaced that it "+want, func() error {
				if said := r.err.String(); !strings.Contains(said, want) {
					return fmt.Errorf("it says\n%s", said)
				}
				return nil
			})
		}
		if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if code := r.ended(t); code != 130 {
			t.Errorf("after Ctrl-C the exit code is %d, want 130\n%s", code, r.err.String())
		}
	}
}

// writers fails unless so many replicas have written so many lines each.
func (r *running) writers(replicas, lines int) error {
	count := map[string]int{}
	for line := range strings.Lines(r.out.String()) {
		replica, _, _ := strings.Cut(line, " | tail on ")
		count[replica]++
	}
	n := 0
	for _, c := range count {
		if c >= lines {
			n++
		}
	}
	if n < replicas {
		return fmt.Errorf("%d replicas have written %d lines, want %d:\n%s%s", n, lines, replicas, r.out.String(), r.err.String())
	}
	return nil
}

// terminal runs a program of a workload as a person at a terminal does.
func (k *kubernetes) terminal(t *testing.T) {
	person, program, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = person.Close(); _ = program.Close() })
	mode := func() unix.Termios {
		m, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		return *m
	}
	resize := func(columns, rows uint16) {
		if err := pty.Setsize(person, &pty.Winsize{Cols: columns, Rows: rows}); err != nil {
			t.Fatal(err)
		}
	}
	keys := func(text string) {
		if _, err := io.WriteString(person, text); err != nil {
			t.Fatal(err)
		}
	}
	before := mode()
	resize(100, 40)
	r := &running{cmd: k.command(t.Context(), nil, "exec", "-tty", "-stdin", "workload.web", "--", "/hello", "terminal"), done: make(chan error, 1)}
	r.cmd.Stdin, r.cmd.Stdout, r.cmd.Stderr = program, program, program
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { r.done <- r.cmd.Wait() }()
	go func() { _, _ = io.Copy(&r.out, person) }() // ends when the terminal is closed
	see := func(want string) {
		t.Helper()
		eventually(t, 20*time.Second, fmt.Sprintf("the terminal shows %q", want), func() error {
			if got := r.out.String(); !strings.Contains(got, want) {
				return fmt.Errorf("it shows %q", got)
			}
			return nil
		})
	}
	see("100 columns, 40 rows")
	resize(120, 50)
	see("120 columns, 50 rows")
	keys("typed\r")
	see("read typed")
	keys("exit 7\r")
	if code := r.ended(t); code != 7 {
		t.Errorf("exit code %d, want that of the command, 7:\n%s", code, r.out.String())
	}
	if after := mode(); after != before {
		t.Errorf("the terminal is left as %+v, was %+v", after, before)
	}
}

// load keeps a URL's processor busy until it is ended. What fails is asked again.
type load struct {
	quit chan struct{}
	wg   sync.WaitGroup
}

func (w *world) load(url string) *load {
	l := &load{quit: make(chan struct{})}
	for range 4 {
		l.wg.Go(func() {
			client := http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
			for {
				if resp, err := client.Get(url + "burn?for=5s"); err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
				select {
				case <-l.quit:
					return
				case <-time.After(100 * time.Millisecond):
				}
			}
		})
	}
	w.Cleanup(l.end)
	return l
}

func (l *load) end() {
	select {
	case <-l.quit:
	default:
		close(l.quit)
	}
	l.wg.Wait()
}
