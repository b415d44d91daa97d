package machine_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/clusterform/clusterform/internal/lab/api"
	"github.com/clusterform/clusterform/internal/lab/machine"
)

// userData ends with a file that says it has run.
const userData = `#!/bin/sh
set -e
echo "hello from $(hostname)" | tee /srv/hello
setsid python3 -m http.server 80 >/dev/null 2>&1 &
setsid python3 -m http.server 8080 >/dev/null 2>&1 &
touch /srv/done
`

// fetch is a shell command that succeeds when a machine answers.
func fetch(addr netip.Addr, port int) string {
	return fmt.Sprintf("curl -sf -o /dev/null --connect-timeout 1 --retry 2 --retry-connrefused --retry-delay 0 --retry-max-time 1 http://%s:%d/", addr, port)
}

func TestThreeMachinesInTwoSubnets(t *testing.T) {
	l := newLab(t, "three")
	l.vpc("vpc-1", "10.88.0.0/16", "10.88.0.0/24", "10.88.1.0/24")
	l.group("sg-web", "vpc-1", api.RuleTopology{Protocol: "tcp", FromPort: 80, ToPort: 80, Peer: anywhere})
	l.group("sg-node", "vpc-1", api.RuleTopology{Protocol: "-1", Group: "sg-node"})
	l.instance("i-0a", "vpc-1", 0, "10.88.0.11", "sg-web")
	l.instance("i-0b", "vpc-1", 0, "10.88.0.12", "sg-node")
	l.instance("i-0c", "vpc-1", 1, "10.88.1.13", "sg-node")
	ids := []string{"i-0a", "i-0b", "i-0c"}
	addr := map[string]netip.Addr{}
	for _, id := range ids {
		l.userData[id] = userData
		addr[id] = l.iface(id).PrivateIP
	}
	start := time.Now()
	l.apply()
	l.launch(ids...)
	for _, id := range ids {
		l.awaitFile(id, "srv/done")
	}
	took := time.Since(start)
	t.Logf("network, three machines, user-data finished: %.1f s", took.Seconds())

	t.Run("user-data ran under the machine's own name", func(t *testing.T) {
		out, _ := l.sh("i-0c", "cat /srv/hello; cloud-init status --wait")
		if !strings.Contains(out, "hello from ip-10-88-1-13") || !strings.Contains(out, "status: done") {
			t.Errorf("got %q", out)
		}
	})
	t.Run("cloud-init takes its configuration", func(t *testing.T) {
		if out, _ := l.sh("i-0c", "grep -i 'WARNING.*cloud-config' /var/log/cloud-init.log"); out != "" {
			t.Errorf("it warns: %s", out)
		}
	})
	t.Run("no unit failed", func(t *testing.T) {
		if out, _ := l.sh("i-0a", "systemctl is-system-running --wait; systemctl --failed --no-legend --plain"); out != "running" {
			t.Errorf("got %q", out)
		}
	})
	for _, c := range []struct {
		from, to string
		port     int
		want     bool
	}{
		{"i-0b", "i-0a", 80, true},
		{"i-0c", "i-0a", 80, true},
		{"i-0b", "i-0a", 8080, false},
		{"i-0b", "i-0c", 8080, true},
		{"i-0c", "i-0b", 8080, true},
		{"i-0a", "i-0b", 80, false},
		{"i-0a", "i-0c", 8080, false},
	} {
		t.Run(fmt.Sprintf("%s to port %d of %s: %v", c.from, c.port, c.to, c.want), func(t *testing.T) {
			if out, code := l.sh(c.from, fetch(addr[c.to], c.port)); (code == 0) != c.want {
				t.Errorf("curl ended with %d: %s", code, out)
			}
		})
	}
	t.Run("the host is outside", func(t *testing.T) {
		if !connects(addr["i-0a"], 80) {
			t.Error("port 80, open to all, does not answer")
		}
		if connects(addr["i-0b"], 80) {
			t.Error("a port for members of a group answers")
		}
	})
	t.Run("metadata only with a token", func(t *testing.T) {
		out, _ := l.sh("i-0a", `curl -s -o /dev/null -w '%{http_code} ' http://169.254.169.254/latest/meta-data/instance-id
token=$(curl -s -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)
curl -s -H "X-aws-ec2-metadata-token: $token" http://169.254.169.254/latest/meta-data/instance-id`)
		if out != "401 i-0a" {
			t.Errorf("got %q, want a refusal and the id", out)
		}
		if connects(netip.MustParseAddr("10.88.0.1"), 80) {
			t.Error("something answers the host at the gateway")
		}
	})
	t.Run("names", func(t *testing.T) {
		out, _ := l.sh("i-0b", "getent hosts registry.lab | cut -d' ' -f1")
		if out != l.machines.HostAddr().String() {
			t.Errorf("registry.lab is %q", out)
		}
	})
	t.Run("the console shows what user-data printed", func(t *testing.T) {
		console, err := l.machines.Console(t.Context(), "i-0b")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(console), "hello from ip-10-88-0-12") {
			t.Errorf("console:\n%s", console)
		}
	})
	t.Run("a small idle machine", func(t *testing.T) {
		stats, err := l.machines.Stats("i-0b")
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("memory %d MiB, CPU %s, %d processes", stats.MemoryMiB, stats.CPU.Round(time.Millisecond), stats.Processes)
		if stats.MemoryMiB > 400 {
			t.Errorf("%d MiB: thirty of these do not fit", stats.MemoryMiB)
		}
	})
	t.Run("containers run", func(t *testing.T) {
		// Nothing can be pulled here; the machine's own root serves as an image.
		out, code := l.sh("i-0a", `cd / && tar -hc usr/bin/echo $(ldd usr/bin/echo | grep -o '/lib[^ ]*' | cut -c2-) | docker import - tiny >/dev/null &&
docker run --rm tiny /usr/bin/echo contained`)
		if code != 0 || !strings.HasSuffix(out, "contained") {
			t.Errorf("ended with %d: %s", code, out)
		}
	})
}

