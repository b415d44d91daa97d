package controlplane

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"testing"
)

// RequireEnv is the variable that, set to 1, makes tests fail that would be skipped for want of a bundle.
const RequireEnv = "CLUSTERFORM_REQUIRE_KUBERNETES"

// Shared is one control plane for all tests of a package, started by the first one that asks:
//
//	var plane controlplane.Shared
//
//	func TestMain(m *testing.M) { os.Exit(plane.Main(m)) }
//
//	func TestApply(t *testing.T) { cp := plane.Get(t); namespace := cp.Namespace(t) }
type Shared struct {
	// Options for Start.
	Options Options

	once sync.Once
	cp   *ControlPlane
	err  error
}

// Main runs the tests and stops the control plane after them.
func (s *Shared) Main(m *testing.M) int {
	code := m.Run()
	if s.cp != nil {
		s.cp.Stop()
	}
	return code
}

// Get returns the control plane. The test is skipped where there is no bundle, and fails where RequireEnv says so.
func (s *Shared) Get(tb testing.TB) *ControlPlane {
	tb.Helper()
	s.once.Do(func() { s.cp, s.err = Start(context.Background(), s.Options) })
	check(tb, s.err)
	return s.cp
}

// New starts a control plane for one test.
func New(tb testing.TB, o Options) *ControlPlane {
	tb.Helper()
	cp, err := Start(tb.Context(), o)
	check(tb, err)
	tb.Cleanup(cp.Stop)
	return cp
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err == nil {
		return
	}
	if errors.Is(err, fs.ErrNotExist) && os.Getenv(RequireEnv) != "1" {
		tb.Skipf("no Kubernetes to run (%v): make one with `clusterform bundle build %s -from-source`", err, DefaultVersion)
	}
	tb.Fatal(err)
}
