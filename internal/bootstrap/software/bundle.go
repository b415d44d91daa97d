package software

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/fetch"
	"github.com/clusterform/clusterform/planner/resource"
)

// maxManifest bounds bundle.json, in bytes.
const maxManifest = 16 << 20

// fromBundle takes the pins of a bundle in a directory or below a URL.
func (r *Resolver) fromBundle(ctx context.Context, source, version string) (*resource.Software, error) {
	served := strings.HasPrefix(source, "http://") || strings.HasPrefix(source, "https://")
	var m *bundle.Manifest
	var err error
	base, shown := "", source
	if served {
		base, shown = strings.TrimSuffix(strings.TrimRight(source, "/"), "/"+bundle.ManifestFile), fetch.Redact(source)
		m, err = r.servedManifest(ctx, base)
	} else {
		m, err = bundle.Load(source)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case m.Kubernetes != version:
		return nil, fmt.Errorf("the bundle %s is of Kubernetes %s; `clusterform bundle build %s` makes the one that is wanted", shown, m.Kubernetes, version)
	case m.Arch != r.arch():
		return nil, fmt.Errorf("the bundle %s is for %s, and nodes are %s; `clusterform bundle build %s -arch=%s` makes the one that is wanted", shown, m.Arch, r.arch(), version, r.arch())
	case !m.Locked:
		return nil, fmt.Errorf("the bundle %s pins nothing; `clusterform bundle build %s` makes one that does", shown, version)
	case !served && m.Origin != bundle.OriginUpstream:
		return nil, fmt.Errorf("the bundle in %s was built from source, and nodes cannot download from this directory: serve it where they reach it (`clusterform bundle serve %s -listen=:8080`) and give that URL, or in a lab, `clusterform lab up -bundle=%s`", source, source, source)
	}
	s := &resource.Software{Origin: string(bundle.OriginUpstream)}
	if served {
		s.Origin = shown
	}
	for _, a := range needed(m) {
		address := a.URL
		if served {
			address = base + "/" + a.Path
		}
		s.Files = append(s.Files, pin(a, address, a.SHA256))
	}
	if err := check(s); err != nil {
		return nil, fmt.Errorf("the bundle %s: %w", shown, err)
	}
	return s, nil
}

func (r *Resolver) servedManifest(ctx context.Context, base string) (*bundle.Manifest, error) {
	if u, err := url.Parse(base); err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is not the address of a bundle, such as https://mirror.example.com/kubernetes-1.34.4-amd64", fetch.Redact(base))
	}
	data, err := r.get(ctx, base+"/"+bundle.ManifestFile, maxManifest)
	if err != nil {
		return nil, err
	}
	m, err := bundle.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("the bundle %s: %w", fetch.Redact(base), err)
	}
	return m, nil
}

// get downloads something small.
func (r *Resolver) get(ctx context.Context, address string, maxSize int64) ([]byte, error) {
	dir, err := os.MkdirTemp("", "clusterform-software-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "file")
	if err := r.client().File(ctx, address, file, maxSize); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}
