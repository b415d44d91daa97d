// Package drivers joins what reaches a cluster: the cloud's drivers of internal/aws and the orchestrators' clients. Its
// Drivers is what internal/apply and planner are given.
//
// A node is one object from launch to ready. The cloud launches it; the driver here (node_*.go) decorates that one: it
// writes what nodes need to join into the Parameter Store, waits until the orchestrator says Ready, and lets work move away
// and the member go before an instance is terminated. Credentials are made here, too; workloads and manifests are handed on
// to the orchestrators' own drivers (internal/orchestrator/kubernetes/workload, internal/orchestrator/swarm/workload).
//
// Orchestration is the planning side of the same: it renders user-data and native objects, and calls nobody.
package drivers
