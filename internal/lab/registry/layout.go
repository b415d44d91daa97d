package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Offer serves the images of a directory in OCI image layout where they are, under their names without the host, until
// the process ends: nothing is copied. An image that was pushed under the same name stays what it is.
func (r *Registry) Offer(dir string) error {
	fail := func(err error) error { return fmt.Errorf("image registry: images in %s: %w", dir, err) }
	data, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		return fail(err)
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(data, &index); err != nil {
		return fail(fmt.Errorf("index.json is damaged: %w", err))
	}
	r.blobs.add(filepath.Join(dir, "blobs"))
	for _, d := range index.Manifests {
		ref, err := Reference(d.Annotations[refName])
		if err != nil {
			return fail(err)
		}
		path := "/v2/" + ref.Context().RepositoryStr() + "/manifests/" + ref.Identifier()
		if _, err := os.Stat(r.manifestFile(path)); err == nil {
			continue
		}
		body, err := r.manifest(d.Digest)
		if err != nil {
			return fail(fmt.Errorf("%s: %w", d.Annotations[refName], err))
		}
		req := httptest.NewRequest(http.MethodPut, path, bytes.NewReader(body))
		req.Header.Set("Content-Type", string(d.MediaType))
		answer := httptest.NewRecorder()
		r.handler.ServeHTTP(answer, req)
		if answer.Code/100 != 2 {
			return fail(fmt.Errorf("%s: %s", d.Annotations[refName], answer.Body))
		}
	}
	return nil
}

func (r *Registry) manifest(digest v1.Hash) ([]byte, error) {
	f, err := r.blobs.open(digest)
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w", digest, err)
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, maxManifest))
}
