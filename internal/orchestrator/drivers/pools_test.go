package drivers

import (
	"testing"

	"github.com/clusterform/clusterform/planner/resource"
)

// Two modules may have pools of one name in one cluster: each keeps its own labels and taints.
func TestPoolsOfOneNameInTwoModulesAreTwo(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world, r *run) {
		r.launched = true
		var changes []resource.Change
		for module, tier := range map[string]string{"a": "web", "b": "db"} {
			pool := resource.Address("module." + module + ".node_pool.worker")
			n := w.node(pool)
			n.Labels = map[string]string{"tier": tier}
			changes = append(changes, r.creation(pool.Index(0), n))
		}
		r.must(t, w.drivers, changes...)
		for module, tier := range map[string]string{"a": "web", "b": "db"} {
			if got, want := w.parameter("worker/pool/"+module+".worker"), `{"labels":{"tier":"`+tier+`"}}`; got != want {
				t.Errorf("the nodes of module %s are told %s, want %s", module, got, want)
			}
			rec := r.records[resource.Address("module."+module+".node_pool.worker").Index(0)]
			if s := settingsOf(rec); s.Pool != module+".worker" || s.Labels["tier"] != tier {
				t.Errorf("the node of module %s has %+v", module, s)
			}
		}
	})
}
