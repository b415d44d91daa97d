package workload

import "time"

// Quick makes the driver look often: nothing in tests takes time.
func (d *Driver) Quick() *Driver {
	d.poll, d.settle, d.reach, d.crowded = 5*time.Millisecond, 0, 50*time.Millisecond, 50*time.Millisecond
	return d
}
