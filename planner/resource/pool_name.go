package resource

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// PoolName is what a pool's or control plane's settings are kept under in the Parameter Store, and the value of its nodes'
// label: "control-plane", "worker", "worker-blue" of node_pool.worker["blue"]. Pools of modules have the modules' names
// before their own, "edge.worker", so that two of one name in one cluster are two; a cluster has one control plane.
func PoolName(pool Address) string {
	parts, err := pool.Parts()
	if err != nil || len(parts) == 0 {
		return plainName(string(pool))
	}
	last := plainPart(parts[len(parts)-1])
	const modules, kind = "module", "node_pool"
	if len(parts) < 4 || parts[0].Name != modules || parts[len(parts)-2].Name != kind {
		return last
	}
	var names []string
	exact := true
	for i := 1; i < len(parts)-2; i += 2 {
		names = append(names, plainPart(parts[i]))
		exact = exact && isPlain(parts[i])
	}
	exact = exact && isPlain(parts[len(parts)-1])
	name := strings.Join(append(names, last), ".")
	if exact && len(name) <= maxPoolName {
		return name
	}
	// Other addresses may read the same: a part of the address's digest tells them apart.
	sum := sha256.Sum256([]byte(pool))
	suffix := "-" + hex.EncodeToString(sum[:])[:8]
	return strings.TrimRight(name[:min(len(name), maxPoolName-len(suffix))], ".-") + suffix
}

// maxPoolName is how long a Kubernetes label's value may be.
const maxPoolName = 63

func plainPart(p Part) string {
	name := p.Name
	for _, k := range p.Keys {
		if s, ok := k.(string); ok {
			name += "-" + s
		}
	}
	return plainName(name)
}

// isPlain says that no other part has the same plain name.
func isPlain(p Part) bool { return len(p.Keys) == 0 && plainName(p.Name) == p.Name }

func plainName(name string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-':
			return r
		}
		return '-'
	}, name), "-")
}
