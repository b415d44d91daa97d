package userdata_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/clusterform/clusterform/internal/lab/api"
)

// python runs statements with cf.py as the module m, whose places are below a directory.
func python(t *testing.T, dir, statements string, environment ...string) (string, error) {
	t.Helper()
	program := `
import importlib.machinery, importlib.util, sys
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("cf", "cf.py")
m = importlib.util.module_from_spec(importlib.util.spec_from_loader("cf", loader))
loader.exec_module(m)
m.RUN, m.STATE, m.LIB, m.CA = [sys.argv[1] + p for p in ("/run", "/state", "/lib", "/ca.crt")]
` + statements
	ctx := t.Context()
	cmd := exec.CommandContext(ctx, "python3", "-c", program, dir)
	cmd.Env = append(os.Environ(), environment...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 5, 0, time.UTC)
	for _, c := range []struct{ name, url, body, region, token string }{
		{"AWS", "https://ssm.eu-central-1.amazonaws.com", `{"Path":"/clusterform/u/worker"}`, "eu-central-1", "a/session+token=="},
		{"a port", "http://198.19.1.1:4566", `{}`, "us-east-1", "t"},
		{"text that is not ASCII", "http://endpoint.lab:4566", `{"Path":"/ä"}`, "us-east-1", "t"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			headers := map[string]string{"content-type": "application/x-amz-json-1.1", "x-amz-target": "AmazonSSM.GetParameters", "x-amz-security-token": c.token}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url+"/", strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			r.ContentLength = 0 // theirs signs the length, ours does not
			for k, v := range headers {
				r.Header.Set(k, v)
			}
			sum := sha256.Sum256([]byte(c.body))
			err = v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "secret/key", SessionToken: c.token}, r, hex.EncodeToString(sum[:]), "ssm", c.region, at)
			if err != nil {
				t.Fatal(err)
			}
			given, err := json.Marshal(map[string]any{"url": c.url, "body": c.body, "headers": headers, "region": c.region})
			if err != nil {
				t.Fatal(err)
			}
			got, err := python(t, t.TempDir(), `
import datetime, json, os
g = json.loads(os.environ["GIVEN"])
at = datetime.datetime(2026, 3, 1, 12, 0, 5, tzinfo=datetime.timezone.utc)
print(m.sign(g["url"], g["body"].encode(), g["headers"], "AKIA", "secret/key", g["region"], "ssm", at)["authorization"])
`, "GIVEN="+string(given))
			if err != nil {
				t.Fatalf("%v: %s", err, got)
			}
			if want := r.Header.Get("Authorization"); strings.TrimSpace(got) != want {
				t.Errorf("signature\n%swant\n%s", got, want)
			}
		})
	}
}

// endpoint is a lab without machines, and the metadata service as one instance sees it.
func endpoint(t *testing.T) (config aws.Config, metadata func(instance string) string) {
	t.Helper()
	s, err := api.New(api.Options{Region: "us-east-1", Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	key := s.Keys()[0]
	config = aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider(key.AccessKeyID, key.SecretAccessKey, ""),
	}
	return config, func(instance string) string {
		m := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.IMDS().ServeHTTP(w, r.WithContext(api.WithMachine(r.Context(), instance)))
		}))
		t.Cleanup(m.Close)
		return m.URL + "/latest/"
	}
}

func TestNodesReadTheirOwnParameters(t *testing.T) {
	t.Parallel()
	config, metadata := endpoint(t)
	s := newSite(t.Context(), t, config)
	s.software, s.version = software(), "1.34.4"
	id := s.launch(t.Context(), "worker", 1)[0]
	s.controlPlanes = []string{id}
	s.endpoints(t.Context())
	at := metadata(id)
	dir := t.TempDir()
	read := func(role string) (string, error) {
		return python(t, dir, "m.METADATA = "+fmt.Sprintf("%q", at)+"\nm.retry('x', m.parameters, 0)", "ENDPOINT="+*config.BaseEndpoint, "PARAMETERS=/clusterform/"+s.uid+"/"+role)
	}
	if err := os.MkdirAll(filepath.Join(dir, "run/p"), 0o700); err != nil {
		t.Fatal(err)
	}
	stale := filepath.Join(dir, "run/p/leader")
	if err := os.WriteFile(stale, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := read("worker"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, want := range map[string]string{
		"run/p/join": "abcdef.0123456789abcdef", "state/endpoints": s.privateAddress[id], "run/p/pool/worker": `"tier":"web"`, "ca.crt": "BEGIN CERTIFICATE",
	} {
		path := filepath.Join(dir, name)
		got, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s is %q (%v), want %q in it", name, got, err, want)
		}
		if info, err := os.Stat(path); err == nil && name != "ca.crt" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %s", name, info.Mode())
		}
	}
	if _, err := os.Stat(stale); err == nil {
		t.Error("a parameter that is gone from the store is still on the node")
	}
	out, err := read("control-plane")
	if err == nil || !strings.Contains(out, "AccessDenied") {
		t.Errorf("a worker reads the control plane's parameters, or the error does not say why not: %v: %s", err, out)
	}
	if strings.Contains(out, "abcdef.") || strings.Contains(out, "PRIVATE KEY") {
		t.Errorf("a secret is shown: %s", out)
	}
}

