package registry_test

import (
	"archive/tar"
	"bytes"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/clusterform/clusterform/internal/lab/registry"
)

func open(t *testing.T, dir string) *registry.Registry {
	t.Helper()
	r, err := registry.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func randomImage(t *testing.T) v1.Image {
	t.Helper()
	image, err := random.Image(1024, 2)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func TestImagesSurviveARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	image := randomImage(t)
	if _, err := open(t, dir).Push(t.Context(), "web:1", image); err != nil {
		t.Fatal(err)
	}

	again := open(t, dir)
	images, err := again.Images(t.Context())
	if err != nil || !slices.Equal(images, []string{"web:1"}) {
		t.Fatalf("images after a restart: %v (%v)", images, err)
	}
	want, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := again.Has(t.Context(), "web:1"); !ok || got != want.String() {
		t.Errorf("digest after a restart: %s, %v; want %s", got, ok, want)
	}
	if _, ok := again.Has(t.Context(), "web:2"); ok {
		t.Error("a tag that nobody pushed is there")
	}
}

func TestImagesArePulledOverHTTP(t *testing.T) {
	t.Parallel()
	r := open(t, t.TempDir())
	image := randomImage(t)
	if _, err := r.Push(t.Context(), "team/web:1", image); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	ref, err := name.ParseReference(strings.TrimPrefix(server.URL, "http://") + "/team/web:1")
	if err != nil {
		t.Fatal(err)
	}
	pulled, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := pulled.Layers()
	if err != nil || len(layers) != 2 {
		t.Fatalf("%d layers (%v), want 2", len(layers), err)
	}
	for _, l := range layers {
		content, err := l.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, content); err != nil { // checks the digest
			t.Error(err)
		}
		_ = content.Close()
	}
}

func TestReference(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want, err string }{
		{"a short name", "hello:1", "registry.lab:5000/hello:1", ""},
		{"without a tag", "hello", "registry.lab:5000/hello:latest", ""},
		{"the whole name", "registry.lab:5000/hello:1", "registry.lab:5000/hello:1", ""},
		{"another registry's host goes", "docker.io/library/nginx:1", "registry.lab:5000/library/nginx:1", ""},
		{"a path is no host", "team/web:2", "registry.lab:5000/team/web:2", ""},
		{"upper case", "Hello:1", "", "not an image reference"},
		{"empty", "", "", "not an image reference"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ref, err := registry.Reference(tt.in)
			switch {
			case tt.err != "":
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want an error with %q", err, tt.err)
				}
			case err != nil:
				t.Error(err)
			case ref.Name() != tt.want:
				t.Errorf("got %s, want %s", ref.Name(), tt.want)
			}
		})
	}
}

func TestReadFromDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	image := randomImage(t)

	archive := filepath.Join(dir, "web.tar")
	if err := tarball.WriteToFile(archive, name.MustParseReference("example.org/web:3"), image); err != nil {
		t.Fatal(err)
	}
	oci := filepath.Join(dir, "oci")
	path, err := layout.Write(oci, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendImage(image, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "web:4"})); err != nil {
		t.Fatal(err)
	}
	garbage := filepath.Join(dir, "garbage.tar")
	if err := os.WriteFile(garbage, []byte("no archive"), 0o600); err != nil {
		t.Fatal(err)
	}

	tests := []struct{ name, path, image, err string }{
		{"an archive", archive, "example.org/web:3", ""},
		{"an OCI layout", oci, "web:4", ""},
		{"a file that is no archive", garbage, "", "docker save"},
		{"a directory that is no layout", dir, "", "OCI image layout"},
		{"a missing file", filepath.Join(dir, "none"), "", "no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			images, err := registry.Read(tt.path)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want an error with %q", err, tt.err)
				}
				return
			}
			if err != nil || len(images) != 1 || images[0].Name != tt.image {
				t.Fatalf("got %v (%v), want one image named %s", images, err, tt.image)
			}
			if _, err := open(t, t.TempDir()).Push(t.Context(), images[0].Name, images[0].Image); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestHelloIsMadeFromTheProgramAndMadeOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	r := open(t, filepath.Join(dir, "registry"))
	if err := r.EnsureSamples(t.Context(), program); err != nil {
		t.Fatal(err)
	}
	first, ok := r.Has(t.Context(), registry.Hello)
	if !ok {
		t.Fatal("no sample images")
	}
	if err := r.EnsureSamples(t.Context(), program); err != nil {
		t.Fatal(err)
	}
	if again, _ := r.Has(t.Context(), registry.Hello); again != first {
		t.Errorf("made again from the same program: %s, then %s", first, again)
	}
	images, err := r.Images(t.Context())
	if err != nil || !slices.Equal(images, []string{"hello:1", "hello:2", "tail:1"}) {
		t.Errorf("samples: %v (%v)", images, err)
	}
	if second, _ := r.Has(t.Context(), "hello:2"); second == first {
		t.Error("the second version of the sample is the first one")
	}

	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	ref, err := name.ParseReference(strings.TrimPrefix(server.URL, "http://") + "/" + registry.Hello)
	if err != nil {
		t.Fatal(err)
	}
	image, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := image.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers (%v), want 1", len(layers), err)
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = content.Close() }()
	tr := tar.NewReader(content)
	entry, err := tr.Next()
	if err != nil || entry.Name != "hello" || entry.Mode != 0o755 {
		t.Fatalf("first entry %+v (%v), want an executable hello", entry, err)
	}
	got, err := io.ReadAll(tr)
	if err != nil {
		t.Fatal(err)
	}
	if link, err := tr.Next(); err != nil || link.Name != "tail" || link.Linkname != "hello" {
		t.Errorf("second entry %+v (%v), want tail, the same program", link, err)
	}
	want, err := os.ReadFile(program)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the image's program is another (%v)", err)
	}
}

func TestADynamicProgramIsRefused(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	err = open(t, t.TempDir()).EnsureSamples(t.Context(), shell)
	if err == nil || !strings.Contains(err.Error(), "CGO_ENABLED=0") {
		t.Errorf("got %v, want a word on static linking", err)
	}
}
