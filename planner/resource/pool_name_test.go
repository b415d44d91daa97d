package resource

import (
	"regexp"
	"strings"
	"testing"
)

func TestPoolName(t *testing.T) {
	t.Parallel()
	for pool, want := range map[Address]string{
		"cluster.lab.control_plane":                  "control-plane",
		`module.edge["a"].cluster.lab.control_plane`: "control-plane",
		"node_pool.worker":                           "worker",
		`node_pool.worker["blue"]`:                   "worker-blue",
		`node_pool.gpu-a["x/y"]`:                     "gpu-a-x-y",
		"module.edge.node_pool.worker":               "edge.worker",
		"module.a.module.b.node_pool.worker":         "a.b.worker",
		`module.edge["a"].node_pool.worker`:          "edge-a.worker-7f0d2a84",
		`module.edge.node_pool.gpu-a["x/y"]`:         "edge.gpu-a-x-y-69bf55cd",
	} {
		if got := PoolName(pool); got != want {
			t.Errorf("%s: %q, want %q", pool, got, want)
		}
	}
}

// TestPoolNamesAreDistinct: pools of one name in two modules of a cluster are two, and each name is fit for a label.
func TestPoolNamesAreDistinct(t *testing.T) {
	t.Parallel()
	label := regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)
	long := Address("module." + strings.Repeat("a", 40) + ".module.b")
	seen := map[string]Address{}
	for _, pool := range []Address{
		"node_pool.worker", "module.a.node_pool.worker", "module.b.node_pool.worker", "module.a.module.b.node_pool.worker", "node_pool.a-worker",
		"module.a-b.node_pool.worker", "module.a_b.node_pool.worker", `module.a["b"].node_pool.worker`, `module.a["b-"].node_pool.worker`,
		"module.a[0].node_pool.worker", "module.a[1].node_pool.worker", `module.a.node_pool.worker["b"]`, "module.a.node_pool.worker-b",
		"module.a.node_pool._worker", "module.a.node_pool.worker_", long + ".node_pool.worker-of-the-first-kind", long + ".node_pool.worker-of-the-first-king",
	} {
		name := PoolName(pool)
		if other, taken := seen[name]; taken {
			t.Errorf("%s and %s are both %q", pool, other, name)
		}
		seen[name] = pool
		if !label.MatchString(name) {
			t.Errorf("%s: %q is no value of a label", pool, name)
		}
	}
}
