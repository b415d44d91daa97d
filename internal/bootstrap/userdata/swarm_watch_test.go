package userdata

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/clusterform/clusterform/internal/bootstrap/pki"
)

// joinToken is one of a Swarm with that authority, as Docker makes them: its second last part is the authority's digest.
func joinToken(ca string) string {
	sum := sha256.Sum256([]byte(ca))
	return fmt.Sprintf("SWMTKN-1-%050s-%s", new(big.Int).SetBytes(sum[:]).Text(36), strings.Repeat("0", 25))
}

// listen answers with TLS as a manager with that authority does, and returns its address.
func listen(t *testing.T, a *pki.Authority) string {
	t.Helper()
	pair, err := a.IssueServer(pki.Server{CommonName: "node", Names: []string{"swarm-manager"}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := pair.TLS()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				if c, ok := conn.(*tls.Conn); ok {
					_ = c.HandshakeContext(t.Context())
				}
				_ = conn.Close()
			}()
		}
	}()
	return listener.Addr().String()
}

// TestSwarmWatch has a worker look after its Swarm: it leaves only when another one took its place.
func TestSwarmWatch(t *testing.T) {
	t.Parallel()
	authority := func() *pki.Authority {
		a, err := pki.NewAuthority("swarm-ca", 0, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	own, other := authority(), authority()
	const nobody = "127.0.0.1:1"
	for _, tc := range []struct {
		name      string
		state     string // of the engine
		stranger  bool   // the worker never joined
		left      bool   // the worker left its Swarm to join another
		known     func(t *testing.T) string
		token     string
		endpoints func(t *testing.T) string
		due       bool // it asked the store a moment ago
		asked     bool
		did       []string
	}{
		{name: "its manager answers", state: "active", known: func(t *testing.T) string { return listen(t, own) }, token: joinToken(other.CertificatePEM())},
		{name: "nobody answers, and nobody is let in", state: "active", asked: true},
		{name: "nobody answers, and its own Swarm lets nodes in", state: "active", token: joinToken(own.CertificatePEM()), asked: true},
		{name: "another Swarm is there, but does not answer", state: "active", token: joinToken(other.CertificatePEM()), asked: true},
		{
			name: "another Swarm took the place", state: "active", token: joinToken(other.CertificatePEM()), endpoints: func(t *testing.T) string { return listen(t, other) },
			asked: true, did: []string{"leave", "join"},
		},
		{
			name: "another Swarm has the address of the old one", state: "pending", known: func(t *testing.T) string { return listen(t, other) },
			token: joinToken(other.CertificatePEM()), endpoints: func(t *testing.T) string { return listen(t, other) }, asked: true, did: []string{"leave", "join"},
		},
		{
			name: "it left before and did not get in", state: "inactive", left: true, token: joinToken(other.CertificatePEM()),
			endpoints: func(t *testing.T) string { return listen(t, other) }, asked: true, did: []string{"join"},
		},
		{name: "somebody took it out", state: "inactive", token: joinToken(own.CertificatePEM()), endpoints: func(t *testing.T) string { return listen(t, own) }},
		{name: "it has not joined yet", state: "inactive", stranger: true, token: joinToken(own.CertificatePEM())},
		{name: "the store was asked a moment ago", state: "active", due: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			e := &fakeEngine{root: filepath.Join(dir, "docker"), state: tc.state, known: nobody}
			if tc.known != nil {
				e.known = tc.known(t)
			}
			endpoints := nobody
			if tc.endpoints != nil {
				endpoints = tc.endpoints(t)
			}
			files := map[string]string{"docker/swarm/certificates/swarm-root-ca.crt": own.CertificatePEM()}
			if !tc.stranger {
				files["joined"] = ""
			}
			if tc.left {
				files["left"] = ""
			}
			if tc.due {
				files["lost"] = fmt.Sprintf("%d 60", time.Now().Unix()+60)
			}
			for name, content := range files {
				path := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			e.serve(t, filepath.Join(dir, "sock"))
			out := watchOnce(t, dir, tc.token, endpoints)
			if asked := strings.Contains(out, "asked\n"); asked != tc.asked || !slices.Equal(e.did(), tc.did) {
				t.Errorf("it asked the store: %v, and did %v; want %v and %v\n%s", asked, e.did(), tc.asked, tc.did, out)
			}
			if strings.Contains(out, "SWMTKN") || strings.Contains(out, "Traceback") {
				t.Errorf("it says: %s", out)
			}
			if len(tc.did) > 0 && !strings.Contains(e.joined, joinToken(other.CertificatePEM())) {
				t.Errorf("it joins with %s", e.joined)
			}
		})
	}
}

// watchOnce runs the worker's program with its places below a directory, and a store that holds a token and endpoints.
func watchOnce(t *testing.T, dir, token, endpoints string) string {
	t.Helper()
	fake := fmt.Sprintf(`
held = {"/join": %q, "/endpoints": %q}


def ssm(action, body):
    print("asked")
    assert action == "GetParameters" and body["WithDecryption"] and len(body["Names"]) == 2
    return {"Parameters": [{"Name": n, "Value": held[n[n.rindex("/"):]]} for n in body["Names"] if held[n[n.rindex("/"):]]]}


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


say = print
`, token, endpoints)
	places := strings.NewReplacer("/run/docker.sock", filepath.Join(dir, "sock"), ":2377", "", "/usr/local/lib/clusterform", dir, "/run/clusterform", dir, "/var/lib/clusterform", dir)
	for name, content := range map[string]string{"cf": fake, "engine": places.Replace(heredoc(t, "swarm.sh"))} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "python3", "-")
	cmd.Stdin = strings.NewReader(places.Replace(heredoc(t, "swarm_worker.sh")))
	cmd.Env = append(os.Environ(), "IP=10.0.0.9", "ROLE=worker", "INSTANCE=i-9", "PARAMETERS=/clusterform/u/worker")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// heredoc is the first program in Python of a script.
func heredoc(t *testing.T, name string) string {
	t.Helper()
	script, err := sources.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(script), "<<'PY'\n")
	code, _, ok := strings.Cut(code, "\nPY\n")
	if !ok {
		t.Fatalf("%s has no program", name)
	}
	return code + "\n"
}

// fakeEngine is Docker's engine on a worker.
type fakeEngine struct {
	root, state, known string
	mu                 sync.Mutex
	calls              []string
	joined             string
}

func (e *fakeEngine) did() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.calls
}

func (e *fakeEngine) serve(t *testing.T, path string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		defer e.mu.Unlock()
		switch r.Method + " " + r.URL.Path {
		case "GET /info":
			_ = json.NewEncoder(w).Encode(map[string]any{
				"DockerRootDir": e.root, "Swarm": map[string]any{"LocalNodeState": e.state, "RemoteManagers": []map[string]string{{"Addr": e.known}}},
			})
		case "POST /swarm/leave", "POST /swarm/join":
			var body bytes.Buffer
			_, _ = body.ReadFrom(r.Body)
			if e.calls = append(e.calls, strings.TrimPrefix(r.URL.Path, "/swarm/")); r.URL.Path == "/swarm/join" {
				e.joined = body.String()
			}
		default:
			http.NotFound(w, r)
		}
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
}
