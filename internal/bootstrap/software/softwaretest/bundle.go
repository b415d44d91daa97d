// Package softwaretest has pins for tests in which no node downloads anything: of plans, and of labs without machines. What
// finds the pins of real nodes is package software.
package softwaretest

import (
	"os"
	"path/filepath"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/bundletest"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/release"
)

// Bundle writes the manifest of a bundle of a Kubernetes version, and nothing of the bundle, into a directory. Its path is
// for CLUSTERFORM_BUNDLE. The checksums are made up.
func Bundle(dir, version string) error {
	r, err := release.Find(version)
	if err != nil {
		return err
	}
	m := bundle.Upstream(r, "amd64")
	m.Locked = true
	for i := range m.Artifacts {
		a := &m.Artifacts[i]
		if a.ProvidedBy != bundle.ByBundle {
			continue
		}
		a.Size, a.SHA256 = 1, bundletest.Sum(a.Name)
		if a.Kind == bundle.KindImage {
			a.Files = []bundle.File{{Path: "images/blobs/sha256/" + a.SHA256, Size: 1, SHA256: a.SHA256}}
		}
	}
	data, err := m.Encode()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, bundle.ManifestFile), data, 0o600)
}
