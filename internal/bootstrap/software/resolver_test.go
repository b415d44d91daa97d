package software_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/bundletest"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/release"
	"github.com/clusterform/clusterform/internal/bootstrap/software"
	"github.com/clusterform/clusterform/planner/resource"
)

// instead sends every request to a stand-in, which knows the host as the first part of the path.
type instead struct{ base string }

func (i instead) RoundTrip(req *http.Request) (*http.Response, error) {
	u, err := url.Parse(i.base + "/" + req.URL.Host + req.URL.Path)
	if err != nil {
		return nil, err
	}
	req = req.Clone(req.Context())
	req.URL, req.Host = u, u.Host
	return http.DefaultTransport.RoundTrip(req)
}

// nobody refuses every request.
type nobody struct{}

func (nobody) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("connection refused")
}

const version = "1.34.4"

// manifest is a locked bundle's, written in a directory that has nothing else.
func manifest(t *testing.T, origin bundle.Origin, change func(*bundle.Manifest)) string {
	t.Helper()
	r, err := release.Find(version)
	if err != nil {
		t.Fatal(err)
	}
	m := bundle.Upstream(r, "amd64")
	if origin == bundle.OriginSource {
		m = bundle.FromSource(r, "amd64", "go1.26")
	}
	m.Locked = true
	for i := range m.Artifacts {
		a := &m.Artifacts[i]
		if a.ProvidedBy != bundle.ByBundle {
			continue
		}
		a.Size, a.SHA256 = 1, bundletest.Sum(a.Name)
		if a.Kind == bundle.KindImage {
			a.Files = []bundle.File{{Path: "images/blobs/sha256/" + a.SHA256, Size: 1, SHA256: a.SHA256}}
		}
	}
	if change != nil {
		change(m)
	}
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, bundle.ManifestFile), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func kubernetes(t *testing.T, r *software.Resolver, source string) (*resource.Software, error) {
	t.Helper()
	return r.Software(t.Context(), "us-east-1", hclconfig.Kubernetes, version, source)
}

func TestFromUpstream(t *testing.T) {
	t.Parallel()
	u := bundletest.New(t, "amd64")
	s, err := kubernetes(t, &software.Resolver{Transport: instead{u.URL}}, "")
	if err != nil {
		t.Fatal(err)
	}
	if s.Origin != "upstream" || s.Registry != "" {
		t.Errorf("origin %q, registry %q; want upstream and none", s.Origin, s.Registry)
	}
	want := map[string]struct {
		url, path, mode string
		controlPlane    bool
	}{
		"kubeadm":            {"https://dl.k8s.io/release/v1.34.4/bin/linux/amd64/kubeadm", "/usr/local/bin/kubeadm", "0755", false},
		"kubelet":            {"https://dl.k8s.io/release/v1.34.4/bin/linux/amd64/kubelet", "/usr/local/bin/kubelet", "0755", false},
		"kubectl":            {"https://dl.k8s.io/release/v1.34.4/bin/linux/amd64/kubectl", "/usr/local/bin/kubectl", "0755", true},
		"cni-plugins":        {"https://github.com/containernetworking/plugins/releases/download/v1.9.1/cni-plugins-linux-amd64-v1.9.1.tgz", "/opt/cni/bin", "", false},
		"kube-flannel.yml":   {"https://github.com/flannel-io/flannel/releases/download/v0.28.10/kube-flannel.yml", "", "", true},
		"metrics-server.yml": {"https://github.com/kubernetes-sigs/metrics-server/releases/download/v0.9.0/components.yaml", "", "", true},
	}
	if len(s.Files) != len(want) {
		t.Errorf("%d files, want %d: %+v", len(s.Files), len(want), s.Files)
	}
	for _, f := range s.Files {
		w := want[f.Name]
		if f.URL != w.url || f.Path != w.path || f.Mode != w.mode || f.ControlPlane != w.controlPlane {
			t.Errorf("%+v, want %+v", f, w)
		}
		if sum := bundletest.Sum("content of /" + strings.TrimPrefix(f.URL, "https://")); f.SHA256 != sum {
			t.Errorf("%s is pinned to %s, and upstream's is %s", f.Name, f.SHA256, sum)
		}
	}
	if n := u.Asked("kubelet"); n > 0 {
		t.Errorf("kubelet itself was fetched %d times; its checksum file is enough", n)
	}
}

func TestAPatchVersionThatIsNotInTheTable(t *testing.T) {
	t.Parallel()
	u := bundletest.New(t, "amd64")
	r := &software.Resolver{Transport: instead{u.URL}}
	s, err := r.Software(t.Context(), "us-east-1", hclconfig.Kubernetes, "v1.34.9", "")
	if err != nil || !strings.Contains(s.Files[0].URL, "/v1.34.9/") {
		t.Errorf("1.34.9: %+v (%v)", s, err)
	}
	if _, err := r.Software(t.Context(), "us-east-1", hclconfig.Kubernetes, "1.20.1", ""); err == nil || !strings.Contains(err.Error(), "1.33.13 and 1.34.4") {
		t.Errorf("1.20.1: %v, want the versions that there are", err)
	}
}

