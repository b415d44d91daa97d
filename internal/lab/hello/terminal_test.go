//go:build linux

package hello_test

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/clusterform/clusterform/internal/lab/hello"
)

func TestTerminalTellsWhatItSees(t *testing.T) {
	t.Parallel()
	person, program, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = person.Close(); _ = program.Close() })
	resize := func(columns, rows uint16) {
		if err := pty.Setsize(person, &pty.Winsize{Cols: columns, Rows: rows}); err != nil {
			t.Fatal(err)
		}
	}
	resize(100, 40)
	done := make(chan error, 1)
	go func() { done <- hello.Terminal(t.Context(), program, program) }()
	seen := bufio.NewReader(person)
	waitFor := func(want string) {
		t.Helper()
		_ = person.SetReadDeadline(time.Now().Add(10 * time.Second)) // where a terminal has deadlines
		for {
			line, err := seen.ReadString('\n')
			if err != nil {
				t.Fatalf("before %q: %v", want, err)
			}
			if strings.TrimRight(line, "\r\n") == want {
				return
			}
		}
	}
	waitFor("100 columns, 40 rows")
	resize(120, 50)
	waitFor("120 columns, 50 rows")
	for _, keys := range []string{"one\r", "exit x\r"} {
		if _, err := io.WriteString(person, keys); err != nil {
			t.Fatal(err)
		}
	}
	waitFor("read one")
	waitFor("read exit x")
	if _, err := io.WriteString(person, "exit 7\r"); err != nil {
		t.Fatal(err)
	}
	if ended, ok := errors.AsType[hello.Ended](<-done); !ok || ended.ExitCode() != 7 {
		t.Errorf("it ended with %v, want code 7", ended)
	}
}

func TestTerminalWantsOne(t *testing.T) {
	t.Parallel()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = out.Close() })
	if err := hello.Terminal(t.Context(), in, out); err == nil || !strings.Contains(err.Error(), "no terminal") {
		t.Errorf("error %v", err)
	}
}
