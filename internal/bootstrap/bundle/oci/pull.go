package oci

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Source is where images come from.
type Source struct {
	// Mirror, when set, stands before the registry's name: with https://mirror.test/cache, registry.k8s.io/pause:3.10 is fetched as
	// mirror.test/cache/registry.k8s.io/pause:3.10. A mirror with http is asked without TLS.
	Mirror *url.URL
	// Transport carries the requests; it bounds the waits.
	Transport http.RoundTripper
}

// Pull finds an image for Linux on arch. With a digest (hexadecimal), exactly that one is fetched and the tag does not count. The
// layers are fetched, and checked against their digests, when the image is stored.
func (s Source) Pull(ctx context.Context, reference, arch, digest string) (v1.Image, error) {
	ref, err := s.reference(reference, digest)
	if err != nil {
		return nil, err
	}
	image, err := remote.Image(ref, remote.WithContext(ctx), remote.WithTransport(s.Transport),
		remote.WithPlatform(v1.Platform{OS: "linux", Architecture: arch}))
	if err != nil {
		return nil, fmt.Errorf("fetching image %s: %w", ref.Name(), err)
	}
	return image, nil
}

func (s Source) reference(reference, digest string) (name.Reference, error) {
	var options []name.Option
	if s.Mirror != nil {
		reference = s.Mirror.Host + strings.TrimRight(s.Mirror.Path, "/") + "/" + reference
		if s.Mirror.Scheme == "http" {
			options = append(options, name.Insecure)
		}
	}
	ref, err := name.ParseReference(reference, options...)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", reference, err)
	}
	if digest == "" {
		return ref, nil
	}
	return ref.Context().Digest("sha256:" + digest), nil
}
