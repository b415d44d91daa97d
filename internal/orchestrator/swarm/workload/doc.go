// Package workload runs workloads as services of a Docker Swarm: it is the resource.Driver of their kind.
//
// What is applied was made by package swarm above when planning; the connection to a manager is package client's. Stack files
// for `docker stack deploy` are printed by package swarm and need nothing of this.
//
// A workload is one service, with a config or secret for each of its files and an overlay network for its namespace. Names
// and labels are those of `docker stack deploy`, so that docker's own commands show the same.
package workload
