// Package swarm makes what a Docker Swarm runs of workload blocks.
//
// Check and CheckCluster say what a Swarm cannot do and what to write instead. Workload makes the release that planning records
// and package workload applies; Stacks makes a stack for each namespace, and Files prints them for `docker stack deploy`.
// Nothing here talks to a Swarm: that is package client. The same for Kubernetes is in package kubernetes.
//
// Where a node's kernel has no IPVS, neither the routing mesh nor virtual addresses work. Services then resolve to their tasks,
// and a published port answers on the nodes where a task runs: at most one task on each, so there may be no more replicas than
// nodes, and an update stops the old task on a node before it starts the new one. While it does, that node's port does not
// answer; a client that goes on to another node, or a load balancer that checks, sees no failed request as long as
// max_unavailable is below the number of replicas.
package swarm
