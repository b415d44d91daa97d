// Package swarm makes stack files for Docker Swarm of workload blocks.
//
// Check says what of a workload a Swarm cannot do and what to write instead, Stacks makes a stack for each namespace of the
// workloads that passed, and Files prints them for `docker stack deploy`. Nothing here talks to a Swarm. The same for
// Kubernetes is in package kubernetes.
package swarm
