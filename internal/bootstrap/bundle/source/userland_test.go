package source_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle/source"
)

// triplets are Debian's names of architectures.
var triplets = map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}

// fakeRoot is a file system with a program for the target in place of iptables.
func fakeRoot(t *testing.T, arch string) string {
	t.Helper()
	b := newBuilder(t)
	b.Target.Arch = arch
	f, err := b.Build(t.Context(), source.Component{Name: "x"}, source.Program{Name: "x", Main: "package main\n\nfunc main() {}\n"})
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for _, at := range []string{"usr/sbin/xtables-nft-multi", "usr/lib/" + triplets[arch] + "/xtables/libxt_tcp.so"} {
		data, err := os.ReadFile(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(root, at)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestReadUserland(t *testing.T) {
	t.Parallel()
	t.Run("plugins, links and what is optional", func(t *testing.T) {
		t.Parallel()
		root := fakeRoot(t, "arm64")
		if err := os.Mkdir(filepath.Join(root, "etc"), 0o700); err != nil {
			t.Fatal(err)
		}
		// An absolute link is meant inside the root.
		if err := os.WriteFile(filepath.Join(root, "protocols"), []byte("tcp 6 TCP\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("/protocols", filepath.Join(root, "etc/protocols")); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("../../../../../../../etc/passwd", filepath.Join(root, "etc/services")); err != nil {
			t.Fatal(err)
		}
		u, err := source.ReadUserland(root, source.Target{Arch: "arm64"})
		if err != nil {
			t.Fatal(err)
		}
		if got := u.Files["etc/protocols"]; got != filepath.Join(root, "protocols") {
			t.Errorf("etc/protocols is %s", got)
		}
		if got, ok := u.Files["etc/services"]; ok {
			t.Errorf("a link that leads out of the root gave %s", got)
		}
		for _, name := range []string{"usr/sbin/xtables-nft-multi", "usr/lib/aarch64-linux-gnu/xtables/libxt_tcp.so", "usr/sbin/iptables", "usr/sbin/ip6tables-restore"} {
			if !slices.Contains(u.Names(), name) {
				t.Errorf("no %s", name)
			}
		}
	})
	t.Run("another architecture", func(t *testing.T) {
		t.Parallel()
		_, err := source.ReadUserland(fakeRoot(t, "amd64"), source.Target{Arch: "arm64"})
		if err == nil || !strings.Contains(err.Error(), "-userland=DIR") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("nothing there", func(t *testing.T) {
		t.Parallel()
		_, err := source.ReadUserland(t.TempDir(), source.Target{Arch: "amd64"})
		if err == nil || !strings.Contains(err.Error(), "install the package iptables") {
			t.Errorf("got %v", err)
		}
	})
}

// What is taken from a real Debian must run on its own: in an empty root with nothing else.
func TestUserlandOfThisMachineRuns(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/usr/sbin/xtables-nft-multi"); err != nil {
		if os.Getenv("CLUSTERFORM_REQUIRE_MACHINES") == "1" {
			t.Fatal("CLUSTERFORM_REQUIRE_MACHINES is set, and this machine has no iptables (apt-get install iptables)")
		}
		t.Skip("this machine has no iptables")
	}
	if os.Geteuid() != 0 {
		t.Skip("chroot needs root")
	}
	u, err := source.ReadUserland("/", source.Target{Arch: runtime.GOARCH})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(u.Names(), func(n string) bool { return strings.Contains(n, "libm.so") }) {
		t.Error("no libm, which the plugins need")
	}
	root := t.TempDir()
	for at, from := range u.Files {
		to := filepath.Join(root, at)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for at, target := range u.Links {
		if err := os.Symlink(target, filepath.Join(root, at)); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"iptables", "--version"}, {"iptables", "-m", "statistic", "--help"}, {"ip6tables", "-m", "conntrack", "--help"}} {
		out, err := exec.CommandContext(t.Context(), "/usr/sbin/chroot", append([]string{root, "/usr/sbin/" + args[0]}, args[1:]...)...).CombinedOutput()
		if err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
}
