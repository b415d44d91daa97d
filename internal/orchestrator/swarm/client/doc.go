// Package client speaks with one Docker Swarm: its members, who may join it, and what moves when a member goes.
//
// It is the Swarm's side of internal/orchestrator.Client. Services are the business of package workload beside it, stack
// files of package swarm above, and how a machine becomes a member of internal/bootstrap/userdata.
//
// The Docker API of the managers is reached over mutual TLS alone: the client's certificate is made for each run from the
// authority in the Parameter Store and lives for an hour, the managers' is checked against the name ServerName.
package client
