package oci_test

import (
	"archive/tar"
	"io"
	"log"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle/fetch"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/oci"
)

func spec(t *testing.T) oci.Spec {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("#!"), 0o700); err != nil {
		t.Fatal(err)
	}
	return oci.Spec{
		Files: map[string]string{"usr/bin/program": program}, Links: map[string]string{"usr/bin/alias": "program"},
		Texts: map[string]string{"etc/passwd": "root\n"}, Entrypoint: []string{"/usr/bin/program"}, Arch: "arm64",
	}
}

func build(t *testing.T, s oci.Spec) v1.Image {
	t.Helper()
	image, err := oci.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func TestBuild(t *testing.T) {
	t.Parallel()
	image := build(t, spec(t))
	layers, err := image.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	if kind, _ := layers[0].MediaType(); kind != types.OCIUncompressedLayer {
		t.Errorf("the layer is a %s", kind)
	}
	r, err := layers[0].Compressed() // as it is stored
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.TrimSpace(h.Name+" "+h.FileInfo().Mode().String()+" "+h.Linkname))
		if h.Uid != 0 || h.ModTime.Unix() != 0 {
			t.Errorf("%s is of user %d, %s", h.Name, h.Uid, h.ModTime)
		}
	}
	want := []string{
		"etc/ drwxr-xr-x", "etc/passwd -rw-r--r--", "usr/ drwxr-xr-x", "usr/bin/ drwxr-xr-x",
		"usr/bin/alias Lrwxrwxrwx program", "usr/bin/program -rwxr-xr-x",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	config, err := image.ConfigFile()
	if err != nil || config.Architecture != "arm64" || config.OS != "linux" || config.Config.Entrypoint[0] != "/usr/bin/program" {
		t.Errorf("configuration %+v, %v", config, err)
	}
}

func TestBuildIsReproducible(t *testing.T) {
	t.Parallel()
	first, err := build(t, spec(t)).Digest()
	if err != nil {
		t.Fatal(err)
	}
	second, err := build(t, spec(t)).Digest() // of a file elsewhere, made later
	if err != nil || first != second {
		t.Errorf("%s and %s, %v", first, second, err)
	}
}

func TestBuildRefusesPathsThatLeadOut(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/etc/x", "../x", "a/../../x", "a//b", ""} {
		if _, err := oci.Build(oci.Spec{Texts: map[string]string{path: "x"}}); err == nil {
			t.Errorf("%q was taken", path)
		}
	}
	if _, err := oci.Build(oci.Spec{Texts: map[string]string{"x": ""}, Links: map[string]string{"x": "y"}}); err == nil {
		t.Error("one path twice was taken")
	}
}

func TestLayout(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, err := oci.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := l.Add("registry.test/a:1", build(t, spec(t)))
	if err != nil {
		t.Fatal(err)
	}
	if len(stored.Blobs) != 3 {
		t.Errorf("blobs %v; want manifest, configuration and a layer", stored.Blobs)
	}
	for _, f := range slices.Concat(stored.Blobs, oci.Own()) {
		if _, err := os.Stat(filepath.Join(dir, f)); err != nil {
			t.Error(err)
		}
	}
	names, err := oci.Names(dir)
	if err != nil || len(names) != 1 || names["registry.test/a:1"] != stored.Digest {
		t.Errorf("names %v, %v", names, err)
	}
}

// An image is fetched for its platform; with a digest, the tag does not count.
func TestPull(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	mirror, err := url.Parse(server.URL + "/cache")
	if err != nil {
		t.Fatal(err)
	}
	s := spec(t)
	arm := build(t, s)
	s.Arch, s.Texts = "amd64", map[string]string{"other": ""}
	amd := build(t, s)
	index := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: arm, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}}},
		mutate.IndexAddendum{Add: amd, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}})
	ref, err := name.ParseReference(mirror.Host+"/cache/registry.test/group/a:1", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, index); err != nil {
		t.Fatal(err)
	}
	src := oci.Source{Mirror: mirror, Transport: fetch.NewTransport()}
	want, err := amd.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for _, digest := range []string{"", want.Hex} {
		got, err := src.Pull(t.Context(), "registry.test/group/a:1", "amd64", digest)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := got.Digest(); err != nil || d != want {
			t.Errorf("digest %q: got %s, %v; want %s", digest, d, err, want)
		}
	}
	if _, err := src.Pull(t.Context(), "registry.test/group/a:2", "amd64", ""); err == nil || !strings.Contains(err.Error(), "registry.test/group/a:2") {
		t.Errorf("an image that is not there: %v", err)
	}
}
