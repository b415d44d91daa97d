package kubernetes

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/bootstrap/bundle/release"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

// checkVersion says which version to write where clusterform does not know how to put up the one that is written.
func checkVersion(c *hclconfig.Cluster, finder *orchestrator.Finder) hclconfig.Diagnostics {
	var names []string
	for _, r := range release.All() {
		if r.Kubernetes == c.Version {
			return nil
		}
		names = append(names, r.Kubernetes)
	}
	f := orchestrator.NewFindings(hclconfig.Kubernetes, &c.Block, finder)
	f.Unsupported(orchestrator.At("version"),
		fmt.Sprintf("This version of clusterform puts up %s, and not %q: it has to know which etcd, CoreDNS and overlay belong to it.", strings.Join(names, " and "), c.Version),
		fmt.Sprintf("Write version = %q, the nearest of them.", nearest(c.Version)))
	return f.Diagnostics()
}

// nearest is the release whose minor version is nearest, and of equally near ones the older: clusters are upgraded one minor
// version at a time, and never taken back.
func nearest(version string) string {
	best, distance := release.Newest().Kubernetes, -1
	wanted, ok := minor(version)
	if !ok {
		return best
	}
	for _, r := range release.All() {
		has, _ := minor(r.Kubernetes)
		d := max(has-wanted, wanted-has)
		if distance < 0 || d < distance {
			best, distance = r.Kubernetes, d
		}
	}
	return best
}

// minor is 34 of "1.34.4".
func minor(version string) (int, bool) {
	parts := strings.Split(strings.TrimPrefix(version, "v"), ".")
	if len(parts) < 2 || parts[0] != "1" {
		return 0, false
	}
	n, err := strconv.Atoi(parts[1])
	return n, err == nil
}
