// Command clusterform makes clusters be what HCL files say. The commands are in internal/cli. Called by the name
// hello or tail, it is a sample workload of the lab instead: those images hold this program and nothing else.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/clusterform/clusterform/internal/cli"
	"github.com/clusterform/clusterform/internal/cli/iostreams"
	"github.com/clusterform/clusterform/internal/lab/hello"
)

func main() {
	if sample := filepath.Base(os.Args[0]); slices.Contains(hello.Names, sample) {
		os.Exit(runSample(sample, os.Args[1:]))
	}
	os.Exit(cli.Main(context.Background(), os.Args[1:], iostreams.System()))
}

func runSample(name string, args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := hello.Main(ctx, name, args, os.Stdout); err != nil {
		if ended, ok := errors.AsType[hello.Ended](err); ok {
			return ended.ExitCode()
		}
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
