package hello

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// Names are those under which the program acts as a sample.
var Names = []string{"hello", "tail"}

// Main is the sample as a program: name is what it was called by. An Ended asks for an exit code.
func Main(ctx context.Context, name string, args []string, out io.Writer) error {
	switch {
	case name == "tail":
		host, err := os.Hostname()
		if err != nil {
			host = "unknown"
		}
		Tail(ctx, out, host)
		return nil
	case len(args) == 1 && args[0] == "check":
		return Check(ctx, "127.0.0.1"+Addr)
	case len(args) == 1 && args[0] == "terminal":
		return Terminal(ctx, os.Stdin, os.Stdout)
	case len(args) > 0:
		return fmt.Errorf("hello: %q is not understood; it takes `check`, `terminal` or nothing", args[0])
	}
	fmt.Fprintf(out, "hello: answering on port %s\n", strings.TrimPrefix(Addr, ":"))
	return Serve(ctx, Addr)
}

// checkTimeout bounds a check: a sample that is well answers at once.
const checkTimeout = 3 * time.Second

// Check asks the sample at address (host:port) whether it is healthy.
func Check(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("hello check: %w", err)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("hello check: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("hello check: %s answers %s", address, answer.Status)
	}
	return nil
}

// tailPause is the time between two lines of Tail.
const tailPause = 5 * time.Second

// Tail writes a line to out now and then until ctx ends, as a sidecar that follows a log would.
func Tail(ctx context.Context, out io.Writer, host string) {
	tick := time.NewTicker(tailPause)
	defer tick.Stop()
	for n := 1; ; n++ {
		fmt.Fprintf(out, "tail on %s: line %d\n", host, n)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
