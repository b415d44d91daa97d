package artifact_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/internal/lab/artifact"
	"github.com/clusterform/clusterform/planner/resource"
)

const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

// manifestOf is a small bundle.json with one artifact of each sort.
func manifestOf(version, arch string) string {
	return `{"format": 1, "kubernetes": "` + version + `", "os": "linux", "arch": "` + arch + `", "origin": "source", "locked": true, "artifacts": [
{"name": "kubelet", "kind": "binary", "provided_by": "bundle", "path": "files/kubelet", "sha256": "` + zeros + `", "install": {"path": "/usr/local/bin/kubelet", "mode": "0755"}},
{"name": "kubectl", "kind": "binary", "provided_by": "bundle", "path": "files/kubectl", "sha256": "` + zeros + `", "install": {"path": "/usr/local/bin/kubectl", "mode": "0755"}},
{"name": "cni-plugins", "kind": "archive", "provided_by": "bundle", "path": "files/cni.tgz", "sha256": "` + zeros + `", "install": {"path": "/opt/cni/bin"}},
{"name": "runc", "kind": "binary", "provided_by": "image"},
{"name": "containerd", "kind": "archive", "provided_by": "bundle", "path": "files/containerd.tgz", "sha256": "` + zeros + `", "install": {"path": "/usr/local"}},
{"name": "flannel-objects", "kind": "manifest", "provided_by": "bundle", "nodes": ["control-plane"], "path": "files/kube-flannel.yml", "sha256": "` + zeros + `", "install": {"path": "/opt/x.yml", "mode": "0644"}},
{"name": "image/pause", "kind": "image", "provided_by": "bundle", "reference": "registry.k8s.io/pause:3", "sha256": "` + zeros + `"}]}`
}

func write(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The engine reads the parameter as its own type: every field must mean the same there.
func TestTheEngineUnderstandsTheParameter(t *testing.T) {
	t.Parallel()
	b, err := artifact.Open(write(t, t.TempDir(), map[string]string{"bundle.json": manifestOf("1.34.4", "amd64")}))
	if err != nil {
		t.Fatal(err)
	}
	name, value, err := b.Parameter("http://artifacts.lab:5080/", "http://registry.lab:5000")
	if err != nil || name != "/aws/service/clusterform/kubernetes/1.34.4" {
		t.Fatalf("parameter %s (%v)", name, err)
	}
	d := json.NewDecoder(strings.NewReader(value))
	d.DisallowUnknownFields()
	var got resource.Software
	if err := d.Decode(&got); err != nil {
		t.Fatal(err)
	}
	const base = "http://artifacts.lab:5080/bundles/kubernetes-1.34.4-amd64/files/"
	want := resource.Software{Origin: "lab", Registry: "http://registry.lab:5000", Files: []resource.SoftwareFile{
		{Name: "kubelet", URL: base + "kubelet", SHA256: zeros, Kind: "binary", Path: "/usr/local/bin/kubelet", Mode: "0755"},
		{Name: "kubectl", URL: base + "kubectl", SHA256: zeros, Kind: "binary", Path: "/usr/local/bin/kubectl", Mode: "0755", ControlPlane: true},
		{Name: "cni-plugins", URL: base + "cni.tgz", SHA256: zeros, Kind: "archive", Path: "/opt/cni/bin"},
		{Name: "kube-flannel.yml", URL: base + "kube-flannel.yml", SHA256: zeros, Kind: "manifest", ControlPlane: true},
	}}
	if got.Origin != want.Origin || got.Registry != want.Registry || !slices.Equal(got.Files, want.Files) {
		t.Errorf("got\n%+v, want\n%+v", got, want)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	cache := write(t, t.TempDir(), map[string]string{
		"bundles/kubernetes-1.34.4-" + runtime.GOARCH + "/bundle.json":  manifestOf("1.34.4", runtime.GOARCH),
		"bundles/kubernetes-1.33.13-" + runtime.GOARCH + "/bundle.json": manifestOf("1.33.13", runtime.GOARCH),
		"bundles/kubernetes-1.32.0-" + runtime.GOARCH + "/bundle.json":  "{",
		"bundles/kubernetes-1.34.4-s390x/bundle.json":                   manifestOf("1.34.4", "s390x"),
		"bundles/.half-built/bundle.json":                               "{",
	})
	mine := write(t, t.TempDir(), map[string]string{"bundle.json": manifestOf("1.34.4", runtime.GOARCH)})
	var warnings []string
	found, err := artifact.Find(cache, []string{mine}, func(w string) { warnings = append(warnings, w) })
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 2 || found[0].Kubernetes != "1.33.13" || found[1].Kubernetes != "1.34.4" || found[1].Dir != mine {
		t.Errorf("found %+v, want the cache's 1.33.13 and the 1.34.4 that was asked for", found)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "kubernetes-1.32.0") {
		t.Errorf("warnings: %q, want one about the damaged bundle", warnings)
	}
}

func TestBundlesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	good := manifestOf("1.34.4", runtime.GOARCH)
	for _, tt := range []struct{ name, manifest, want string }{
		{"none", "", "clusterform bundle build"},
		{"damaged", "{", "damaged"},
		{"of a newer format", strings.Replace(good, `"format": 1`, `"format": 2`, 1), "format is 2"},
		{"not locked", strings.Replace(good, `"locked": true`, `"locked": false`, 1), "pins nothing"},
		{"of another architecture", manifestOf("1.34.4", "s390x"), "s390x"},
		{"with a version that is a path", manifestOf("../1.34.4", runtime.GOARCH), "no version"},
		{"with a file outside", strings.Replace(good, "files/kubelet", "../kubelet", 1), "../kubelet"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if tt.manifest != "" {
				write(t, dir, map[string]string{"bundle.json": tt.manifest})
			}
			_, err := artifact.Find(t.TempDir(), []string{dir}, func(string) {})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("got %v, want an error with %q and the directory", err, tt.want)
			}
		})
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	secret := write(t, t.TempDir(), map[string]string{"secret": "not yours"})
	dir := write(t, t.TempDir(), map[string]string{"own.txt": "own"})
	if err := os.Symlink(filepath.Join(secret, "secret"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	b, err := artifact.Open(write(t, t.TempDir(), map[string]string{"bundle.json": manifestOf("1.34.4", "amd64"), "files/kubelet": "kubelet's bytes"}))
	if err != nil {
		t.Fatal(err)
	}
	s, err := artifact.Serve(dir, []*artifact.Bundle{b})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	for _, tt := range []struct {
		name, path string
		status     int
		body       string
	}{
		{"the lab's own file", "/own.txt", 200, "own"},
		{"a bundle's file", "/bundles/kubernetes-1.34.4-amd64/files/kubelet", 200, "kubelet's bytes"},
		{"a bundle that is not there", "/bundles/kubernetes-1.1.1-amd64/files/kubelet", 404, ""},
		{"a link that leads out", "/link", 500, ""},
		{"a path that leads out", "/../secret", 404, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			res, err := http.Get(server.URL + tt.path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			body, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != tt.status || tt.body != "" && string(body) != tt.body || strings.Contains(string(body), "not yours") {
				t.Errorf("GET %s: %d %q (%v), want %d %q", tt.path, res.StatusCode, body, err, tt.status, tt.body)
			}
		})
	}
}
