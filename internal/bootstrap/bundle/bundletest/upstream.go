// Package bundletest is a stand-in for the sites that publish what bundles are made of, for tests: a mirror on loopback.
// Go modules for builds from source are stood in for by internal/bootstrap/bundle/moduleproxy.
package bundletest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/oci"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/release"
)

// Upstream is a mirror on loopback with everything of a release: each file holds its own address, each image its name.
type Upstream struct {
	*httptest.Server
	mu sync.Mutex
	// changed are other contents of files, by the end of their address; requests counts by the last part.
	changed  map[string]string
	requests map[string]int
}

// New starts a mirror that ends with the test. Its files are below /cache.
func New(t testing.TB, arch string) *Upstream {
	t.Helper()
	u := &Upstream{changed: map[string]string{}, requests: map[string]int{}}
	images := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		u.mu.Lock()
		u.requests[path.Base(req.URL.Path)]++
		u.mu.Unlock()
		if strings.HasPrefix(req.URL.Path, "/v2/") {
			images.ServeHTTP(w, req)
			return
		}
		text := u.content(req.URL.Path)
		switch path.Ext(req.URL.Path) {
		case ".sha256":
			text = Sum(u.content(strings.TrimSuffix(req.URL.Path, ".sha256")))
		case ".sha256sum":
			file := strings.TrimSuffix(req.URL.Path, ".sha256sum")
			if path.Base(file) == "runc" {
				file = path.Dir(file) + "/runc." + arch
			}
			text = fmt.Sprintf("%s  other.tgz\n%s *%s\n", Sum("other"), Sum(u.content(file)), path.Base(file))
		}
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(u.Close)
	for _, a := range bundle.Upstream(release.Newest(), arch).Artifacts {
		if a.Kind == bundle.KindImage {
			u.Push(t, a.Reference, arch, a.Reference)
		}
	}
	return u
}

// content is what a file holds. A change counts for the file itself and not for its checksum, unless it says so.
func (u *Upstream) content(path string) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	for part, text := range u.changed {
		if strings.HasSuffix(path, part) {
			return text
		}
	}
	return "content of " + path
}

// Change gives every file whose address ends in part other contents; checksums follow.
func (u *Upstream) Change(part, text string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.changed[part] = text
}

// Asked counts the requests for a file.
func (u *Upstream) Asked(file string) int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.requests[file]
}

// Push publishes an image that holds text.
func (u *Upstream) Push(t testing.TB, reference, arch, text string) {
	t.Helper()
	image, err := oci.Build(oci.Spec{Texts: map[string]string{"name": text}, Arch: arch})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(strings.TrimPrefix(u.URL, "http://")+"/cache/"+reference, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, image); err != nil {
		t.Fatal(err)
	}
}

// Sum is the SHA-256 of a text in hexadecimal.
func Sum(text string) string {
	s := sha256.Sum256([]byte(text))
	return hex.EncodeToString(s[:])
}

// Lie answers one file with something else.
func (u *Upstream) Lie(file, text string) {
	honest := u.Config.Handler
	u.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if path.Base(req.URL.Path) == file {
			_, _ = w.Write([]byte(text))
			return
		}
		honest.ServeHTTP(w, req)
	})
}

// Hide has nothing below a path any more.
func (u *Upstream) Hide(prefix string) {
	honest := u.Config.Handler
	u.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.HasPrefix(req.URL.Path, prefix) {
			http.NotFound(w, req)
			return
		}
		honest.ServeHTTP(w, req)
	})
}
