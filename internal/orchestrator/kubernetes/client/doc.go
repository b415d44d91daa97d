// Package client speaks with a Kubernetes cluster's API as clusterform's engine and commands need it: members, join
// credentials, drains, etcd's membership, kubeconfigs, logs, exec. It implements orchestrator.Orchestrator and
// orchestrator.Client.
//
// It trusts the cluster's own authority and the name "kubernetes", whatever address answers, and proves itself by
// certificates that it makes from the authority's key in the Parameter Store and that live for an hour. What runs on the
// cluster is in the sibling packages kubernetes (from configuration to objects) and workload (applying them).
package client
