package userdata_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/bootstrap/userdata"
	"github.com/clusterform/clusterform/planner"
)

// manager plays a package manager: it notes how it was called, fails the first time, and then installs a command.
const manager = `#!/bin/bash
echo "${0##*/} $*" >>"$CALLS"
case " $* " in *" install "*) ;; *) exit 0 ;; esac
[ -e "$CALLS.failed" ] || { : >"$CALLS.failed"; exit 1; }
printf '#!/bin/bash\n' >"${0%/*}/$INSTALLS" && /bin/chmod 755 "${0%/*}/$INSTALLS"
`

// Images differ in their package manager and in the names of packages. A failed try is repeated, and what is there already is
// not asked for.
func TestPackagesOfEachSystem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name              string
		orchestrator      hclconfig.Orchestrator
		manager, installs string
		want              []string
	}{
		{"Kubernetes on Debian and Ubuntu", hclconfig.Kubernetes, "apt-get", "containerd", []string{"containerd", "conntrack", "socat", "ethtool", "iptables", "ebtables", "kmod"}},
		{"Kubernetes on Amazon Linux", hclconfig.Kubernetes, "dnf", "containerd", []string{"containerd", "conntrack-tools", "socat", "ethtool", "iptables-nft"}},
		{"Swarm on Debian and Ubuntu", hclconfig.Swarm, "apt-get", "dockerd", []string{"docker.io", "iptables", "kmod", "openssl"}},
		{"Swarm on Amazon Linux", hclconfig.Swarm, "dnf", "dockerd", []string{"docker", "iptables-nft", "openssl"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text, err := userdata.Render(setup(func(in *planner.NodeSetup) { in.Cluster.Orchestrator = c.orchestrator }))
			if err != nil {
				t.Fatal(err)
			}
			_, packed := split(t, text)
			program, err := os.ReadFile(filepath.Join(unpack(t, packed), "usr/local/sbin/clusterform-node"))
			if err != nil {
				t.Fatal(err)
			}
			_, function, _ := strings.Cut(string(program), "\npackages() {")
			function, _, ok := strings.Cut(function, "\n}\n")
			_, call, found := strings.Cut(string(program), "packages "+c.installs)
			call, _, _ = strings.Cut(call, "\n")
			if !ok || !found {
				t.Fatal("the program installs nothing")
			}

			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, c.manager), []byte(manager), 0o700); err != nil { //nolint:gosec // it is run
				t.Fatal(err)
			}
			calls := filepath.Join(t.TempDir(), "calls")
			script := `set -uo pipefail
say() { :; }; sleep() { :; }; last() { :; }; log() { "$@"; }; fail() { echo "$1"; exit 1; }
packages() {` + function + "\n}\n" + strings.Repeat("packages "+c.installs+call+"\n", 2)
			cmd := exec.Command("/bin/bash", "-c", script)
			cmd.Env = []string{"PATH=" + dir, "CALLS=" + calls, "INSTALLS=" + c.installs}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			data, err := os.ReadFile(calls)
			if err != nil {
				t.Fatal(err)
			}
			var installed [][]string
			for line := range strings.Lines(string(data)) {
				words := strings.Fields(line)
				if i := slices.Index(words, "install"); i >= 0 && slices.Contains(words, "-y") {
					names := slices.DeleteFunc(words[i+1:], func(w string) bool { return strings.HasPrefix(w, "-") })
					installed = append(installed, names)
				}
			}
			if len(installed) != 2 || !slices.Equal(installed[0], c.want) || !slices.Equal(installed[1], c.want) {
				t.Errorf("it was called\n%s\nwant %v, twice", data, c.want)
			}
		})
	}
}
