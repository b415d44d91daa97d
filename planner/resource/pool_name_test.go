package resource

import "testing"

func TestPoolName(t *testing.T) {
	t.Parallel()
	for pool, want := range map[Address]string{
		"cluster.lab.control_plane":                  "control-plane",
		`module.edge["a"].cluster.lab.control_plane`: "control-plane",
		"node_pool.worker":                           "worker",
		`node_pool.worker["blue"]`:                   "worker-blue",
		`module.edge.node_pool.gpu-a["x/y"]`:         "gpu-a-x-y",
	} {
		if got := PoolName(pool); got != want {
			t.Errorf("%s: %q, want %q", pool, got, want)
		}
	}
}
