package lab

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

// pair is a reporter and the end that somebody waits at.
func pair(t *testing.T) (*Reporter, *os.File) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = read.Close(); _ = write.Close() })
	return &Reporter{pipe: write, fallback: func(line string) { t.Errorf("told to nobody: %s", line) }}, read
}

func TestWhoeverWaitsHearsProgressUntilReady(t *testing.T) {
	t.Parallel()
	r, read := pair(t)
	r.Progress("first")
	r.Progress("second\nline")
	r.Ready()
	r.Progress("too late")
	r.Fail(errors.New("too late, too"))
	_ = r.pipe.Close()
	var heard []string
	if err := follow(read, func(line string) { heard = append(heard, line) }); err != nil {
		t.Fatal(err)
	}
	if want := []string{"first", "second\nline"}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
}

func TestWhoeverWaitsHearsWhyNot(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		do   func(*Reporter)
		want string
	}{
		{"an error", func(r *Reporter) { r.Fail(errors.New("no image")) }, "no image"},
		{"the end of the process", func(*Reporter) {}, "ended before it was ready"},
		{"something else on the pipe", func(r *Reporter) { _, _ = r.pipe.WriteString("panic: no\n") }, "unexpected word"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, read := pair(t)
			tt.do(r)
			_ = r.pipe.Close()
			if err := follow(read, func(string) {}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestWithoutAnybodyProgressIsLogged(t *testing.T) {
	t.Parallel()
	var heard []string
	r := &Reporter{fallback: func(line string) { heard = append(heard, line) }}
	r.Progress("first")
	r.Ready()
	r.Progress("second")
	if !slices.Equal(heard, []string{"first"}) {
		t.Errorf("heard %q, want what came before it was ready", heard)
	}
}
