// Package workload carries workload and manifest blocks out on Kubernetes: it applies their objects server-side, follows
// them until they are rolled out, removes what is no longer wanted, and sees what somebody else changed.
//
// The objects themselves are made at plan time by its parent package kubernetes; nodes, drains and certificates are the
// business of its sibling client.
package workload
