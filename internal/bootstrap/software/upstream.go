package software

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/fetch"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/release"
	"github.com/clusterform/clusterform/planner/resource"
)

// maxSmall bounds checksum files and Kubernetes objects, in bytes; atOnce bounds the downloads at a time.
const (
	maxSmall = 1 << 20
	atOnce   = 4
)

// waysOut is what helps when upstream cannot be used.
const waysOut = "Without a way to these sites, `clusterform bundle build` on a machine that has one makes a bundle: serve it and give its URL in the cluster's `bundle` attribute or in " + BundleVariable

// fromUpstream pins what the projects publish, by the checksums that they publish beside it. Objects have none: they are
// fetched, and pinned as they are.
func (r *Resolver) fromUpstream(ctx context.Context, version string) (*resource.Software, error) {
	rel, err := releaseOf(version)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wanted := needed(bundle.Upstream(rel, r.arch()))
	s := &resource.Software{Origin: string(bundle.OriginUpstream), Files: make([]resource.SoftwareFile, len(wanted))}
	var wg sync.WaitGroup
	var once sync.Once
	var first error
	slots := make(chan struct{}, atOnce)
	for i, a := range wanted {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			sum, err := r.published(ctx, a)
			if err != nil {
				once.Do(func() { first = fmt.Errorf("%s: %w", a.Name, err) })
				cancel() // the others would only make the user wait
				return
			}
			s.Files[i] = pin(a, a.URL, sum)
		})
	}
	wg.Wait()
	if first != nil {
		return nil, fmt.Errorf("%w. %s", first, waysOut)
	}
	return s, check(s)
}

// releaseOf finds what belongs to a version. A version that is not known takes what its minor version has: images that
// depend on the exact version are chosen by kubeadm itself.
func releaseOf(version string) (release.Release, error) {
	rel, err := release.Find(version)
	if err == nil {
		return rel, nil
	}
	parts := strings.Split(version, ".")
	if len(parts) != 3 {
		return rel, err
	}
	minor, minorErr := release.Find(parts[0] + "." + parts[1])
	if minorErr != nil {
		return rel, err
	}
	minor.Kubernetes = version
	return minor, nil
}

// published is the SHA-256 of a file as upstream has it.
func (r *Resolver) published(ctx context.Context, a *bundle.Artifact) (string, error) {
	if a.ChecksumURL == "" {
		data, err := r.get(ctx, a.URL, maxSmall)
		if err != nil {
			return "", unpublished(a, err)
		}
		sum := sha256.Sum256(data)
		return hex.EncodeToString(sum[:]), nil
	}
	data, err := r.get(ctx, a.ChecksumURL, maxSmall)
	if err != nil {
		return "", unpublished(a, err)
	}
	sum, err := fetch.ParseChecksum(string(data), path.Base(a.URL))
	if err != nil {
		return "", fmt.Errorf("%s: %w", a.ChecksumURL, err)
	}
	return sum, nil
}

// unpublished tells a version that does not exist from a site that does not answer.
func unpublished(a *bundle.Artifact, err error) error {
	if status, ok := errors.AsType[*fetch.StatusError](err); ok && status.Status == 404 {
		return fmt.Errorf("upstream has no version %s of it (%w)", a.Version, err)
	}
	return err
}
