package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/clusterform/clusterform/internal/lab/machine/require"
)

// Config says what lab to run.
type Config struct {
	Name     string
	Machines string // MachinesNone or MachinesNspawn
	// Listen is host:port of the endpoint on this host; port 0 is a free one. Empty is the address of last time, or a free
	// port of 127.0.0.1. With machines the endpoint always is on the lab's own address, where machines reach it under
	// the same URL, and Listen adds another.
	Listen string
	// Region is the one the lab must be of; empty is that of last time, else DefaultRegion, else us-east-1.
	Region, DefaultRegion string
	// AcceptAnyKey makes the endpoint accept keys that the lab did not issue.
	AcceptAnyKey bool
	// Seed decides ids and faults; 0 is random.
	Seed    int64
	Version string
	Dirs    Dirs
	// Bundles are directories of cluster software to offer, besides those in the cache directory.
	Bundles []string
	// Images are systems whose root filesystems are made ready on the way up: "debian-13". Others are when the first machine
	// wants them. UbuntuMirror is where those of Ubuntu come from; empty is the host's own, which only Ubuntu has.
	Images       []string
	UbuntuMirror string
}

const (
	// upTimeout bounds the way up with everything: the image may have to be built.
	upTimeout = 15 * time.Minute
	// cleanTimeout bounds what a process that was told to end does before it does.
	cleanTimeout = 2 * time.Minute
	// logLimit is where a log is put aside, in bytes: one old one is kept.
	logLimit = 16 << 20
)

// Up starts the lab in a process of its own, which runs `argv` (this program's own lab command in the foreground), and
// returns when it is ready. When ctx ends first, the process is told to end and has cleaned up when Up returns.
func Up(ctx context.Context, cfg Config, argv []string, progress func(string)) (*Info, error) {
	dir, err := prepare(cfg)
	if err != nil {
		return nil, err
	}
	log, err := openLog(filepath.Join(dir, logFile))
	if err != nil {
		return nil, fmt.Errorf("lab %q: %w", cfg.Name, err)
	}
	defer func() { _ = log.Close() }()
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("lab %q: %w", cfg.Name, err)
	}
	defer func() { _ = read.Close() }()

	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = write, log, log
	cmd.Env = append(environment(os.Environ()), reportEnv+"=stdin", labDirEnv+"="+cfg.Dirs.Labs, cacheDirEnv+"="+cfg.Dirs.Cache)
	cmd.Dir = cfg.Dirs.Labs // not where the user is: that may be removed or unmounted later
	cmd.SysProcAttr = detached()
	if err := cmd.Start(); err != nil {
		_ = write.Close()
		return nil, fmt.Errorf("lab %q: %w", cfg.Name, err)
	}
	_ = write.Close()

	bounded, cancel := context.WithTimeoutCause(ctx, upTimeout, fmt.Errorf("it took more than %s", upTimeout))
	defer cancel()
	stop := context.AfterFunc(bounded, func() { _ = terminate(cmd.Process.Pid) })
	err = follow(read, progress)
	if err == nil && stop() {
		_ = cmd.Process.Release()
		return Find(cfg.Dirs, cfg.Name)
	}
	stop()
	// It was told to end, or has failed: it cleans up and ends.
	patience := time.AfterFunc(cleanTimeout, func() { _ = cmd.Process.Kill() })
	defer patience.Stop()
	_ = cmd.Wait()
	switch {
	case ctx.Err() != nil: // not wrapped: it is this lab's end that matters, not the context's
		return nil, fmt.Errorf("lab %q: interrupted on the way up; what was made is removed again", cfg.Name)
	case bounded.Err() != nil:
		return nil, fmt.Errorf("lab %q: %w; what was made is removed again", cfg.Name, context.Cause(bounded))
	}
	if said, ok := errors.AsType[*reportedError](err); ok {
		return nil, said
	}
	return nil, fmt.Errorf("lab %q: %w; `clusterform lab logs%s` may say why", cfg.Name, err, nameFlag(cfg.Name))
}

// environment is what the lab's process gets to know: no keys of an account on AWS.
func environment(all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(kv string) bool {
		return strings.HasPrefix(kv, "AWS_") && !strings.HasPrefix(kv, "AWS_REGION=")
	})
}

func openLog(path string) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > logLimit {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

// prepare refuses a lab that runs or cannot be, and makes its directory.
func prepare(cfg Config) (dir string, err error) {
	if err := CheckName(cfg.Name); err != nil {
		return "", err
	}
	dir = cfg.Dirs.Dir(cfg.Name)
	running, err := isRunning(dir)
	if err != nil {
		return "", err
	}
	if running {
		return "", fmt.Errorf("lab %q is running already, or on its way; `clusterform lab status%s` shows it", cfg.Name, nameFlag(cfg.Name))
	}
	if cfg.Machines == MachinesNspawn {
		if err := require.Check(); err != nil {
			return "", err
		}
	}
	if old, err := readInfo(dir); err == nil && cfg.Region != "" && old.Region != "" && cfg.Region != old.Region {
		return "", fmt.Errorf("lab %q has its state in region %s, not %s. Start it without -region, or remove the state first: `clusterform lab down -purge%s`",
			cfg.Name, old.Region, cfg.Region, nameFlag(cfg.Name))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("lab %q: %w", cfg.Name, err)
	}
	return dir, nil
}
