// Package kubernetes makes Kubernetes objects of workload and manifest blocks.
//
// Check says what of a workload Kubernetes cannot do, Objects makes the objects of one that passed, Manifest those of a
// manifest block, and Documents prints them. Nothing here talks to a cluster. The same for Docker Swarm is in package swarm.
package kubernetes