func TestLifeOfAMachine(t *testing.T) {
	l := newLab(t, "life")
	l.vpc("vpc-1", "10.88.0.0/16", "10.88.0.0/24")
	l.group("sg-1", "vpc-1")
	l.instance("i-1", "vpc-1", 0, "10.88.0.11", "sg-1")
	l.userData["i-1"] = "#!/bin/sh\necho once >>/srv/runs\ntouch /srv/done\n"
	l.apply()
	l.launch("i-1")
	l.awaitFile("i-1", "srv/done")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	boot := func() string { id, _ := l.sh("i-1", "readlink /proc/1/ns/pid"); return id }
	settled := func() { l.sh("i-1", "cloud-init status --wait >/dev/null; sync") }

	t.Run("a stopped machine starts with its disk", func(t *testing.T) {
		settled()
		l.sh("i-1", "echo kept >/srv/kept; echo kept >/var/lib/docker/kept")
		if err := l.machines.Stop(ctx, "i-1", false); err != nil {
			t.Fatal(err)
		}
		if _, err := l.machines.Exec(ctx, "i-1", machine.ExecOptions{Argv: []string{"true"}}); !errors.Is(err, machine.ErrNotRunning) {
			t.Errorf("exec in a stopped machine: %v", err)
		}
		if err := l.machines.Start(ctx, l.machine("i-1")); err != nil {
			t.Fatal(err)
		}
		settled()
		if out, _ := l.sh("i-1", "cat /srv/kept /var/lib/docker/kept /srv/runs"); out != "kept\nkept\nonce" {
			t.Errorf("got %q; want both files, and user-data run once", out)
		}
	})
	t.Run("reboot", func(t *testing.T) {
		before := boot()
		if err := l.machines.Reboot(ctx, "i-1"); err != nil {
			t.Fatal(err)
		}
		if boot() == before {
			t.Error("it did not boot")
		}
		settled()
	})
	t.Run("reboot from inside, with a new network stack", func(t *testing.T) {
		before := l.count("i-1 booted ")
		l.sh("i-1", "ip link add left-over type bridge; systemctl reboot")
		l.eventually("it booted again", 60*time.Second, func() bool { return l.count("i-1 booted ") == before+1 })
		if out, code := l.sh("i-1", "ip link show left-over"); code == 0 {
			t.Errorf("the link of the last boot is there: %s", out)
		}
		settled()
	})
	if got := l.gone(); len(got) > 0 {
		t.Errorf("what was asked for was reported as %q", got)
	}
	t.Run("poweroff from inside is reported", func(t *testing.T) {
		l.sh("i-1", "systemctl poweroff")
		l.eventually("it is reported", 60*time.Second, func() bool { return len(l.gone()) == 1 })
		if got := l.gone()[0]; got != "i-1 gone "+api.PoweredOff {
			t.Errorf("reported %q", got)
		}
		if err := l.machines.Start(ctx, l.machine("i-1")); err != nil {
			t.Fatal(err)
		}
		settled()
	})
	t.Run("power loss is reported, and the disk survives", func(t *testing.T) {
		if err := l.machines.PowerLoss(ctx, "i-1"); err != nil {
			t.Fatal(err)
		}
		l.eventually("it is reported", 30*time.Second, func() bool { return len(l.gone()) == 2 })
		if got := l.gone()[1]; got != "i-1 gone power loss" {
			t.Errorf("reported %q", got)
		}
		if err := l.machines.Start(ctx, l.machine("i-1")); err != nil {
			t.Fatal(err)
		}
		if out, _ := l.sh("i-1", "cat /srv/kept"); out != "kept" {
			t.Errorf("got %q", out)
		}
	})
	t.Run("a forced stop is quick", func(t *testing.T) {
		if err := l.machines.Stop(ctx, "i-1", true); err != nil {
			t.Fatal(err)
		}
		if err := l.machines.Start(ctx, l.machine("i-1")); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a terminated machine leaves nothing", func(t *testing.T) {
		for range 2 { // and the second time is no error
			if err := l.machines.Terminate(ctx, "i-1"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := os.Stat(filepath.Join(l.dir, "machines", "i-1")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("its directory: %v", err)
		}
		if len(l.gone()) != 2 {
			t.Errorf("reported %q", l.gone())
		}
	})
}

func TestExec(t *testing.T) {
	l := newLab(t, "exec")
	l.vpc("vpc-1", "10.88.0.0/16", "10.88.0.0/24")
	l.instance("i-1", "vpc-1", 0, "10.88.0.11")
	l.apply()
	l.launch("i-1")
	t.Setenv("CLUSTERFORM_TEST_SECRET", "not for machines")
	for _, c := range []struct {
		name, script, want string
		code               int
	}{
		{"exit code", "exit 7", "", 7},
		{"killed by a signal", "kill -9 $$", "", 137},
		{"root's home and a clean environment", `echo "$HOME:$CLUSTERFORM_TEST_SECRET:$EXTRA"`, "/root::given", 0},
		{"input", "cat", "from outside", 0},
		{"counts as the machine's", `grep -q init.scope /proc/self/cgroup && [ "$(cat /proc/1/comm)" = systemd ] && echo inside`, "inside", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			code, err := machine.Exec(t.Context(), "exec", "i-1", machine.ExecOptions{
				Argv: []string{"sh", "-c", c.script}, Env: []string{"EXTRA=given"},
				Stdin: strings.NewReader("from outside"), Stdout: &out, Stderr: &out,
			})
			if err != nil || code != c.code || strings.TrimSpace(out.String()) != c.want {
				t.Errorf("code %d, output %q, error %v; want %d, %q", code, out.String(), err, c.code, c.want)
			}
		})
	}
	t.Run("ends with its context", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if _, err := l.machines.Exec(ctx, "i-1", machine.ExecOptions{Argv: []string{"sleep", "1234"}}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		l.eventually("the command ended inside too", 5*time.Second, func() bool {
			out, _ := l.sh("i-1", "ps -o stat= -C sleep | grep -v Z") // the host's init may take a while to look
			return out == ""
		})
	})
	t.Run("a terminal of the machine's own", func(t *testing.T) {
		ours, theirs, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer ours.Close()
		defer theirs.Close()
		if err := pty.Setsize(ours, &pty.Winsize{Rows: 33, Cols: 111}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		code, err := machine.Exec(ctx, "exec", "i-1", machine.ExecOptions{
			Argv: []string{"sh", "-c", `echo "on $(tty), $(stty size)" it\'s; exit 5`}, TTY: true, Stdin: theirs, Stdout: theirs, Stderr: theirs,
		})
		buf := make([]byte, 4096)
		n, _ := ours.Read(buf)
		if got := string(buf[:n]); err != nil || code != 5 || !strings.Contains(got, "on /dev/pts/") || !strings.Contains(got, "33 111 it's") {
			t.Errorf("code %d, error %v, output %q", code, err, got)
		}
	})
	t.Run("no such machine", func(t *testing.T) {
		if _, err := machine.Exec(t.Context(), "exec", "i-9", machine.ExecOptions{Argv: []string{"true"}}); !errors.Is(err, machine.ErrNotRunning) {
			t.Errorf("error %v", err)
		}
	})
}

func connects(addr netip.Addr, port uint16) bool {
	conn, err := net.DialTimeout("tcp4", netip.AddrPortFrom(addr, port).String(), time.Second)
	if err == nil {
		conn.Close()
	}
	return err == nil
}

// gone returns the reports of machines that ended.
func (l *testLab) gone() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, c := range l.changes {
		if strings.Contains(c, " gone ") {
			out = append(out, c)
		}
	}
	return out
}

// count says how often a change was reported.
func (l *testLab) count(change string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, c := range l.changes {
		if c == change {
			n++
		}
	}
	return n
}
