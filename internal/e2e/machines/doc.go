// Package machines tests the whole product on real machines of the lab: files in, a cluster whose workloads answer out, and
// what happens to it afterwards. What needs no machines is tested in internal/e2e.
package machines
