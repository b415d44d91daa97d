// Command kubernetes measures the main job: from `clusterform apply` to one control-plane node and two workers that are Ready,
// CoreDNS that is up and three replicas that answer on every worker's port. Beside it, in the same lab and in turns, the same
// is done by hand: machines launched through the API, with user-data that does no more than kubeadm needs. It needs root and
// a bundle (`make bundles`).
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"text/tabwriter"
	"time"
)

func main() {
	program := flag.String("program", "", "the clusterform to measure; built when none is named")
	version := flag.String("version", "", "the Kubernetes version; the newest that the lab has when none is named")
	runs := flag.Int("runs", 3, "runs of each; the median is shown")
	limit := flag.Duration("limit", time.Hour, "when to give up")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	if err := measure(ctx, *program, *version, *runs); err != nil {
		fmt.Fprintln(os.Stderr, "bench/kubernetes:", err)
		os.Exit(1) //nolint:gocritic // everything is down by now
	}
}

// way is one of those that are compared.
type way struct {
	name  string
	up    func(context.Context) error
	down  func(context.Context) error
	times []time.Duration
}

func measure(ctx context.Context, program, version string, runs int) (err error) {
	b, err := newBench(ctx, program, version)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close(context.WithoutCancel(ctx))) }()
	hand := &byHand{bench: b}
	ours := &applied{bench: b}
	ways := []*way{{name: "by hand", up: hand.up, down: hand.down}, {name: "clusterform apply", up: ours.up, down: ours.down}}
	for run := range runs {
		for _, w := range ways {
			load, err := os.ReadFile("/proc/loadavg")
			if err != nil {
				return err
			}
			start := time.Now()
			if err := w.up(ctx); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			took := time.Since(start)
			w.times = append(w.times, took)
			fmt.Printf("run %d of %d, %s: %.1f s (load at its beginning %.4s)\n", run+1, runs, w.name, took.Seconds(), load)
			if err := w.down(ctx); err != nil {
				return fmt.Errorf("%s: removing it: %w", w.name, err)
			}
		}
	}
	return table(b.version, ways)
}

// table shows the medians, and each beside the first.
func table(version string, ways []*way) error {
	t := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintf(t, "Kubernetes %s: three nodes Ready, CoreDNS up, three replicas answer\tmedian\tratio\n", version)
	first := median(ways[0].times)
	for _, w := range ways {
		m := median(w.times)
		fmt.Fprintf(t, "%s\t%.1f s\t%.2f\n", w.name, m.Seconds(), m.Seconds()/first.Seconds())
	}
	return t.Flush()
}

func median(all []time.Duration) time.Duration {
	all = slices.SortedFunc(slices.Values(all), cmp.Compare)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}
