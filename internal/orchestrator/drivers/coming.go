package drivers

import "github.com/clusterform/clusterform/planner/resource"

// NodesComing tells whether workers of a cluster are being launched or are joining in this command.
func (d *Drivers) NodesComing(rt resource.Runtime, address resource.Address) bool {
	c, err := d.recordedCluster(rt, address)
	return err == nil && c.waves.expectsWorkers()
}