func TestTheOrderOfSources(t *testing.T) {
	t.Parallel()
	dir := manifest(t, bundle.OriginUpstream, nil)
	served := httptest.NewServer(http.FileServer(http.Dir(manifest(t, bundle.OriginSource, nil))))
	t.Cleanup(served.Close)
	offer, err := json.Marshal(resource.Software{Origin: "lab", Registry: "http://registry.lab:5000", Files: offered()})
	if err != nil {
		t.Fatal(err)
	}
	parameter := func(_ context.Context, region, name string) (string, bool, error) {
		return string(offer), region == "us-east-1" && name == "/aws/service/clusterform/kubernetes/1.34.4", nil
	}
	for _, tt := range []struct {
		name, attribute, env, origin string
		url                          string
	}{
		{"the attribute comes first", dir, served.URL, "upstream", "https://dl.k8s.io/"},
		{"then the environment", "", served.URL + "/bundle.json", served.URL + "/bundle.json", served.URL + "/files/kubeadm"},
		{"a URL with a slash at its end", served.URL + "/", "", served.URL + "/", served.URL + "/files/kubeadm"},
		{"then what the region offers", "", "", "lab", "http://artifacts.lab/kubeadm"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := kubernetes(t, &software.Resolver{Bundle: tt.env, Parameter: parameter}, tt.attribute)
			if err != nil {
				t.Fatal(err)
			}
			if s.Origin != tt.origin || !strings.HasPrefix(s.Files[0].URL, tt.url) {
				t.Errorf("origin %s, first file %s; want %s and %s", s.Origin, s.Files[0].URL, tt.origin, tt.url)
			}
		})
	}
}

func offered() []resource.SoftwareFile {
	var out []resource.SoftwareFile
	for _, name := range []string{"kubeadm", "kubelet", "kubectl", "cni-plugins"} {
		out = append(out, resource.SoftwareFile{Name: name, URL: "http://artifacts.lab/" + name, SHA256: bundletest.Sum(name), Kind: "binary"})
	}
	return out
}

func TestOtherOrchestrators(t *testing.T) {
	t.Parallel()
	r := &software.Resolver{Transport: nobody{}}
	s, err := r.Software(t.Context(), "us-east-1", hclconfig.Swarm, "", "")
	if err != nil || len(s.Files) > 0 {
		t.Errorf("swarm: %+v (%v), want nothing to download", s, err)
	}
	if _, err := r.Software(t.Context(), "us-east-1", hclconfig.Mesos, "", ""); err == nil || !strings.Contains(err.Error(), "mesos") {
		t.Errorf("mesos: %v", err)
	}
}

func TestWhatCannotBeResolved(t *testing.T) {
	t.Parallel()
	u := bundletest.New(t, "amd64")
	u.Hide("/dl.k8s.io/release/v1.34.4/bin/linux/amd64/kubelet")
	for _, tt := range []struct {
		name, source string
		resolver     software.Resolver
		want         []string
	}{
		{"upstream does not answer", "", software.Resolver{Transport: nobody{}}, []string{"connection refused", "bundle build", "`bundle` attribute"}},
		{"upstream does not answer and neither did the region", "", software.Resolver{Transport: nobody{}, Parameter: func(context.Context, string, string) (string, bool, error) {
			return "", false, errors.New("access denied")
		}}, []string{"connection refused", "/aws/service/clusterform/kubernetes/1.34.4 in us-east-1: access denied"}},
		{"upstream does not have the version", "", software.Resolver{Transport: instead{u.URL}}, []string{"kubelet: upstream has no version v1.34.4"}},
		{"what the region offers makes no sense", "", software.Resolver{Transport: nobody{}, Parameter: func(context.Context, string, string) (string, bool, error) {
			return `{"files": [{"name": "kubelet", "url": "ftp://x/kubelet"}]}`, true, nil
		}}, []string{"not understood", "ftp://x/kubelet"}},
		{"a directory that is no bundle", t.TempDir(), software.Resolver{}, []string{"bundle attribute", "is not a bundle"}},
		{"a directory built from source", manifest(t, bundle.OriginSource, nil), software.Resolver{}, []string{"built from source", "bundle serve", "lab up -bundle"}},
		{"a bundle of another version", manifest(t, bundle.OriginUpstream, func(m *bundle.Manifest) { m.Kubernetes = "1.33.13" }), software.Resolver{}, []string{"1.33.13", "bundle build 1.34.4"}},
		{"a bundle for another architecture", manifest(t, bundle.OriginUpstream, nil), software.Resolver{Arch: "arm64"}, []string{"for amd64", "nodes are arm64"}},
		{"a bundle that lacks a program", manifest(t, bundle.OriginUpstream, func(m *bundle.Manifest) { m.Artifacts = m.Artifacts[1:] }), software.Resolver{}, []string{"no kubeadm"}},
		{"a URL with a password", "http://me:secret@127.0.0.1:1/bundle", software.Resolver{Transport: nobody{}}, []string{"http://127.0.0.1:1/bundle"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := kubernetes(t, &tt.resolver, tt.source)
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q lacks %q", err, part)
				}
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("a password is shown: %v", err)
			}
		})
	}
}
