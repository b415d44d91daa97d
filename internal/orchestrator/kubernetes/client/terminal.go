package client

import (
	"context"
	"io"
	"os"
	"time"

	"golang.org/x/term"
	"k8s.io/client-go/tools/remotecommand"
)

// terminalPoll is how often a terminal's size is looked at: windows are resized by hand.
const terminalPoll = 500 * time.Millisecond

// terminalSizes follows the size of the first of streams that is a terminal; nil when none is.
func terminalSizes(ctx context.Context, streams ...any) remotecommand.TerminalSizeQueue {
	for _, s := range streams {
		if file, ok := s.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
			return &sizes{ctx: ctx, file: file}
		}
	}
	return nil
}

type sizes struct {
	ctx  context.Context //nolint:containedctx // Next takes none
	file *os.File
	last remotecommand.TerminalSize
}

// Next waits for a size that differs from the last one; nil ends it.
func (s *sizes) Next() *remotecommand.TerminalSize {
	for {
		width, height, err := term.GetSize(int(s.file.Fd()))
		if err != nil {
			return nil
		}
		now := remotecommand.TerminalSize{Width: uint16(min(width, 1<<16-1)), Height: uint16(min(height, 1<<16-1))} //nolint:gosec // bounded
		if now != s.last {
			s.last = now
			return &now
		}
		select {
		case <-time.After(terminalPoll):
		case <-s.ctx.Done():
			return nil
		}
	}
}

// raw makes the terminal that in is, if it is one, pass every key on at once; restore undoes it.
func raw(in io.Reader) (restore func()) {
	file, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return func() {}
	}
	before, err := term.MakeRaw(int(file.Fd()))
	if err != nil {
		return func() {}
	}
	return func() { _ = term.Restore(int(file.Fd()), before) }
}
