package require

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/clusterform/clusterform/internal/lab/machine/cgroup"
)

// Check says what this host lacks, as one *Missing, or nil. It changes nothing.
func Check() error {
	var reasons []string
	if os.Geteuid() != 0 {
		reasons = append(reasons, "namespaces and mounts need root; run it with sudo")
	} else {
		if lacks := lackingCapabilities(); len(lacks) > 0 {
			reasons = append(reasons, "the capabilities "+strings.Join(lacks, ", ")+" are missing; in a container, run it with --privileged")
		}
		if err := cgroup.Writable(); err != nil {
			reasons = append(reasons, err.Error())
		}
		if !hasOverlay() {
			reasons = append(reasons, "the kernel has no overlay file system; load it with: modprobe overlay")
		}
		if _, err := os.Stat("/proc/self/ns/net"); err != nil {
			reasons = append(reasons, "the kernel has no network namespaces")
		}
		if _, err := exec.LookPath("nft"); err == nil {
			if out, err := exec.Command("nft", "list", "tables").CombinedOutput(); err != nil {
				reasons = append(reasons, "the kernel does not take nftables rules: "+strings.TrimSpace(string(out)))
			}
		}
	}
	return check(func(name string) error { _, err := exec.LookPath(name); return err }, reasons)
}

// Install installs the Debian packages that Check misses, showing apt's progress on w. It needs root and a working apt;
// what packages cannot provide stays an error.
func Install(ctx context.Context, w io.Writer) error {
	var missing *Missing
	if err := Check(); !errors.As(err, &missing) {
		return err
	}
	if len(missing.Packages) == 0 || len(missing.Reasons) > 0 {
		return missing
	}
	for _, argv := range [][]string{
		{"apt-get", "update"},
		append([]string{"apt-get", "install", "-y", "--no-install-recommends"}, missing.Packages...),
	} {
		fmt.Fprintln(w, "+ "+strings.Join(argv, " "))
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		cmd.Stdout, cmd.Stderr = w, w
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w; install by hand: %s", strings.Join(argv[:2], " "), err, strings.Join(missing.Packages, " "))
		}
	}
	return Check()
}

// lackingCapabilities reads the effective set from /proc.
func lackingCapabilities() []string {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return nil
	}
	defer f.Close()
	for scanner := bufio.NewScanner(f); scanner.Scan(); {
		value, ok := strings.CutPrefix(scanner.Text(), "CapEff:")
		if !ok {
			continue
		}
		set, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		if err != nil {
			return nil
		}
		var lacks []string
		for _, c := range []struct {
			name string
			bit  uint
		}{{"CAP_SYS_ADMIN", unix.CAP_SYS_ADMIN}, {"CAP_NET_ADMIN", unix.CAP_NET_ADMIN}, {"CAP_SYS_CHROOT", unix.CAP_SYS_CHROOT}, {"CAP_MKNOD", unix.CAP_MKNOD}, {"CAP_SYS_PTRACE", unix.CAP_SYS_PTRACE}} {
			if set&(1<<c.bit) == 0 {
				lacks = append(lacks, c.name)
			}
		}
		return lacks
	}
	return nil
}

func hasOverlay() bool {
	data, err := os.ReadFile("/proc/filesystems")
	if err != nil || strings.Contains(string(data), "\toverlay\n") {
		return true
	}
	_, err = os.Stat("/lib/modules") // a module is loaded at the first mount
	return err == nil
}
