// Command core measures the engine: plans of many nodes, applies against the lab's endpoint, and the same numbers of
// built-in objects with `terraform` and, where it is on the PATH, `tofu`, side by side in one run. `make bench` runs it;
// docs/benchmarks.md says how to read what it prints.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"text/tabwriter"

	"github.com/clusterform/clusterform/internal/bootstrap/software"
	"github.com/clusterform/clusterform/internal/bootstrap/software/softwaretest"
)

func main() {
	runs := flag.Int("runs", 3, "runs of each measurement; the median is shown")
	quick := flag.Bool("quick", false, "leave out what takes minutes: 100,000 nodes and other tools")
	into := flag.String("record", "", "only write the state that an apply in this directory would leave; the program calls itself so, to stay small")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	do := func() error { return measure(ctx, *runs, *quick) }
	if *into != "" {
		do = func() error { return record(ctx, *into) }
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is what all measurements share.
type bench struct {
	runs  int
	dir   string
	tool  string // the clusterform binary
	table *tabwriter.Writer
}

func measure(ctx context.Context, runs int, quick bool) error {
	dir, err := os.MkdirTemp("", "clusterform-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bench{runs: runs, dir: dir, tool: filepath.Join(dir, "clusterform"), table: tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)}
	// Nothing is installed on the endpoint's instances: pins that are made up do, and a node is done when it is launched.
	pins := filepath.Join(dir, "bundle")
	if err := softwaretest.Bundle(pins, kubernetes); err != nil {
		return err
	}
	for name, value := range map[string]string{software.BundleVariable: pins, "CLUSTERFORM_WAIT": "launched"} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.tool, "./cmd/clusterform")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building clusterform: %w\n%s", err, out)
	}
	fmt.Fprintln(b.table, "what\tmedian\tpeak memory\tremark")
	sizes := []int{1_000, 10_000, 100_000}
	if quick {
		sizes = sizes[:2]
	}
	steps := []func(context.Context) error{
		b.start,
		func(ctx context.Context) error { return b.plans(ctx, sizes) },
		b.applies,
		b.bytesWritten,
	}
	if !quick {
		steps = append(steps, b.others)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
		if err := b.table.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) row(what string, s sample, remark string) {
	memory := ""
	if s.memory > ownPeak() { // a process starts with the peak of the one that started it: what is below ours says nothing
		memory = fmt.Sprintf("%d MB", s.memory>>20)
	}
	fmt.Fprintf(b.table, "%s\t%s\t%s\t%s\n", what, seconds(s.wall), memory, remark)
}
