package bundle_test

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/bundletest"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/release"
	"github.com/clusterform/clusterform/internal/lab/registry"
)

// options build from a fake upstream into a directory of the test.
func options(t *testing.T, u *bundletest.Upstream) bundle.Options {
	t.Helper()
	dir := t.TempDir()
	o := bundle.Options{Release: release.Newest(), Arch: "amd64", Out: filepath.Join(dir, "bundle"), Cache: filepath.Join(dir, "cache")}
	if u != nil {
		mirror, err := bundle.ParseMirror(u.URL + "/cache")
		if err != nil {
			t.Fatal(err)
		}
		o.Mirror = mirror
	}
	return o
}

func mustBuild(t *testing.T, o bundle.Options) *bundle.Manifest {
	t.Helper()
	m, err := bundle.Build(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	mustBeWhole(t, o.Out)
	return m
}

func mustBeWhole(t *testing.T, dir string) {
	t.Helper()
	report, err := bundle.Verify(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range report.Problems {
		t.Errorf("%s: %s", p.Path, p.Problem)
	}
}

// tree is every file below dir with its content.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, rerr := filepath.Rel(dir, path)
		out[rel] = string(data)
		return errors.Join(err, rerr)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return out
}

func TestBuildFromUpstream(t *testing.T) {
	t.Parallel()
	u := bundletest.New(t, "amd64")
	o := options(t, u)
	var events []bundle.Event
	o.Progress = func(e bundle.Event) { events = append(events, e) }
	m := mustBuild(t, o)
	if !m.Locked || m.Origin != bundle.OriginUpstream {
		t.Errorf("locked %t, origin %s", m.Locked, m.Origin)
	}
	kubeadm, _ := m.Find("kubeadm")
	want := "content of /cache/dl.k8s.io/release/v1.34.4/bin/linux/amd64/kubeadm"
	if kubeadm.SHA256 != bundletest.Sum(want) || kubeadm.Size != int64(len(want)) {
		t.Errorf("kubeadm is pinned as %+v", kubeadm)
	}
	if strings.Contains(kubeadm.URL, "127.0.0.1") {
		t.Errorf("the manifest names the mirror: %s", kubeadm.URL)
	}
	if info, err := os.Stat(filepath.Join(o.Out, "files", "kubeadm")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("kubeadm: %v, %v", info, err)
	}
	// `clusterform lab push` reads it.
	images, err := registry.Read(filepath.Join(o.Out, bundle.ImagesDir))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range images {
		names = append(names, i.Name)
	}
	if len(names) != 10 || !slices.Contains(names, "registry.k8s.io/etcd:3.6.5-0") {
		t.Errorf("images %v", names)
	}
	if last := events[len(events)-1]; len(events) != 2*len(m.Artifacts) || last.Step != last.Steps || last.Doing != "" {
		t.Errorf("%d events, the last %+v", len(events), last)
	}
	left, err := os.ReadDir(filepath.Dir(o.Out))
	if err != nil || len(left) != 2 { // bundle and cache
		t.Errorf("beside the bundle: %v, %v", left, err)
	}

	t.Run("again: what is there is not fetched again", func(t *testing.T) {
		before, asked := tree(t, o.Out), u.Asked("kubeadm")
		mustBuild(t, o)
		if !maps.Equal(before, tree(t, o.Out)) {
			t.Error("the bundle is another")
		}
		if got := u.Asked("kubeadm"); got != asked {
			t.Errorf("kubeadm was fetched %d times more", got-asked)
		}
	})
	t.Run("again: what was published anew is refused, with its checksum, too", func(t *testing.T) {
		before := tree(t, o.Out)
		u.Change("/kubelet", "evil")
		fresh := o
		fresh.Cache = t.TempDir()
		_, err := bundle.Build(t.Context(), fresh)
		if err == nil || !strings.Contains(err.Error(), "kubelet") || !strings.Contains(err.Error(), "pinned") {
			t.Errorf("got %v", err)
		}
		if !maps.Equal(before, tree(t, o.Out)) {
			t.Error("the bundle was touched")
		}
	})
	t.Run("again: an image under the same tag does not matter", func(t *testing.T) {
		elsewhere := bundletest.New(t, "amd64")
		o := options(t, elsewhere)
		before := mustBuild(t, o)
		elsewhere.Push(t, "registry.k8s.io/etcd:3.6.5-0", "amd64", "evil")
		after := mustBuild(t, o)
		was, _ := before.Find("image/etcd")
		is, _ := after.Find("image/etcd")
		if was.SHA256 != is.SHA256 {
			t.Error("the new image was taken")
		}
	})
}

func TestBuildErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		prepare func(*testing.T, *bundletest.Upstream, *bundle.Options)
		want    []string
	}{
		{"a download that is not what its checksum says", func(_ *testing.T, u *bundletest.Upstream, _ *bundle.Options) {
			u.Change("amd64/kubectl", "evil")
			u.Lie("kubectl.sha256", bundletest.Sum("honest"))
		}, []string{"kubectl", bundletest.Sum("evil"), bundletest.Sum("honest"), "tampered with"}},
		{"a checksum file that is none", func(_ *testing.T, u *bundletest.Upstream, _ *bundle.Options) {
			u.Lie("kubeadm.sha256", "<html>")
		}, []string{"kubeadm", "no SHA-256"}},
		{"a directory that holds something else", func(t *testing.T, _ *bundletest.Upstream, o *bundle.Options) {
			if err := os.MkdirAll(o.Out, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(o.Out, "thesis.tex"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"holds no bundle", "-out=DIR"}},
		{"a damaged bundle", func(t *testing.T, _ *bundletest.Upstream, o *bundle.Options) {
			if err := os.MkdirAll(o.Out, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(o.Out, bundle.ManifestFile), []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"remove", "to build it anew"}},
		{"an architecture that there is not", func(_ *testing.T, _ *bundletest.Upstream, o *bundle.Options) { o.Arch = "mips" }, []string{"mips", "amd64 or arm64"}},
		{"an image for another platform", func(_ *testing.T, u *bundletest.Upstream, o *bundle.Options) {
			u.Hide("/v2/cache/registry.k8s.io/pause/")
		}, []string{"registry.k8s.io/pause:3.10.1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			u := bundletest.New(t, "amd64")
			o := options(t, u)
			tt.prepare(t, u, &o)
			before := tree(t, o.Out)
			_, err := bundle.Build(t.Context(), o)
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
			if !maps.Equal(before, tree(t, o.Out)) {
				t.Error("the directory was touched")
			}
		})
	}
}

// Ctrl-C in the middle: no bundle, nothing half beside it, and the next build goes on.
func TestInterruptedBuildGoesOn(t *testing.T) {
	t.Parallel()
	u := bundletest.New(t, "amd64")
	o := options(t, u)
	ctx, cancel := context.WithCancel(t.Context())
	interrupted := o
	interrupted.Progress = func(e bundle.Event) {
		if e.Step == 5 && e.Doing != "" {
			cancel()
		}
	}
	if _, err := bundle.Build(ctx, interrupted); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	left, err := os.ReadDir(filepath.Dir(o.Out))
	if err != nil || len(left) != 1 { // the cache
		t.Errorf("left %v, %v", left, err)
	}
	asked := u.Asked("kubeadm")
	cached := 0
	o.Progress = func(e bundle.Event) {
		if e.Cached {
			cached++
		}
	}
	mustBuild(t, o)
	if cached != 4 || u.Asked("kubeadm") != asked {
		t.Errorf("%d of what was done is used again, want 4; kubeadm was fetched %d times more", cached, u.Asked("kubeadm")-asked)
	}
}

func TestBuildFromABundle(t *testing.T) {
	t.Parallel()
	original := options(t, bundletest.New(t, "amd64"))
	mustBuild(t, original)
	handler, err := bundle.NewHandler(original.Out, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = handler.Close() })
	server := serve(t, handler)
	for name, from := range map[string]string{"a directory": original.Out, "served": server, "served, with a slash": server + "/"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, nil)
			o.From = from
			mustBuild(t, o)
			if !maps.Equal(tree(t, original.Out), tree(t, o.Out)) {
				t.Error("the copy is not the same")
			}
		})
	}
	t.Run("tampered with", func(t *testing.T) {
		t.Parallel()
		evil := filepath.Join(t.TempDir(), "evil")
		if err := os.CopyFS(evil, os.DirFS(original.Out)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(evil, "files", "kubelet"), []byte("evil"), 0o600); err != nil {
			t.Fatal(err)
		}
		o := options(t, nil)
		o.From = evil
		if _, err := bundle.Build(t.Context(), o); err == nil || !strings.Contains(err.Error(), "files/kubelet") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("of another version", func(t *testing.T) {
		t.Parallel()
		o := options(t, nil)
		o.From, o.Release = original.Out, release.All()[0]
		if _, err := bundle.Build(t.Context(), o); err == nil || !strings.Contains(err.Error(), "is for Kubernetes 1.34.4") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("not there", func(t *testing.T) {
		t.Parallel()
		o := options(t, nil)
		o.From = filepath.Join(t.TempDir(), "gone")
		if _, err := bundle.Build(t.Context(), o); err == nil || !strings.Contains(err.Error(), "gone") {
			t.Errorf("got %v", err)
		}
	})
}
