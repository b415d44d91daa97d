package workload

import "time"

// Quick makes the driver look often: nothing in tests takes time.
func (d *Driver) Quick() *Driver {
	d.poll, d.settle = 5*time.Millisecond, 0
	return d
}
