package image

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
)

//go:embed files
var embedded embed.FS

// recipeVersion changes when the steps of the build change without a change of the data below.
const recipeVersion = 2

// packages are common to all systems: what a cloud image has, and what saves the time of installing it in every machine of a lab.
var packages = [...]string{
	"systemd", "systemd-sysv", "dbus", "libpam-systemd",
	"cloud-init", "openssh-server", "sudo",
	"iproute2", "iptables", "iputils-ping", "ca-certificates", "curl",
	"procps", "less", "kmod", "netbase", "tzdata",
	"containerd", "docker.io", "conntrack", "socat", "ethtool", "ebtables", "openssl",
}

// file is one file of ours in the root filesystem; source names it in the embedded directory.
type file struct {
	Path   string
	Mode   fs.FileMode
	Source string
	Text   string
}

var files = [...]file{
	{Path: "usr/local/sbin/lab-init", Mode: 0o755, Source: "files/lab-init"},
	{Path: "usr/sbin/modprobe", Mode: 0o755, Source: "files/modprobe"},
	{Path: "etc/cloud/cloud.cfg.d/90_lab.cfg", Mode: 0o644, Source: "files/90_lab.cfg"},
	{Path: "etc/containerd/config.toml", Mode: 0o644, Source: "files/containerd.toml"},
	{Path: "etc/containerd/certs.d/registry.lab:5000/hosts.toml", Mode: 0o644, Source: "files/registry-hosts.toml"},
	{Path: "etc/containerd/certs.d/registry.k8s.io/hosts.toml", Mode: 0o644, Source: "files/mirror-hosts.toml"},
	{Path: "etc/containerd/certs.d/ghcr.io/hosts.toml", Mode: 0o644, Source: "files/mirror-hosts.toml"},
	{Path: "etc/containerd/certs.d/docker.io/hosts.toml", Mode: 0o644, Source: "files/mirror-hosts.toml"},
	{Path: "etc/kubernetes/kubelet.conf.d/10-lab.conf", Mode: 0o644, Source: "files/kubelet-lab.conf"},
	{Path: "etc/docker/daemon.json", Mode: 0o644, Source: "files/daemon.json"},
	{Path: "etc/systemd/journald.conf.d/90-lab.conf", Mode: 0o644, Source: "files/journald.conf"},
	{Path: "etc/resolv.conf", Mode: 0o644, Text: "nameserver 169.254.169.253\noptions timeout:2 attempts:3\n"},
	{Path: "etc/hosts", Mode: 0o644, Text: "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"},
	{Path: "etc/fstab", Mode: 0o644, Text: ""},
	{Path: "etc/machine-id", Mode: 0o644, Text: ""},
}

// masked units have no use in a machine, or change what belongs to the host. Files of sysctl.d are masked the same way:
// what they set is read-only in a machine, and `sysctl --system` must succeed.
var masked = [...]string{
	"etc/systemd/system/getty@tty1.service",
	"etc/systemd/system/console-getty.service",
	"etc/systemd/system/systemd-udevd.service",
	"etc/systemd/system/systemd-udev-trigger.service",
	"etc/systemd/system/systemd-modules-load.service",
	"etc/systemd/system/systemd-pstore.service",
	"etc/systemd/system/systemd-networkd.service",
	"etc/systemd/system/systemd-networkd.socket",
	"etc/systemd/system/systemd-networkd-wait-online.service",
	"etc/systemd/system/apt-daily.timer",
	"etc/systemd/system/apt-daily-upgrade.timer",
	"etc/systemd/system/dpkg-db-backup.timer",
	"etc/systemd/system/e2scrub_all.timer",
	"etc/systemd/system/e2scrub_reap.service",
	"etc/systemd/system/fstrim.timer",
	"etc/systemd/system/cloud-init-hotplugd.socket",
	"etc/sysctl.d/50-default.conf",
	"etc/sysctl.d/50-pid-max.conf",
	"etc/sysctl.d/99-protect-links.conf",
}

// removed paths are relative to the root; globs are allowed. Services that a machine rarely needs are installed but
// not enabled: an idle machine stays small, and docker starts with its socket.
var removed = [...]string{
	"etc/ssh/ssh_host_*",
	"etc/hostname",
	"etc/systemd/system/multi-user.target.wants/docker.service",
	"etc/systemd/system/multi-user.target.wants/containerd.service",
	"etc/systemd/system/getty.target.wants/*",
	"var/lib/systemd/random-seed",
	"var/cache/apt/*.bin",
}

// excluded paths are never unpacked.
var excluded = [...]string{
	"/usr/share/man/*", "/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*/LC_MESSAGES/*", "/usr/share/bash-completion/*",
}

func (f file) content() ([]byte, error) {
	if f.Source == "" {
		return []byte(f.Text), nil
	}
	return embedded.ReadFile(f.Source)
}

// recipe is everything that goes into a system's image.
type recipe struct {
	*system
	packages, masked []string
}

func recipeOf(s *system) recipe {
	return recipe{system: s, packages: slices.Concat(packages[:], s.packages), masked: slices.Concat(masked[:], s.masked)}
}

// digest names the image that a build makes: it changes with everything that goes into the image except the versions
// of the packages at the mirror.
func (r recipe) digest() (string, error) {
	type entry struct {
		Path, Mode string
		Content    []byte
	}
	all := struct {
		Version                                                   int
		Suite, Arch                                               string
		Components, Packages, Diverted, Masked, Removed, Excluded []string
		Files                                                     []entry
	}{
		Version: recipeVersion, Suite: r.suite, Arch: runtime.GOARCH, Components: r.distribution.components,
		Packages: slices.Sorted(slices.Values(r.packages)), Diverted: r.diverted, Masked: r.masked,
		Removed: removed[:], Excluded: excluded[:],
	}
	for _, f := range files {
		content, err := f.content()
		if err != nil {
			return "", fmt.Errorf("image recipe: %w", err)
		}
		all.Files = append(all.Files, entry{f.Path, f.Mode.String(), content})
	}
	data, err := json.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("image recipe: %w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8]), nil
}
