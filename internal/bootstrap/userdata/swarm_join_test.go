package userdata

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
)

// TestSwarmJoin has a node join by whichever manager there is: the engine would ask only the first address that it is told.
func TestSwarmJoin(t *testing.T) {
	t.Parallel()
	authority, err := pki.NewAuthority("swarm-ca", 0, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	const nobody, nobodyEither, itself = "127.0.0.1:1", "127.0.0.1:2", "10.0.0.9"
	for _, tc := range []struct {
		name      string
		endpoints func(managers [2]string) string
		joins     []int // one of these managers
		refused   string
	}{
		{name: "the first listens", endpoints: func(m [2]string) string { return m[0] + "," + nobody }, joins: []int{0}},
		{name: "only the last listens", endpoints: func(m [2]string) string { return nobody + "," + itself + "," + nobodyEither + "," + m[1] }, joins: []int{1}},
		{name: "two listen", endpoints: func(m [2]string) string { return strings.Join(m[:], ",") }, joins: []int{0, 1}},
		{name: "none listens", endpoints: func([2]string) string { return nobody + "," + nobodyEither }, refused: "no manager listens at " + nobody + ", " + nobodyEither},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir, managers := t.TempDir(), [2]string{listen(t, authority), listen(t, authority)}
			for name, content := range map[string]string{"join": "SWMTKN-1-secret", "endpoints": tc.endpoints(managers)} {
				if err := os.MkdirAll(filepath.Join(dir, "p"), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, "p", name), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			e := &fakeEngine{state: "inactive"}
			e.serve(t, filepath.Join(dir, "sock"))
			program := strings.NewReplacer("/run/docker.sock", filepath.Join(dir, "sock"), ":2377\" for", "\" for", "/run/clusterform", dir).Replace(heredoc(t, "swarm.sh"))
			cmd := exec.CommandContext(t.Context(), "python3", "-", "join")
			cmd.Stdin, cmd.Env = strings.NewReader(program), append(os.Environ(), "IP="+itself, "ROLE=worker")
			out, err := cmd.CombinedOutput()
			if tc.refused != "" {
				if err == nil || strings.TrimSpace(string(out)) != tc.refused || len(e.did()) != 0 {
					t.Errorf("%v: %s\nthe engine was told %v; want %q and nothing", err, out, e.did(), tc.refused)
				}
				return
			}
			var asked struct {
				RemoteAddrs             []string
				JoinToken, DataPathAddr string
			}
			if jsonErr := json.Unmarshal([]byte(e.joined), &asked); err != nil || jsonErr != nil {
				t.Fatalf("%v, %v: %s; the engine was told %s", err, jsonErr, out, e.joined)
			}
			if len(asked.RemoteAddrs) != 1 || !slices.ContainsFunc(tc.joins, func(i int) bool { return asked.RemoteAddrs[0] == managers[i] }) {
				t.Errorf("it joins by %v, want one of %v in %v", asked.RemoteAddrs, tc.joins, managers)
			}
			if asked.JoinToken != "SWMTKN-1-secret" || asked.DataPathAddr != itself || strings.Contains(string(out), "secret") {
				t.Errorf("the engine was told %s, the log %s", e.joined, out)
			}
		})
	}
}

// TestSwarmAttempt has an engine that is half-way in: it is left alone as long as it goes on.
func TestSwarmAttempt(t *testing.T) {
	t.Parallel()
	script, err := sources.ReadFile("swarm.sh")
	if err != nil {
		t.Fatal(err)
	}
	_, functions, found := strings.Cut(string(script), "\n# whole:")
	functions, _, ends := strings.Cut("# whole:"+functions, "\nMODE=join\n")
	if !found || !ends {
		t.Fatal("swarm.sh has no attempt")
	}
	for _, tc := range []struct {
		name   string
		states string // what the engine says of itself, one question after another; the last for good
		fails  bool   // the call to join
		joined bool   // at an earlier boot
		did    string
		code   int
	}{
		{name: "it joins", states: "inactive/active manager", did: "join"},
		{name: "it is a member a little later", states: "inactive/active/active manager", did: "join"},
		{name: "it is a member already", states: "active manager"},
		{name: "the engine gives up", states: "inactive/inactive", fails: true, did: "join", code: 1},
		{name: "the engine says that it goes on by itself", states: "inactive/pending/pending/active manager", fails: true, did: "join"},
		{name: "it goes on, and gives up later", states: "inactive/pending/error", fails: true, did: "join", code: 1},
		{name: "it gave up before", states: "error/active manager", did: "leave join"},
		{name: "it is a member that finds no other", states: "pending", joined: true, code: 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "states"), []byte(strings.ReplaceAll(tc.states, "/", "\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if tc.joined {
				if err := os.WriteFile(filepath.Join(dir, "joined"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			stubs := `set -uo pipefail
ROLE=control_plane attempt=1
log() { "$@"; }
say() { :; }
cf() { :; }
decide() { :; }
parameter() { echo value; }
sleep() { :; }
engine() {
  [ $1 = info ] || { echo $1 >>did; [ $1 != join ] || [ -z "$FAILS" ]; return; }
  head -n 1 states
  [ $(wc -l <states) = 1 ] || sed -i 1d states
}
`
			cmd := exec.CommandContext(t.Context(), "bash", "-c", stubs+functions+"\nMODE=join\nattempt")
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "LOG="+filepath.Join(dir, "log"), "STATE="+dir, "FAILS="+map[bool]string{true: "yes"}[tc.fails])
			out, err := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != tc.code {
				t.Errorf("exit %d, want %d: %v: %s", code, tc.code, err, out)
			}
			did, _ := os.ReadFile(filepath.Join(dir, "did"))
			if got := strings.Join(strings.Fields(string(did)), " "); got != tc.did {
				t.Errorf("the engine was told %q, want %q: %s", got, tc.did, out)
			}
		})
	}
}
