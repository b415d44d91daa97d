//go:build linux

package cgroup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Group is one control group: its directory in each hierarchy. It is plain data that may be kept on disk.
type Group []string

// leafPrefix names the group into which a lab moves itself where version 2 forbids processes beside groups.
const leafPrefix = "cf-self."

func access(dir string) error { return unix.Access(dir, unix.W_OK) }

// Limits bound what a group may use; 0 means no bound.
type Limits struct {
	CPUs      int
	MemoryMiB int
}

// Create makes a group of that name in every hierarchy and sets its limits. A warning is not empty when the host does
// not let a limit be set.
func Create(name string, limits Limits) (g Group, warning string, err error) {
	all, err := hierarchies()
	if err != nil {
		return nil, "", err
	}
	var warnings []string
	for _, h := range all {
		if h.v2 {
			if err := enable(h, name); err != nil {
				warnings = append(warnings, err.Error())
			}
		}
		dir := filepath.Join(h.own, name)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return g, "", fmt.Errorf("make control group: %w", err)
		}
		g = append(g, dir)
		if slices.Contains(h.controllers, "cpuset") {
			if err := inheritCPUs(dir); err != nil {
				return g, "", err
			}
		}
	}
	if err := g.limit(limits); err != nil {
		warnings = append(warnings, err.Error())
	}
	return g, strings.Join(warnings, "; "), nil
}

// enable hands the controllers of version 2 down. That is refused while processes sit in the same group, so a lab that
// is alone there moves into a leaf.
func enable(h hierarchy, name string) error {
	available, err := words(filepath.Join(h.own, "cgroup.controllers"))
	if err != nil || len(available) == 0 {
		return nil //nolint:nilerr // hybrid: the controllers are those of version 1
	}
	file := filepath.Join(h.own, "cgroup.subtree_control")
	enabled, err := words(file)
	if err != nil {
		return err
	}
	var missing []string
	for _, c := range []string{"cpu", "cpuset", "io", "memory", "pids", "hugetlb"} {
		if slices.Contains(available, c) && !slices.Contains(enabled, c) {
			missing = append(missing, "+"+c)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	text := []byte(strings.Join(missing, " "))
	err = os.WriteFile(file, text, 0o644)
	if errors.Is(err, unix.EBUSY) {
		leaf := filepath.Join(h.own, leafPrefix+strings.SplitN(strings.TrimPrefix(name, "cf."), ".", 2)[0])
		if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := os.WriteFile(filepath.Join(leaf, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
			return err
		}
		err = os.WriteFile(file, text, 0o644)
	}
	if err != nil {
		return fmt.Errorf("machines run without limits and cannot run Kubernetes, because other processes share the control group %s (%w): start the lab in one of its own, with `systemd-run --scope -p Delegate=yes`", h.own, err)
	}
	return nil
}

// inheritCPUs fills a cpuset, which starts empty and then holds no process.
func inheritCPUs(dir string) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(filepath.Dir(dir), file))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, file), value, 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "cgroup.clone_children"), []byte("1"), 0o644)
}

func (g Group) limit(l Limits) error {
	var errs []error
	set := func(file, value string) {
		for _, dir := range g {
			path := filepath.Join(dir, file)
			if _, err := os.Stat(path); err == nil {
				errs = append(errs, os.WriteFile(path, []byte(value), 0o644))
			}
		}
	}
	if l.MemoryMiB > 0 {
		bytes := strconv.FormatInt(int64(l.MemoryMiB)<<20, 10)
		set("memory.limit_in_bytes", bytes)
		set("memory.max", bytes)
	}
	if l.CPUs > 0 && l.CPUs < runtime.NumCPU() {
		quota := strconv.Itoa(l.CPUs * 100000)
		set("cpu.cfs_quota_us", quota)
		set("cpu.max", quota+" 100000")
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("set limits: %w", err)
	}
	return nil
}

