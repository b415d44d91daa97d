// Command clusterform makes clusters be what HCL files say. The commands are in internal/cli. Called by the name hello,
// it is the lab's sample workload instead: the image registry.lab:5000/hello:1 holds this program and nothing else.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/clusterform/clusterform/internal/cli"
	"github.com/clusterform/clusterform/internal/cli/iostreams"
	"github.com/clusterform/clusterform/internal/lab/hello"
)

func main() {
	if filepath.Base(os.Args[0]) == "hello" {
		os.Exit(runHello())
	}
	os.Exit(cli.Main(context.Background(), os.Args[1:], iostreams.System()))
}

func runHello() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := hello.Serve(ctx, hello.Addr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
