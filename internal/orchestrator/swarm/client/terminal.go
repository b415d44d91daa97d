package client

import (
	"context"
	"io"
	"os"
	"time"

	docker "github.com/moby/moby/client"
	"golang.org/x/term"

	"github.com/clusterform/clusterform/internal/orchestrator"
)

// terminalPoll is how often a terminal's size is looked at: windows are resized by hand.
const terminalPoll = 500 * time.Millisecond

// terminal is the first of streams that is one; nil when none is.
func terminal(streams ...any) *os.File {
	for _, s := range streams {
		if file, ok := s.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
			return file
		}
	}
	return nil
}

// raw makes the terminal that in is, if it is one, pass every key on at once; restore undoes it.
func raw(in io.Reader) (restore func()) {
	file := terminal(in)
	if file == nil {
		return func() {}
	}
	before, err := term.MakeRaw(int(file.Fd()))
	if err != nil {
		return func() {}
	}
	return func() { _ = term.Restore(int(file.Fd()), before) }
}

// followSize tells the engine the size of the terminal that the output or the input is, and tells it again when that changes.
func followSize(ctx context.Context, api *docker.Client, id string, o orchestrator.ExecOptions) {
	file := terminal(o.Out, o.In)
	if file == nil {
		return
	}
	last := docker.ExecResizeOptions{}
	for {
		width, height, err := term.GetSize(int(file.Fd()))
		if err != nil {
			return
		}
		if now := (docker.ExecResizeOptions{Width: uint(max(width, 0)), Height: uint(max(height, 0))}); now != last {
			if _, err := api.ExecResize(ctx, id, now); err == nil { // it may not have started yet
				last = now
			}
		}
		if pause(ctx, terminalPoll) != nil {
			return
		}
	}
}
