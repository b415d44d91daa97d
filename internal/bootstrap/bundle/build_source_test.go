package bundle

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle/moduleproxy"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/oci"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/release"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/source"
)

// small are the components of a release with programs that do nothing, so that they compile in no time.
func small(r release.Release) []source.Component {
	all := source.Components(r)
	for i := range all {
		all[i].Module, all[i].Staging = "", ""
		for j := range all[i].Programs {
			all[i].Programs[j] = source.Program{Name: all[i].Programs[j].Name, Main: "package main\n\nfunc main() {}\n"}
		}
	}
	return all
}

// sourceOptions build from source without a network: the overlay's module is one of ours.
func sourceOptions(t *testing.T) Options {
	t.Helper()
	r := release.Newest()
	overlay := source.Overlay(r)
	environ := moduleproxy.Environ(t, moduleproxy.Module{Path: overlay.Module, Version: overlay.Version, Files: map[string]string{
		"go.mod":               "module " + overlay.Module + "\n",
		source.OverlayManifest: "cni-conf.json: |\n  { \"cniVersion\": \"1.0.0\" }\n",
	}})
	dir := t.TempDir()
	return Options{
		Release: r, Arch: "amd64", Out: filepath.Join(dir, "bundle"), Cache: filepath.Join(dir, "cache"), FromSource: true,
		Userland: fakeUserland(t), Environ: environ, LookPath: exec.LookPath, components: small(r),
	}
}

// fakeUserland is a file system with a static program in place of iptables and of a plugin.
func fakeUserland(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	main := filepath.Join(root, "main.go")
	if err := os.WriteFile(main, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"usr/sbin/xtables-nft-multi", "usr/lib/x86_64-linux-gnu/xtables/libxt_tcp.so"} {
		cmd := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(root, at), main)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	return root
}

func TestBuildFromSource(t *testing.T) {
	t.Parallel()
	o := sourceOptions(t)
	var compiled, cached int
	o.Progress = func(e Event) {
		if e.Doing == "compiling" {
			compiled++
		}
		if e.Cached {
			cached++
		}
	}
	m, err := Build(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	whole(t, o.Out)
	if m.Origin != OriginSource || !strings.HasPrefix(m.Toolchain, "go1.") || cached != 0 {
		t.Errorf("origin %s, toolchain %q, %d cached", m.Origin, m.Toolchain, cached)
	}
	for _, a := range m.Artifacts {
		if inImage := slices.Contains([]string{"containerd", "runc", "crictl"}, a.Name); inImage != (a.ProvidedBy == ByImage) {
			t.Errorf("%s is provided by the %s", a.Name, a.ProvidedBy)
		}
		if a.ProvidedBy == ByBundle && (a.Size == 0 || a.SHA256 == "") {
			t.Errorf("%s is not pinned", a.Name)
		}
	}
	objects, err := os.ReadFile(filepath.Join(o.Out, "files", "kube-flannel.yml"))
	if err != nil || !strings.Contains(string(objects), `"cniVersion": "0.4.0"`) {
		t.Errorf("the overlay's objects are %q, %v", objects, err)
	}
	plugins, _ := m.Find("cni-plugins")
	if got := archived(t, filepath.Join(o.Out, plugins.Path)); !slices.Equal(got, source.CNIPlugins()) {
		t.Errorf("CNI plugins %v", got)
	}
	for image, want := range map[string][]string{
		"image/kube-proxy":         {"usr/local/bin/kube-proxy", "usr/sbin/iptables", "usr/sbin/xtables-nft-multi", "usr/lib/x86_64-linux-gnu/xtables/libxt_tcp.so"},
		"image/flannel":            {"opt/bin/flanneld", "opt/bin/install-conf", "usr/sbin/ip6tables-restore"},
		"image/flannel-cni-plugin": {"flannel", "bin/cp"},
		"image/etcd":               {"usr/local/bin/etcd"},
		"image/pause":              {"pause"},
		"image/coredns":            {"coredns"},
	} {
		got := layer(t, o.Out, m, image)
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("%s has no %s, but %v", image, w, got)
			}
		}
	}

	t.Run("again, everything is there and the result the same", func(t *testing.T) {
		before, err := Verify(t.Context(), o.Out)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Build(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		after, err := Verify(t.Context(), o.Out)
		if err != nil || after.Digest != before.Digest {
			t.Errorf("%s and then %s, %v", before.Digest, after.Digest, err)
		}
		if programs := compiled / 2; cached != programs {
			t.Errorf("%d of %d programs were there", cached, programs)
		}
	})
}

