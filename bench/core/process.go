package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// sample is one measurement: the time a process took and its largest resident set, in bytes.
type sample struct {
	wall   time.Duration
	memory int64
}

// processTimeout bounds every process measured.
const processTimeout = 10 * time.Minute

// run measures one process, which must end with one of the codes.
func run(ctx context.Context, dir string, env []string, codes []int, name string, args ...string) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, processTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	err := cmd.Run()
	s := sample{wall: time.Since(start)}
	if cmd.ProcessState == nil {
		return s, err
	}
	if !slices.Contains(codes, cmd.ProcessState.ExitCode()) {
		text := out.String()
		return s, fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, text[max(0, len(text)-2000):])
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.memory = usage.Maxrss << 10
	}
	return s, nil
}

// median runs f several times.
func (b *bench) median(f func() (sample, error)) (sample, error) {
	var all []sample
	for range b.runs {
		s, err := f()
		if err != nil {
			return sample{}, err
		}
		all = append(all, s)
	}
	return middle(all), nil
}

func middle(all []sample) sample {
	slices.SortFunc(all, func(x, y sample) int { return cmp.Compare(x.wall, y.wall) })
	return all[len(all)/2]
}

// ownPeak is this process's largest resident set so far, in bytes.
func ownPeak() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return usage.Maxrss << 10
}

func seconds(d time.Duration) string {
	if d < 100*time.Millisecond {
		return fmt.Sprintf("%.0f ms", float64(d)/1e6)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}
