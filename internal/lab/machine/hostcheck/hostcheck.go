//go:build linux

// Package hostcheck notes what a host has of the things labs make, so that a test can say that nothing stayed behind.
package hostcheck

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Guard makes a test the only one on this host that works with labs, also among the processes that `go test` runs side
// by side, and fails it when the host is not as before at its end. It is called before anything is made, so that what
// the test cleans up itself is gone by then.
func Guard(t testing.TB) {
	t.Helper()
	unlock, err := lock(45 * time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	before, err := Take()
	if err != nil {
		unlock()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer unlock()
		diff, err := before.Unchanged(10 * time.Second)
		if err != nil {
			t.Error(err)
		}
		if len(diff) > 0 {
			t.Errorf("the test changed the host:\n%s", strings.Join(diff, "\n"))
		}
	})
}

func lock(patience time.Duration) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(os.TempDir(), "clusterform-host-tests.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if time.Now().After(deadline) {
			f.Close()
			return nil, fmt.Errorf("other tests with labs did not end within %s (lock %s)", patience, f.Name())
		}
	}
}

// Snapshot is a set of lines, each naming one thing on the host.
type Snapshot map[string]bool

// counters change with every packet.
var counters = regexp.MustCompile(`\[\d+:\d+\]|counter packets \d+ bytes \d+`)

// Take notes mounts, links, network namespaces, routes, packet filter rules, control groups, settings that labs change,
// and the processes of labs.
func Take() (Snapshot, error) {
	s := Snapshot{}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 4 {
			s["mount "+fields[4]] = true
		}
	}
	for kind, argv := range map[string][]string{
		"link":  {"ip", "-br", "link"},
		"route": {"ip", "-4", "route", "show", "table", "all"},
		"rule":  {"ip", "-4", "rule"},
	} {
		lines, err := output(argv...)
		if err != nil {
			return nil, err
		}
		for _, line := range lines {
			if kind == "link" {
				line = strings.Fields(line)[0]
			}
			s[kind+" "+line] = true
		}
	}
	for _, argv := range [][]string{{"iptables-save"}, {"nft", "-s", "list", "ruleset"}} {
		if _, err := exec.LookPath(argv[0]); err != nil {
			continue
		}
		lines, err := output(argv...)
		if err != nil {
			return nil, err
		}
		for _, line := range lines {
			if line = counters.ReplaceAllString(line, ""); !strings.HasPrefix(line, "#") {
				s[argv[0]+" "+line] = true
			}
		}
	}
	names, _ := filepath.Glob("/run/netns/*")
	for _, name := range names {
		s["netns "+name] = true
	}
	groups(s)
	settings(s)
	processes(s)
	return s, nil
}

// groups notes control groups of labs: others come and go.
func groups(s Snapshot) {
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), "cf.") {
			s["cgroup "+path] = true
		}
		return nil
	})
}

func settings(s Snapshot) {
	for _, key := range []string{"net/ipv4/ip_forward", "fs/inotify/max_user_instances", "fs/inotify/max_user_watches", "net/netfilter/nf_conntrack_max"} {
		if value, err := os.ReadFile("/proc/sys/" + key); err == nil {
			s["setting "+key+"="+strings.TrimSpace(string(value))] = true
		}
	}
}

// processes notes those that are in a control group of a lab or run nspawn.
func processes(s Snapshot) {
	found, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range found {
		command, _ := os.ReadFile(dir + "/cmdline")
		if len(command) == 0 { // a kernel thread, or a process that has ended and waits for its parent to look
			continue
		}
		group, _ := os.ReadFile(dir + "/cgroup")
		name, _, _ := strings.Cut(string(bytes.ReplaceAll(command, []byte{0}, []byte{' '})), "\n")
		if strings.HasPrefix(name, "systemd-nspawn") || strings.Contains(string(group), "/cf.") {
			s["process "+filepath.Base(dir)+" "+name] = true
		}
	}
}

// Differences lists what appeared (+) and what went away (-).
func (s Snapshot) Differences(later Snapshot) []string {
	var out []string
	for _, line := range slices.Sorted(maps.Keys(later)) {
		if !s[line] {
			out = append(out, "+ "+line)
		}
	}
	for _, line := range slices.Sorted(maps.Keys(s)) {
		if !later[line] {
			out = append(out, "- "+line)
		}
	}
	return out
}

// Unchanged takes snapshots until nothing differs from s, for as long as the kernel may need to tidy up, and returns
// what still does.
func (s Snapshot) Unchanged(patience time.Duration) ([]string, error) {
	deadline := time.Now().Add(patience)
	for {
		now, err := Take()
		if err != nil {
			return nil, err
		}
		diff := s.Differences(now)
		if len(diff) == 0 || time.Now().After(deadline) {
			return diff, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func output(argv ...string) ([]string, error) {
	out, err := exec.Command(argv[0], argv[1:]...).Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(argv, " "), err)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimRight(line, " \n"); line != "" {
			lines = append(lines, line)
		}
	}
	return lines, nil
}
