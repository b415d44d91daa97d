package planner

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// maxNodeSkew is how many minor versions the nodes of Kubernetes may be behind their API.
const maxNodeSkew = 3

// checkUpgrade refuses a version that the cluster cannot go to from what it has: Kubernetes goes up by one minor version at
// a time, and no orchestrator goes down.
func (p *planning) checkUpgrade(c *cluster) {
	to, ok := parseRelease(c.Version)
	if !ok {
		return
	}
	var lowest, highest, oldest release // of the control plane, and of workers
	var have string
	for a, rec := range p.current.records {
		n, isNode := rec.Spec.(*resource.Node)
		if !isNode || rec.Cluster != c.address || n.Orchestrator != string(c.Orchestrator) {
			continue
		}
		if _, gone := p.current.gone[a]; gone {
			continue
		}
		v, ok := parseRelease(n.Version)
		switch {
		case !ok:
		case n.Role == roleWorker:
			if oldest == (release{}) || v.less(oldest) {
				oldest = v
			}
		default:
			if lowest == (release{}) || v.less(lowest) {
				lowest = v
			}
			if highest.less(v) {
				highest, have = v, n.Version
			}
		}
	}
	switch {
	case lowest == (release{}): // no control plane, nothing to go from
	case to.less(highest):
		p.failTurn(&c.Block, c.address, "No way back to an older version",
			"%s: version is %s, and the control plane runs %s already; what it stored may not be understood by an older one. Write version = %q.", c.address, c.Version, have, have)
	case c.Orchestrator != hclconfig.Kubernetes:
	case to.major != lowest.major || to.minor > lowest.minor+1:
		p.failTurn(&c.Block, c.address, "Upgrade skips a version",
			"%s: the control plane runs %s, and Kubernetes is upgraded by one minor version at a time: next is a version %d.%d. Ask for one of those, apply, and go on from there to %s.",
			c.address, lowest, lowest.major, lowest.minor+1, c.Version)
	case oldest != (release{}) && to.minor > oldest.minor+maxNodeSkew:
		p.failTurn(&c.Block, c.address, "Nodes are too far behind",
			"%s: there are nodes that run %s, and the API may be at most %d minor versions ahead of them, so not at %s. Upgrade the node pools first: apply without -target and -exclude at the version that the control plane has.",
			c.address, oldest, maxNodeSkew, c.Version)
	}
}

// release is a version in numbers.
type release struct{ major, minor, patch int }

func parseRelease(s string) (release, bool) {
	core, _, _ := strings.Cut(strings.TrimPrefix(s, "v"), "-")
	parts := strings.Split(core, ".")
	if len(parts) < 2 || len(parts) > 3 {
		return release{}, false
	}
	numbers := make([]int, 3)
	for i, text := range parts {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return release{}, false
		}
		numbers[i] = n
	}
	return release{numbers[0], numbers[1], numbers[2]}, true
}

func (r release) less(o release) bool {
	switch {
	case r.major != o.major:
		return r.major < o.major
	case r.minor != o.minor:
		return r.minor < o.minor
	}
	return r.patch < o.patch
}

func (r release) String() string { return fmt.Sprintf("%d.%d.%d", r.major, r.minor, r.patch) }