func TestDownloadsAreChecked(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/flaky" && asked.Add(1) < 2:
			http.Error(w, "not now", http.StatusServiceUnavailable)
		case r.URL.Path == "/missing":
			http.NotFound(w, r)
		default:
			_, _ = w.Write([]byte("program"))
		}
	}))
	t.Cleanup(server.Close)
	right := fmt.Sprintf("%x", sha256.Sum256([]byte("program")))
	for _, c := range []struct{ name, path, sum, want string }{
		{"right", "/right", right, ""},
		{"a server that fails once", "/flaky", right, ""},
		{"another sum than the pinned", "/wrong", strings.Repeat("0", 64), "not the pinned"},
		{"nothing there", "/missing", right, "HTTP 404"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "bin/kubelet")
			pins, err := json.Marshal([]map[string]string{{"name": "kubelet", "url": server.URL + c.path, "sha256": c.sum, "kind": "binary", "path": path, "mode": "0755"}})
			if err != nil {
				t.Fatal(err)
			}
			out, err := python(t, dir, `
import os
sys.argv = ["cf", "fetch"]
again, whole = m.retry, m.read
m.retry = lambda what, f: again(what, f, float(os.environ["PATIENCE"]))
m.read = lambda path: os.environ["PINS"] if path == "/etc/clusterform/software.json" else whole(path)
m.fetch()
`, "PINS="+string(pins), map[bool]string{true: "PATIENCE=30", false: "PATIENCE=0"}[c.want == ""])
			if c.want == "" {
				info, statErr := os.Stat(path)
				if err != nil || statErr != nil || info.Mode() != 0o755 {
					t.Errorf("%v, %v: %s", err, statErr, out)
				}
				return
			}
			if err == nil || !strings.Contains(out, c.want) || !strings.Contains(out, "kubelet") {
				t.Errorf("error %v, want one with %q: %s", err, c.want, out)
			}
			for _, left := range []string{path, path + ".part"} {
				if _, err := os.Stat(left); err == nil && c.name != "nothing there" {
					t.Errorf("%s is left", left)
				}
			}
		})
	}
}

func TestWhatAKubeletSaysOfItself(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, settings, role, labels, taints string }{
		{
			"labels of Kubernetes' own are the engine's to set",
			`{"labels":{"tier":"web","node-role.kubernetes.io/web":"","node.kubernetes.io/x":"y","example.com/k8s.io":"z"}}`, "worker",
			"example.com/k8s.io=z,tier=web,topology.kubernetes.io/region=r,topology.kubernetes.io/zone=ra", "[]",
		},
		{"taints", `{"taints":[{"key":"gpu","value":"yes","effect":"NoSchedule"}]}`, "worker", "topology.kubernetes.io/region=r,topology.kubernetes.io/zone=ra", `[{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]`},
		{"a control plane keeps work off", "", "control_plane", "topology.kubernetes.io/region=r,topology.kubernetes.io/zone=ra", `[{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.MkdirAll(filepath.Join(dir, "run/p/pool"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "run/p/pool/blue"), []byte(c.settings), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := python(t, dir, "m.pool()", "POOL=blue", "ROLE="+c.role, "ZONE=ra", "REGION=r")
			if want := "LABELS='" + c.labels + "'\nTAINTS='" + c.taints + "'\n"; err != nil || got != want {
				t.Errorf("%v\n%swant\n%s", err, got, want)
			}
		})
	}
}

// A node that finds another cluster behind the API of its own, with the same authorities, comes to it as new: once.
func TestNodeFollowsAControlPlaneThatBeganAnew(t *testing.T) {
	t.Parallel()
	got, err := python(t, t.TempDir(), `
import os, urllib.error
def cluster(uid, nodes):
    def kubelet(path):
        if not uid:
            raise OSError("no answer")
        if path == "namespaces/default/services/kubernetes":
            return {"metadata": {"uid": uid}}
        if path not in nodes:
            raise urllib.error.HTTPError(path, 404, "not found", {}, None)
        return {}
    return kubelet
for step, uid, nodes in [
    ("joined", "first", ["nodes/i-1"]), ("away", "", []), ("back", "first", ["nodes/i-1"]), ("service made again", "other", ["nodes/i-1"]),
    ("anew", "second", []), ("settled", "second", ["nodes/i-1"]), ("anew before the first look", "third", []), ("settled", "third", ["nodes/i-1"]),
]:
    if "first look" in step:
        os.remove(m.STATE + "/cluster")
    m.kubelet, done = cluster(uid, nodes), []
    m.anew(lambda command: done.append(" ".join(command[:2])))
    print(step, done)
`, "OVERLAY=none", "INSTANCE=i-1")
	if err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	if n := strings.Count(got, "systemctl stop"); n != 2 || strings.Count(got, "systemctl start") != 2 || !strings.Contains(got, "\nanew ['systemctl stop'") || !strings.Contains(got, "look ['systemctl stop'") {
		t.Errorf("the kubelet is to start again when the second and the third cluster are first seen, and not otherwise:\n%s", got)
	}
}
