package bundle_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/bundletest"
)

// serve runs a handler as `bundle serve` does until the test ends.
func serve(t *testing.T, h http.Handler) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- bundle.Serve(ctx, listener, h, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + listener.Addr().String()
}

func TestVerifyFindsTampering(t *testing.T) {
	t.Parallel()
	o := options(t, bundletest.New(t, "amd64"))
	m := mustBuild(t, o)
	etcd, _ := m.Find("image/etcd")
	layer := etcd.Files[len(etcd.Files)-1].Path
	write := func(file, text string) func(string) error {
		return func(dir string) error {
			return os.WriteFile(filepath.Join(dir, filepath.FromSlash(file)), []byte(text), 0o600)
		}
	}
	kubelet, err := os.ReadFile(filepath.Join(o.Out, "files", "kubelet"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name         string
		tamper       func(dir string) error
		path, reason string
	}{
		{"nothing", func(string) error { return nil }, "", ""},
		{"a byte changed", write("files/kubelet", "C"+string(kubelet[1:])), "files/kubelet", "changed: SHA-256"},
		{"a byte added", write("files/kubelet", string(kubelet)+"\n"), "files/kubelet", "changed: "},
		{"a file removed", func(dir string) error { return os.Remove(filepath.Join(dir, "files/kubeadm")) }, "files/kubeadm", "missing"},
		{"a file added", write("files/kubectl2", "x"), "files/kubectl2", "not in the manifest"},
		{"a hidden file added", write(".profile", "x"), ".profile", "not in the manifest"},
		{"a link instead of a file", func(dir string) error {
			file := filepath.Join(dir, "files/kubeadm")
			return errors.Join(os.Rename(file, filepath.Join(dir, "..", "kubeadm")), os.Symlink("../../kubeadm", file))
		}, "files/kubeadm", "not a regular file"},
		{"an image's layer changed", write(layer, "evil"), layer, "changed"},
		{"an image's layer removed", func(dir string) error { return os.Remove(filepath.Join(dir, filepath.FromSlash(layer))) }, layer, "missing"},
		{"two images' names exchanged", func(dir string) error {
			index := filepath.Join(dir, "images", "index.json")
			data, err := os.ReadFile(index)
			text := strings.NewReplacer("kube-proxy:", "kube-apiserver:", "kube-apiserver:", "kube-proxy:").Replace(string(data))
			return errors.Join(err, os.WriteFile(index, []byte(text), 0o600))
		}, "images/index.json", "does not say that registry.k8s.io/kube-"},
		{"an index that is none", write("images/index.json", "{"), "images/index.json", "changed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "bundle")
			if err := os.CopyFS(dir, os.DirFS(o.Out)); err != nil {
				t.Fatal(err)
			}
			if err := tt.tamper(dir); err != nil {
				t.Fatal(err)
			}
			report, err := bundle.Verify(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			if tt.path == "" {
				if len(report.Problems) > 0 || report.Files == 0 || report.Size != m.Size() {
					t.Errorf("got %+v", report)
				}
				return
			}
			found := false
			for _, p := range report.Problems {
				found = found || p.Path == tt.path && strings.Contains(p.Problem, tt.reason)
			}
			if !found {
				t.Errorf("got %+v, want %s: %s", report.Problems, tt.path, tt.reason)
			}
		})
	}
	t.Run("the manifest", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "bundle")
		if err := os.CopyFS(dir, os.DirFS(o.Out)); err != nil {
			t.Fatal(err)
		}
		before, err := bundle.Verify(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, bundle.ManifestFile)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(data, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
		after, err := bundle.Verify(t.Context(), dir)
		if err != nil || after.Digest == before.Digest {
			t.Errorf("the digest is still %s, %v", after.Digest, err)
		}
	})
	t.Run("no bundle", func(t *testing.T) {
		t.Parallel()
		if _, err := bundle.Verify(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "is not a bundle") {
			t.Errorf("got %v", err)
		}
	})
}

func TestServe(t *testing.T) {
	t.Parallel()
	o := options(t, bundletest.New(t, "amd64"))
	m := mustBuild(t, o)
	outside := filepath.Join(filepath.Dir(o.Out), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"files/kubectl": "../../secret", "files/unknown": "kubeadm"} {
		at := filepath.Join(o.Out, name)
		_ = os.Remove(at)
		if err := os.Symlink(target, at); err != nil {
			t.Fatal(err)
		}
	}
	handler, err := bundle.NewHandler(o.Out, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = handler.Close() })
	server := serve(t, handler)
	kubeadm, _ := m.Find("kubeadm")
	content, err := os.ReadFile(filepath.Join(o.Out, "files", "kubeadm"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, method, path string
		header             [2]string
		status             int
		body               string // "" for any
	}{
		{name: "a file", path: "/files/kubeadm", status: 200, body: string(content)},
		{name: "a part of it", path: "/files/kubeadm", header: [2]string{"Range", "bytes=3-9"}, status: 206, body: string(content[3:10])},
		{name: "its end", path: "/files/kubeadm", header: [2]string{"Range", "bytes=-4"}, status: 206, body: string(content[len(content)-4:])},
		{name: "a part that there is not", path: "/files/kubeadm", header: [2]string{"Range", "bytes=99999-"}, status: 416},
		{name: "one that the client has", path: "/files/kubeadm", header: [2]string{"If-None-Match", `"` + kubeadm.SHA256 + `"`}, status: 304},
		{name: "its size alone", method: http.MethodHead, path: "/files/kubeadm", status: 200},
		{name: "the manifest", path: "/bundle.json", status: 200},
		{name: "an image's index", path: "/images/index.json", status: 200},
		{name: "no listing", path: "/", status: 404},
		{name: "no directory", path: "/files", status: 404},
		{name: "not in the manifest", path: "/files/unknown", status: 404},
		{name: "not out of the directory", path: "/../secret", status: 404},
		{name: "nor through a link", path: "/files/kubectl", status: 500},
		{name: "not to be written", method: http.MethodPut, path: "/files/kubeadm", status: 405},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			method := tt.method
			if method == "" {
				method = http.MethodGet
			}
			req, err := http.NewRequestWithContext(t.Context(), method, server, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.URL.Path = tt.path
			if tt.header[0] != "" {
				req.Header.Set(tt.header[0], tt.header[1])
			}
			res, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			body, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != tt.status || tt.body != "" && string(body) != tt.body {
				t.Errorf("got %d, %q, %v; want %d, %q", res.StatusCode, body, err, tt.status, tt.body)
			}
			if strings.Contains(string(body), "secret") {
				t.Error("what is outside was served")
			}
		})
	}
}