// Join returns the files to write a process id to, so that the process becomes one of the group's beside its init
// process: version 2 keeps processes out of groups that have children.
func (g Group) Join() []string {
	var files []string
	for _, dir := range g {
		for _, sub := range []string{"init.scope", "payload/init.scope", "payload", ""} {
			path := filepath.Join(dir, sub, "cgroup.procs")
			if _, err := os.Stat(path); err == nil {
				files = append(files, path)
				break
			}
		}
	}
	return files
}

// PIDs returns the processes of the group and of those below it.
func (g Group) PIDs() []int {
	seen := map[int]bool{}
	for _, dir := range g {
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return nil //nolint:nilerr // groups come and go while we look
			}
			list, _ := words(filepath.Join(path, "cgroup.procs"))
			for _, word := range list {
				if pid, err := strconv.Atoi(word); err == nil && pid > 0 {
					seen[pid] = true
				}
			}
			return nil
		})
	}
	var pids []int
	for pid := range seen {
		pids = append(pids, pid)
	}
	slices.Sort(pids)
	return pids
}

// Kill ends every process of the group, as a power loss does, and waits until they are gone.
func (g Group) Kill(ctx context.Context) error {
	for {
		for _, dir := range g {
			_ = os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0o644) // version 2 only
		}
		pids := g.PIDs()
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended meanwhile
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("processes %v do not end: %w", pids, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Remove removes the group; its processes must have ended. The kernel may hold a group a moment longer than its last
// process.
func (g Group) Remove(ctx context.Context) error {
	for {
		var errs []error
		for _, dir := range g {
			errs = append(errs, removeTree(dir))
		}
		err := errors.Join(errs...)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("remove control group: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func removeTree(dir string) error {
	var dirs []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, path := range slices.Backward(dirs) {
		if err := unix.Rmdir(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("%s: %w", path, err))
		}
	}
	return errors.Join(errs...)
}

// Find returns the groups anywhere on the host whose name starts with prefix, joined by name. It finds what a lab left
// that ran in another group than this process does.
func Find(prefix string) (map[string]Group, error) {
	all, err := hierarchies()
	if err != nil {
		return nil, err
	}
	found := map[string]Group{}
	for _, h := range all {
		_ = filepath.WalkDir(h.mount, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return nil //nolint:nilerr // groups come and go while we look
			}
			if strings.HasPrefix(d.Name(), prefix) {
				found[d.Name()] = append(found[d.Name()], path)
				return filepath.SkipDir
			}
			return nil
		})
	}
	return found, nil
}

// Usage is what a group uses now.
type Usage struct {
	// MemoryMiB is the working set: without file pages that the kernel can drop.
	MemoryMiB int
	// CPU is the time used since the group was made.
	CPU       time.Duration
	Processes int
}

// Usage reads what the group uses. Values that the host does not account are 0.
func (g Group) Usage() Usage {
	u := Usage{Processes: len(g.PIDs())}
	for _, dir := range g {
		if bytes, ok := number(filepath.Join(dir, "memory.usage_in_bytes")); ok {
			u.MemoryMiB = int((bytes - field(filepath.Join(dir, "memory.stat"), "total_inactive_file")) >> 20)
		}
		if bytes, ok := number(filepath.Join(dir, "memory.current")); ok {
			u.MemoryMiB = int((bytes - field(filepath.Join(dir, "memory.stat"), "inactive_file")) >> 20)
		}
		if ns, ok := number(filepath.Join(dir, "cpuacct.usage")); ok {
			u.CPU = time.Duration(ns)
		}
		if us := field(filepath.Join(dir, "cpu.stat"), "usage_usec"); us > 0 {
			u.CPU = time.Duration(us) * time.Microsecond
		}
	}
	return u
}

func words(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	return strings.Fields(string(data)), err
}

func number(path string) (int64, bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return n, err == nil
}

func field(path, name string) int64 {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && key == name {
			n, _ := strconv.ParseInt(value, 10, 64)
			return n
		}
	}
	return 0
}
