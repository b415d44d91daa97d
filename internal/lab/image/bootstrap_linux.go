package image

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// bootstrap runs mmdebstrap. Its mounts live in a mount namespace of their own, so that a build that is killed leaves
// none; its processes die with the thread that started it.
func (r recipe) bootstrap(ctx context.Context, work, root string, mirror []source, progress func(string)) error {
	args := []string{
		"--variant=minbase", "--mode=root", "--format=directory",
		"--include=" + strings.Join(r.packages, ","),
		`--dpkgopt=force-unsafe-io`, `--dpkgopt=force-confold`,
	}
	for _, path := range excluded {
		args = append(args, "--dpkgopt=path-exclude="+path)
	}
	proxies, err := aptProxies(ctx)
	if err != nil {
		return err
	}
	for _, option := range proxies {
		args = append(args, "--aptopt="+option)
	}
	args = append(args, r.suite, root)
	if len(mirror) > 0 {
		path := filepath.Join(work, "mirror.sources")
		if err := os.WriteFile(path, []byte(formatSources(mirror)), 0o644); err != nil {
			return err
		}
		args = append(args, path)
	}
	// Pdeathsig follows the thread, not the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, "mmdebstrap", args...)
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "TMPDIR="+work, "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Unshareflags: syscall.CLONE_NEWNS}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	lines := make(chan []string)
	go func() { lines <- follow(out, progress) }()
	err = cmd.Run()
	in.Close()
	tail := <-lines
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, exec.ErrNotFound) {
		return errors.New("mmdebstrap is not installed: apt-get install mmdebstrap")
	}
	if err != nil {
		return fmt.Errorf("mmdebstrap: %w\n%s\ncheck that the host's own `apt-get update` works", err, strings.Join(tail, "\n"))
	}
	return nil
}

// follow passes mmdebstrap's own steps on and keeps the last lines for an error.
func follow(r io.Reader, progress func(string)) (tail []string) {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 1<<20)
	scanner.Split(scanCarriage)
	for scanner.Scan() {
		line := strings.TrimSpace(scanner.Text())
		if line == "" {
			continue
		}
		if step, ok := strings.CutPrefix(line, "I: "); ok {
			progress(step)
		}
		if tail = append(tail, line); len(tail) > 20 {
			tail = tail[1:]
		}
	}
	_, _ = io.Copy(io.Discard, r) // a line too long must not stall the writer
	return tail
}

// scanCarriage splits at newlines and at the carriage returns of progress bars.
func scanCarriage(data []byte, atEOF bool) (int, []byte, error) {
	if i := slices.IndexFunc(data, func(b byte) bool { return b == '\n' || b == '\r' }); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// aptProxies returns the host's settings for fetching, as options for another apt.
func aptProxies(ctx context.Context) ([]string, error) {
	out, err := exec.CommandContext(ctx, "apt-config", "dump", "Acquire::http", "Acquire::https").Output()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("apt-config dump: %w", err)
	}
	var options []string
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); strings.Contains(line, ` "`) && !strings.HasSuffix(line, ` "";`) {
			options = append(options, strings.TrimSuffix(line, ";"))
		}
	}
	return options, nil
}

// customize turns a plain system into the lab's image.
func (r recipe) customize(ctx context.Context, root string) error {
	for _, path := range r.diverted {
		cmd := exec.CommandContext(ctx, "chroot", root, "dpkg-divert", "--local", "--rename", "--add", path)
		cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"}
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("divert %s: %w: %s", path, err, out)
		}
	}
	for _, f := range files {
		content, err := f.content()
		if err != nil {
			return err
		}
		if err := replaceFile(filepath.Join(root, f.Path), content, f.Mode); err != nil {
			return err
		}
	}
	for _, path := range r.masked {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Symlink("/dev/null", path); err != nil {
			return err
		}
	}
	for _, pattern := range removed {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return err
		}
		for _, path := range found {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// replaceFile writes a file anew rather than through a link that may stand in its place.
func replaceFile(path string, content []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(path, content, mode); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

// unmountBelow unmounts everything at or below a directory, the deepest first.
func unmountBelow(dir string) error {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var points []string
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) > 4 {
			point := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(fields[4])
			if point == dir || strings.HasPrefix(point, dir+"/") {
				points = append(points, point)
			}
		}
	}
	for _, point := range slices.Backward(points) {
		if err := unix.Unmount(point, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount %s: %w", point, err)
		}
	}
	return nil
}

// lock takes the cache's lock; the kernel gives it back when the process ends, however it ends.
func lock(ctx context.Context, path string, waiting func()) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	told := false
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if !told {
			waiting()
			told = true
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
