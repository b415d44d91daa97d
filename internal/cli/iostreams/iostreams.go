// Package iostreams is what a command knows of the world around it: its streams, whether they are terminals, the
// environment, the clock and the directory it works in. Commands take it as a value, so that a test can be a terminal or
// a pipe. What is written to the streams is made by internal/render.
package iostreams

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"
)

// Streams are one process's surroundings.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// InTTY, OutTTY and ErrTTY tell whether a person sits at that stream.
	InTTY, OutTTY, ErrTTY bool
	// Width is the terminal's width in columns, asked again for each picture.
	Width func() int
	// Environ is the environment as os.Environ gives it.
	Environ []string
	// Dir is the directory that relative paths are meant from.
	Dir string
	Now func() time.Time
}

// System returns the streams of this process.
func System() *Streams {
	dir, err := os.Getwd()
	if err != nil {
		dir = "."
	}
	return &Streams{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		InTTY: term.IsTerminal(int(os.Stdin.Fd())), OutTTY: term.IsTerminal(int(os.Stdout.Fd())),
		ErrTTY: term.IsTerminal(int(os.Stderr.Fd())),
		Width: func() int {
			for _, f := range []*os.File{os.Stdout, os.Stderr} {
				if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
					return w
				}
			}
			return 80
		},
		Environ: os.Environ(), Dir: dir, Now: time.Now,
	}
}

// Env returns an environment variable, empty when it is not set. The last of several wins.
func (s *Streams) Env(name string) string {
	v, _ := s.LookupEnv(name)
	return v
}

// LookupEnv tells a variable that is set to nothing from one that is not set.
func (s *Streams) LookupEnv(name string) (value string, ok bool) {
	for _, kv := range s.Environ {
		if k, v, found := strings.Cut(kv, "="); found && k == name {
			value, ok = v, true
		}
	}
	return value, ok
}

// Path makes a path that the user wrote absolute.
func (s *Streams) Path(p string) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(s.Dir, p)
}

// Interactive tells whether there is a person to ask: both ends are terminals, and CI is not set.
func (s *Streams) Interactive() bool { return s.InTTY && s.OutTTY && s.Env("CI") == "" }

// Colour tells whether a stream gets colour: a terminal that is not dumb, without NO_COLOR (any value but none).
func (s *Streams) Colour(tty bool) bool {
	return tty && s.Env("NO_COLOR") == "" && s.Env("TERM") != "dumb"
}

// Redraws tells whether progress on that stream may move the cursor.
func (s *Streams) Redraws(tty bool) bool {
	return tty && s.Env("TERM") != "dumb" && s.Env("CI") == ""
}
