package hello

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"
)

// Ended is how the sample was told to end: an exit code that is not 0.
type Ended int

func (e Ended) Error() string { return fmt.Sprintf("hello: told to end with %d", int(e)) }

// ExitCode is the code.
func (e Ended) ExitCode() int { return int(e) }

// sizePoll is how often Terminal looks at the size of its terminal.
const sizePoll = 50 * time.Millisecond

// Terminal tells what a program sees of its terminal: it says the size ("100 columns, 40 rows") whenever that changes and
// "read LINE" for every line; "exit N" makes it end with N. It ends with its input, or with ctx.
func Terminal(ctx context.Context, in, out *os.File) error {
	if !term.IsTerminal(int(in.Fd())) {
		return errors.New("hello terminal: standard input is no terminal; run it with -tty and -stdin")
	}
	lines := make(chan string)
	failed := make(chan error, 1)
	go func() {
		// The read ends with the process: a terminal cannot be told to stop waiting for somebody to type.
		scanner := bufio.NewScanner(in)
		for scanner.Scan() {
			lines <- scanner.Text()
		}
		failed <- scanner.Err()
	}()
	look := time.NewTicker(sizePoll)
	defer look.Stop()
	size := ""
	for {
		if width, height, err := term.GetSize(int(out.Fd())); err == nil {
			if now := fmt.Sprintf("%d columns, %d rows", width, height); now != size {
				size = now
				fmt.Fprintln(out, now)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case <-look.C:
		case line := <-lines:
			if code, ok := exitCode(line); ok {
				return ended(code)
			}
			if _, err := io.WriteString(out, "read "+line+"\n"); err != nil {
				return err
			}
		}
	}
}

// exitCode is N of "exit N".
func exitCode(line string) (int, bool) {
	text, ok := strings.CutPrefix(line, "exit ")
	code, err := strconv.ParseUint(text, 10, 7)
	return int(code), ok && err == nil
}

func ended(code int) error {
	if code == 0 {
		return nil
	}
	return Ended(code)
}
