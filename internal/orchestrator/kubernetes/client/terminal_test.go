//go:build linux

package client_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes/controlplane"
	"github.com/clusterform/clusterform/planner/resource"
)

// A person at a terminal of this machine has one in the container, too: keys pass at once and unchanged, both have the same
// size, and at the end the terminal is as before.
func TestACommandWithATerminal(t *testing.T) {
	t.Parallel()
	cp := plane.Get(t)
	k := connect(t, cp)
	ns := cp.Namespace(t)
	cp.Play(t, controlplane.Kubelet{Node: "i-0terminal-" + ns, Namespace: ns, Streams: &controlplane.Streams{
		Terminal: func(_, _ string, _ []string, in io.Reader, out io.Writer, sizes io.Reader) int {
			size := json.NewDecoder(sizes)
			for range 2 {
				var s struct{ Width, Height int }
				if err := size.Decode(&s); err != nil {
					return 1
				}
				_, _ = fmt.Fprintf(out, "size %dx%d\r\n", s.Width, s.Height)
			}
			keys := make([]byte, 3)
			if _, err := io.ReadFull(in, keys); err != nil {
				return 1
			}
			_, _ = fmt.Fprintf(out, "keys %q\r\n", keys)
			return 5
		},
	}})
	deploy(t, cp, ns, "web", 1)
	rec := &resource.Record{Object: resource.Object{Address: "workload.web", Spec: &resource.Workload{Namespace: ns, Name: "web"}}}
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
	before := mode()
	resize(100, 40)
	type ended struct {
		code int
		err  error
	}
	done := make(chan ended, 1)
	go func() {
		code, err := k.Exec(t.Context(), rec, orchestrator.ExecOptions{Command: []string{"sh"}, TTY: true, In: program, Out: program, Err: program})
		done <- ended{code, err}
	}()
	seen := bufio.NewReader(person)
	see := func(want string) {
		t.Helper()
		got, err := seen.ReadString('\n')
		if err != nil || strings.TrimRight(got, "\r\n") != want {
			t.Fatalf("the terminal shows %q (%v), want %q", got, err, want)
		}
	}
	see("size 100x40")
	if m := mode(); m.Lflag&(unix.ICANON|unix.ECHO|unix.ISIG) != 0 {
		t.Errorf("the terminal handles keys by itself: %#o", m.Lflag)
	}
	resize(120, 50)
	see("size 120x50")
	// Ctrl-C and the return key are the program's.
	if _, err := io.WriteString(person, "a\x03\r"); err != nil {
		t.Fatal(err)
	}
	see(`keys "a\x03\r"`)
	if e := <-done; e.code != 5 || e.err != nil {
		t.Errorf("code %d, %v; want 5", e.code, e.err)
	}
	if after := mode(); after != before {
		t.Errorf("the terminal is %+v, was %+v", after, before)
	}
}
