package planner

import (
	"github.com/zclconf/go-cty/cty"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner/resource"
)

// Recorded answers the attributes that exist only after apply from what is recorded, for evaluating expressions outside
// of a plan. Make and Outputs have their own way to them.
func Recorded(snap *resource.Snapshot) hclconfig.Computed {
	p := newPlanning(Request{State: snap})
	p.seen = newView(snap)
	p.current, p.answers = p.seen, newAnswers()
	return func(a hclconfig.Address) (cty.Value, bool) {
		if parts, err := a.Parse(); err == nil && parts.Type == "cluster" {
			if _, ok := snap.Clusters[resource.Address(a)]; !ok {
				return cty.NilVal, false
			}
		}
		return p.computed(a)
	}
}
