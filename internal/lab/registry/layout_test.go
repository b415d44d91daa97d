package registry_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// layoutWith writes an OCI layout with images of those names.
func layoutWith(t *testing.T, names ...string) (dir string, images []v1.Image) {
	t.Helper()
	dir = t.TempDir()
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		image := randomImage(t)
		images = append(images, image)
		if err := l.AppendImage(image, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": n})); err != nil {
			t.Fatal(err)
		}
	}
	return dir, images
}

func TestImagesOfALayoutAreOfferedWhereTheyAre(t *testing.T) {
	t.Parallel()
	oci, images := layoutWith(t, "registry.k8s.io/coredns/coredns:v1", "ghcr.io/flannel-io/flannel:v2")
	own := t.TempDir()
	r := open(t, own)
	if err := r.Offer(oci); err != nil {
		t.Fatal(err)
	}
	held, err := r.Images(t.Context())
	if err != nil || !slices.Equal(held, []string{"coredns/coredns:v1", "flannel-io/flannel:v2"}) {
		t.Errorf("held: %v (%v)", held, err)
	}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	ref, err := name.ParseReference(strings.TrimPrefix(server.URL, "http://") + "/coredns/coredns:v1")
	if err != nil {
		t.Fatal(err)
	}
	pulled, err := remote.Image(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(pulled); err != nil {
		t.Error(err)
	}
	if got, want := digestOf(t, pulled), digestOf(t, images[0]); got != want {
		t.Errorf("pulled %s, want %s", got, want)
	}
	copied, err := filepath.Glob(filepath.Join(own, "*", "*"))
	if err != nil || len(copied) > 0 {
		t.Errorf("copied: %v (%v)", copied, err)
	}
}

func TestWhatWasPushedStays(t *testing.T) {
	t.Parallel()
	oci, _ := layoutWith(t, "registry.k8s.io/pause:3")
	r := open(t, t.TempDir())
	mine := randomImage(t)
	if _, err := r.Push(t.Context(), "pause:3", mine); err != nil {
		t.Fatal(err)
	}
	if err := r.Offer(oci); err != nil {
		t.Fatal(err)
	}
	if got, _ := r.Has(t.Context(), "pause:3"); got != digestOf(t, mine) {
		t.Errorf("held %s, want the one that was pushed, %s", got, digestOf(t, mine))
	}
}

func TestALayoutThatIsNotWhole(t *testing.T) {
	t.Parallel()
	oci, _ := layoutWith(t, "pause:3")
	if err := os.RemoveAll(filepath.Join(oci, "blobs")); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{oci, t.TempDir()} {
		if err := open(t, t.TempDir()).Offer(dir); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("got %v, want an error that names %s", err, dir)
		}
	}
}

func digestOf(t *testing.T, image v1.Image) string {
	t.Helper()
	d, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}
