package resource

import "strings"

// PoolName is what a pool's or control plane's settings are kept under in the Parameter Store: "control-plane", "worker",
// "worker-blue" of node_pool.worker["blue"].
func PoolName(pool Address) string {
	name := string(pool)
	if parts, err := pool.Parts(); err == nil && len(parts) > 0 {
		last := parts[len(parts)-1]
		name = last.Name
		for _, k := range last.Keys {
			if s, ok := k.(string); ok {
				name += "-" + s
			}
		}
	}
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-':
			return r
		}
		return '-'
	}, name), "-")
}
