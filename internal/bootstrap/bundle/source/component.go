// Package source compiles the programs of a bundle from their Go modules with the Go toolchain of this machine, and
// collects the few files of iptables that two of the images need. It knows what to build for which Kubernetes version
// and how; the manifest that describes the result, and the other ways to get the same things, are in
// internal/bootstrap/bundle.
package source

import (
	"encoding/json"
	"fmt"

	"github.com/clusterform/clusterform/internal/bootstrap/bundle/store"
)

// Component is a Go module at one version and the programs to build in it.
type Component struct {
	// Name of the component as people say it: "etcd".
	Name string
	// Module and Version are required in the generated go.mod. Both are empty for programs that need the standard library only.
	Module, Version string
	// Staging, when set, is the version for every module that Module's own go.mod replaces by a directory of its repository,
	// as Kubernetes does with k8s.io/api and others. Such replacements count only in the main module.
	Staging string
	// Licence as an SPDX expression.
	License  string
	Programs []Program
}

// Program is one executable.
type Program struct {
	// Name of the executable file.
	Name string
	// Package is the import path of its main package. It is empty when Main or From is set.
	Package string
	// Main is the text of a main.go of our own.
	Main string
	// From takes the main package from a directory of the module, with changes.
	From *Edited
	// Stamp are the linker's -X values, "import/path.name=value": the version, as upstream's release does it.
	Stamp []string
}

// Edited is a main package of a module without some of its imports: those whose packages cannot be built here. They must
// be imports for side effects only (`_`), so that the rest compiles without them.
type Edited struct {
	// Dir is the package's directory in the module, "." for its root.
	Dir string
	// Drop are import paths.
	Drop []string
}

// Target is what to build for.
type Target struct {
	// Arch is a GOARCH: "amd64" or "arm64". The operating system is Linux.
	Arch string
}

// recipe changes when programs are built in another way without a change of a Component.
const recipe = "1"

// key stands for everything that decides a program's content: what it is, how it is built and with which Go.
func key(c Component, p Program, t Target, goVersion string) (string, error) {
	c.Programs = []Program{p}
	spec, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("%s: %w", p.Name, err)
	}
	return store.Key("program", recipe, goVersion, t.Arch, string(spec)), nil
}
