// Package registry is the container image registry of a lab, known to its machines as registry.lab:5000. It speaks the
// OCI distribution protocol through go-containerregistry and keeps everything in one directory.
//
// It only serves what was pushed, or offered from a directory; it never fetches from elsewhere. The sample images it always holds are made here (see
// EnsureSamples) from the program in internal/lab/hello.
package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	upstream "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Host is the registry's name and port inside a lab.
const Host = "registry.lab:5000"

// maxManifest bounds a manifest, in bytes, as other registries do.
const maxManifest = 4 << 20

// Registry is an http.Handler over one directory.
type Registry struct {
	dir     string
	blobs   *blobs
	handler http.Handler
}

// Open serves the images in dir, which it makes when missing. One process at a time.
func Open(dir string) (*Registry, error) {
	for _, d := range []string{filepath.Join(dir, "blobs"), filepath.Join(dir, "manifests")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("image registry: %w", err)
		}
	}
	held, err := newBlobs(filepath.Join(dir, "blobs"))
	if err != nil {
		return nil, err
	}
	r := &Registry{dir: dir, blobs: held, handler: upstream.New(
		upstream.WithBlobHandler(held),
		upstream.WithReferrersSupport(true),
		upstream.Logger(log.New(io.Discard, "", 0)),
	)}
	if err := r.replay(); err != nil {
		return nil, fmt.Errorf("image registry: reading %s: %w", dir, err)
	}
	return r, nil
}

// storedManifest is a manifest on disk: the library keeps blobs in files, but manifests in memory.
type storedManifest struct {
	Path        string `json:"path"` // of the URL it was put to
	ContentType string `json:"content_type"`
	Body        []byte `json:"body"`
}

// ServeHTTP answers the distribution protocol.
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodPut || !strings.Contains(req.URL.Path, "/manifests/") {
		r.handler.ServeHTTP(w, req)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxManifest))
	if err != nil {
		http.Error(w, "manifest: "+err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	r.handler.ServeHTTP(answer, req)
	if answer.Code/100 == 2 {
		m := storedManifest{Path: req.URL.Path, ContentType: req.Header.Get("Content-Type"), Body: body}
		if err := r.store(m); err != nil {
			http.Error(w, "manifest: "+err.Error(), http.StatusInternalServerError)
			return
		}
	}
	for k, v := range answer.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

func (r *Registry) manifestFile(urlPath string) string {
	return filepath.Join(r.dir, "manifests", url.PathEscape(strings.TrimPrefix(urlPath, "/v2/"))+".json")
}

func (r *Registry) store(m storedManifest) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	file := r.manifestFile(m.Path)
	if err := os.WriteFile(file+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// replay puts the manifests on disk into the library's memory. Indexes come after what they list: two passes do.
func (r *Registry) replay() error {
	files, err := filepath.Glob(filepath.Join(r.dir, "manifests", "*.json"))
	if err != nil {
		return err
	}
	for range 2 {
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			var m storedManifest
			if err := json.Unmarshal(data, &m); err != nil {
				return fmt.Errorf("%s is damaged (%w): remove it and push the image again", file, err)
			}
			req := httptest.NewRequest(http.MethodPut, m.Path, bytes.NewReader(m.Body))
			req.Header.Set("Content-Type", m.ContentType)
			r.handler.ServeHTTP(httptest.NewRecorder(), req)
		}
	}
	return nil
}

// Push stores an image under a reference such as "hello:1" or "registry.lab:5000/hello:1" and returns the whole name.
func (r *Registry) Push(ctx context.Context, reference string, image v1.Image) (string, error) {
	ref, err := Reference(reference)
	if err != nil {
		return "", err
	}
	if err := remote.Write(ref, image, remote.WithContext(ctx), remote.WithTransport(inProcess{r})); err != nil {
		return "", fmt.Errorf("pushing %s: %w", ref, err)
	}
	return ref.Name(), nil
}

// Has tells whether the reference is held, and under which digest.
func (r *Registry) Has(ctx context.Context, reference string) (digest string, ok bool) {
	ref, err := Reference(reference)
	if err != nil {
		return "", false
	}
	d, err := remote.Head(ref, remote.WithContext(ctx), remote.WithTransport(inProcess{r}))
	if err != nil {
		return "", false
	}
	return d.Digest.String(), true
}

// Images lists what is held, as "repository:tag" without the host.
func (r *Registry) Images(ctx context.Context) ([]string, error) {
	reg, err := name.NewRegistry(Host, name.Insecure)
	if err != nil {
		return nil, err
	}
	repositories, err := remote.Catalog(ctx, reg, remote.WithTransport(inProcess{r}))
	if err != nil {
		return nil, fmt.Errorf("image registry: %w", err)
	}
	var out []string
	for _, repository := range repositories {
		tags, err := remote.List(reg.Repo(repository), remote.WithContext(ctx), remote.WithTransport(inProcess{r}))
		if err != nil {
			return nil, fmt.Errorf("image registry: %w", err)
		}
		for _, tag := range tags {
			if !strings.HasPrefix(tag, "sha256:") {
				out = append(out, repository+":"+tag)
			}
		}
	}
	slices.Sort(out) // the catalogue has no order
	return out, nil
}

// Reference completes what a user wrote to a reference in this registry: "hello" is registry.lab:5000/hello:latest. The
// host of another registry is replaced, so that a saved "docker.io/library/nginx:1" becomes library/nginx:1 here.
func Reference(s string) (name.Reference, error) {
	repository := strings.TrimPrefix(s, Host+"/")
	if first, rest, ok := strings.Cut(repository, "/"); ok && strings.ContainsAny(first, ".:") {
		repository = rest
	}
	ref, err := name.ParseReference(Host+"/"+repository, name.Insecure)
	if err != nil {
		return nil, fmt.Errorf("%q is not an image reference such as hello:1: %w", s, err)
	}
	return ref, nil
}

// inProcess carries requests to the handler without a network.
type inProcess struct{ handler http.Handler }

func (t inProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	answer := httptest.NewRecorder()
	if req.Body == nil {
		req.Body = http.NoBody
	}
	t.handler.ServeHTTP(answer, req)
	res := answer.Result()
	res.Request = req
	return res, nil
}

// PushTo stores an image in the registry at address (host:port), that of another process, and returns the name under
// which machines know it.
func PushTo(ctx context.Context, address, reference string, image v1.Image) (string, error) {
	ref, err := Reference(reference)
	if err != nil {
		return "", err
	}
	target, err := name.ParseReference(strings.Replace(ref.Name(), Host, address, 1), name.Insecure)
	if err != nil {
		return "", fmt.Errorf("pushing to %s: %w", address, err)
	}
	if err := remote.Write(target, image, remote.WithContext(ctx)); err != nil {
		return "", fmt.Errorf("pushing %s: %w", ref, err)
	}
	return ref.Name(), nil
}