func TestInterruptedBuildFromSource(t *testing.T) {
	t.Parallel()
	o := sourceOptions(t)
	ctx, cancel := context.WithCancel(t.Context())
	o.Progress = func(e Event) {
		if e.Step == 3 && e.Doing != "" {
			cancel()
		}
	}
	if _, err := Build(ctx, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	left, err := os.ReadDir(filepath.Dir(o.Out))
	if err != nil || len(left) != 1 {
		t.Errorf("beside the bundle: %v, %v", left, err)
	}
	kept, err := os.ReadDir(o.Cache)
	if err != nil || len(kept) != 3 { // two programs and the lock
		t.Errorf("the cache holds %v, %v", kept, err)
	}
}

func TestBuildFromSourceErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		prepare func(*Options)
		want    []string
	}{
		{"no Go", func(o *Options) {
			o.LookPath = func(string) (string, error) { return "", exec.ErrNotFound }
		}, []string{"needs Go", "-mirror=URL"}},
		{"no iptables", func(o *Options) { o.Userland = filepath.Join(o.Userland, "usr") }, []string{"install the package iptables", "-userland=DIR"}},
		{"another architecture's iptables", func(o *Options) { o.Arch = "arm64" }, []string{"arm64", "-userland=DIR"}},
		{"a module that the proxy does not serve", func(o *Options) {
			o.components[0].Module, o.components[0].Version = "example.test/gone", "v1.2.3"
			o.components[0].Programs[0] = source.Program{Name: "kubeadm", Package: "example.test/gone"}
		}, []string{"building kubeadm v1.2.3", "example.test/gone@v1.2.3", "GOPROXY"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := sourceOptions(t)
			tt.prepare(&o)
			_, err := Build(t.Context(), o)
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
			if _, err := os.Lstat(o.Out); err == nil {
				t.Error("there is a bundle all the same")
			}
		})
	}
}

func TestNotEnoughSpaceIsSaidBefore(t *testing.T) {
	t.Parallel()
	if free, ok := freeSpace(filepath.Join(t.TempDir(), "not", "there", "yet")); ok && free <= 0 {
		t.Errorf("%d bytes free where the test itself writes", free)
	}
	err := checkSpace("/some/where", 10<<20, 3<<30, "-out=DIR")
	for _, want := range []string{"/some/where", "10.0 MiB free", "3.0 GiB", "-out=DIR"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	if err := checkSpace("/some/where", 3<<30, 3<<30, "-out=DIR"); err != nil {
		t.Errorf("enough is too little: %v", err)
	}
}

// A real one, of the smallest component there is: CNI plugins, from the module proxy.
func TestRealComponent(t *testing.T) {
	t.Parallel()
	if os.Getenv("CLUSTERFORM_TEST_BUNDLE") != "1" {
		t.Skip("fetches Go modules and compiles for a minute; set CLUSTERFORM_TEST_BUNDLE=1 to run it")
	}
	o := sourceOptions(t)
	o.Environ = os.Environ()
	for i, c := range o.components {
		if c.Name == "cni-plugins" {
			for _, actual := range source.Components(o.Release) {
				if actual.Name == c.Name {
					o.components[i] = actual
				}
			}
		}
	}
	m, err := Build(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	whole(t, o.Out)
	plugins, _ := m.Find("cni-plugins")
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "tar", "-xzf", filepath.Join(o.Out, plugins.Path), "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "bridge")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "v"+o.Release.CNIPlugins) {
		t.Errorf("the bridge plugin says %q, %v; want its version", out, err)
	}
}

func whole(t *testing.T, dir string) {
	t.Helper()
	report, err := Verify(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range report.Problems {
		t.Errorf("%s: %s", p.Path, p.Problem)
	}
}

// archived lists a compressed archive.
func archived(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return tarNames(t, z)
}

// layer lists what is in the one layer of an image.
func layer(t *testing.T, dir string, m *Manifest, name string) []string {
	t.Helper()
	names, err := oci.Names(filepath.Join(dir, ImagesDir))
	if err != nil {
		t.Fatal(err)
	}
	a, ok := m.Find(name)
	if !ok || names[a.Reference] != a.SHA256 || len(a.Files) != 3 {
		t.Fatalf("%s is %+v, and the layout has %v", name, a, names)
	}
	f, err := os.Open(filepath.Join(dir, filepath.FromSlash(a.Files[2].Path)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	return tarNames(t, f)
}

func tarNames(t *testing.T, r io.Reader) []string {
	t.Helper()
	var out []string
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.TrimPrefix(h.Name, "./"))
	}
}
