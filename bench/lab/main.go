// Command lab measures a lab with machines: the time from `lab up` with a warm image to instances whose user-data is
// through, the memory of machines that idle, and the time of `lab down`. It needs root; the API
// alone is measured by the benchmarks of internal/lab/api.
//
// It runs in the module's directory: without -program it builds clusterform first, as static as the sample image needs it.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/clusterform/clusterform/bench/cloud"
	"github.com/clusterform/clusterform/internal/lab"
)

func main() {
	program := flag.String("program", "", "the clusterform to measure; built when none is named")
	idle := flag.Int("idle", 30, "machines whose memory is measured")
	settle := flag.Duration("settle", 20*time.Second, "how long they idle before")
	limit := flag.Duration("limit", 10*time.Minute, "when to give up")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	rows, err := measure(ctx, *program, *idle, *settle)
	t := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\n", r.what, r.value)
	}
	_ = t.Flush()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/lab:", err)
		os.Exit(1) //nolint:gocritic // everything is down by now
	}
}

type row struct{ what, value string }

const (
	labName = "bench"
	first   = 3 // machines of the first measurement
)

// measure runs a lab in a directory of its own and takes it down again.
func measure(ctx context.Context, program string, idle int, settle time.Duration) (rows []row, err error) {
	dir, err := os.MkdirTemp("/var/tmp", "clusterform-bench-")
	if err != nil {
		return nil, err
	}
	if program, err = built(ctx, program, dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	b := &bench{program: program, dirs: lab.Dirs{Labs: filepath.Join(dir, "labs")}}
	defer func() {
		start := time.Now()
		err = errors.Join(err, b.command(context.WithoutCancel(ctx), "down", "-purge"), os.RemoveAll(dir))
		b.note("lab down with all machines", "%.1f s", time.Since(start).Seconds())
		rows = b.rows
	}()
	// The image is not what is measured: it is built now if it is not there.
	if err := b.command(ctx, "up"); err != nil {
		return nil, err
	}
	if err := b.command(ctx, "down", "-purge"); err != nil {
		return nil, err
	}
	if err := b.boot(ctx); err != nil {
		return nil, err
	}
	return nil, b.crowd(ctx, idle, settle)
}

// built is the program's absolute path, or that of one built in dir.
func built(ctx context.Context, program, dir string) (string, error) {
	if program != "" {
		return filepath.Abs(program)
	}
	path := filepath.Join(dir, "clusterform")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/clusterform")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
}

// bench is a run.
type bench struct {
	program string
	dirs    lab.Dirs
	info    *lab.Info
	cloud   *cloud.Cloud
	subnet  string
	rows    []row
}

func (b *bench) note(what, format string, args ...any) {
	b.rows = append(b.rows, row{what, fmt.Sprintf(format, args...)})
}

func (b *bench) command(ctx context.Context, verb string, rest ...string) error {
	cmd := exec.CommandContext(ctx, b.program, append([]string{"lab", verb, "-name=" + labName}, rest...)...)
	cmd.Env = append(os.Environ(), "CLUSTERFORM_LAB_DIR="+b.dirs.Labs)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("clusterform lab %s: %w\n%s", verb, err, out)
	}
	return nil
}

// boot measures from nothing to the first machines' user-data.
func (b *bench) boot(ctx context.Context) (err error) {
	start := time.Now()
	if err := b.command(ctx, "up", "-accept-any-key"); err != nil {
		return err
	}
	b.note("lab up, image in the cache", "%.1f s", time.Since(start).Seconds())
	if b.info, err = lab.Find(b.dirs, labName); err != nil {
		return err
	}
	b.cloud = &cloud.Cloud{Endpoint: b.info.Endpoint, Region: b.info.Region}
	vpc, err := b.cloud.Value(ctx, "vpcId", "CreateVpc", "CidrBlock", "10.99.0.0/16")
	if err != nil {
		return err
	}
	if b.subnet, err = b.cloud.Value(ctx, "subnetId", "CreateSubnet", "VpcId", vpc, "CidrBlock", "10.99.0.0/20"); err != nil {
		return err
	}
	launched := time.Now()
	if err := b.launch(ctx, first); err != nil {
		return err
	}
	b.note(fmt.Sprintf("%d machines: launch to user-data through", first), "%.1f s", time.Since(launched).Seconds())
	b.note(fmt.Sprintf("lab up to %d machines with user-data through", first), "%.1f s", time.Since(start).Seconds())
	return nil
}

// launch runs n instances and waits until each has said so on its console.
func (b *bench) launch(ctx context.Context, n int) error {
	ids, err := b.cloud.Run(ctx, n, "#!/bin/sh\necho user-data is through\n", "InstanceType", "t3.medium", "SubnetId", b.subnet)
	if err != nil {
		return err
	}
	for len(ids) > 0 {
		var errs error
		ids = slices.DeleteFunc(ids, func(id string) bool {
			text, err := lab.ReadConsole(ctx, b.info, id)
			errs = errors.Join(errs, err)
			return strings.Contains(string(text), "user-data is through")
		})
		if errs != nil {
			return errs
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d machines' user-data is not through: %w", len(ids), ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

// crowd measures what machines use that do nothing.
func (b *bench) crowd(ctx context.Context, idle int, settle time.Duration) error {
	before, err := available()
	if err != nil {
		return err
	}
	start := time.Now()
	more := max(0, idle-first)
	if more > 0 {
		if err := b.launch(ctx, more); err != nil {
			return err
		}
		b.note(fmt.Sprintf("%d more machines: launch to user-data through", more), "%.1f s", time.Since(start).Seconds())
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(settle):
	}
	status, err := lab.ReadStatus(ctx, b.info)
	if err != nil {
		return err
	}
	total, most := 0, 0
	for _, i := range status.Instances {
		total += i.MemoryMiB
		most = max(most, i.MemoryMiB)
	}
	n := len(status.Instances)
	b.note("idle machines", "%d", n)
	b.note("memory of one, by its control group: mean, most", "%d MiB, %d MiB", total/max(1, n), most)
	after, err := available()
	if err != nil {
		return err
	}
	if more > 0 {
		b.note("memory of one more, by what the host has left", "%d MiB", (before-after)/more)
	}
	memory, err := resident(b.info.PID)
	b.note("memory of the lab's process", "%d MiB", memory)
	return err
}

// available is the host's memory that programs can still get, in MiB.
func available() (int, error) { return field("/proc/meminfo", "MemAvailable:") }

// resident is a process's memory, in MiB.
func resident(pid int) (int, error) { return field(fmt.Sprintf("/proc/%d/status", pid), "VmRSS:") }

func field(path, name string) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	for s := bufio.NewScanner(f); s.Scan(); {
		if words := strings.Fields(s.Text()); len(words) > 1 && words[0] == name {
			kib, err := strconv.Atoi(words[1])
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, name)
}
