// Package provider is clusterform as a Terraform provider: clusters, node pools, workloads and manifests as resources, on
// the same planner and engine as the command line.
//
// One file per thing that Terraform knows; what resources have in common is in managed*.go. The schemas come from the
// language (provider/blockschema), what is done from provider/engine.
package provider

//go:generate go test . -run TestDocsAreCurrent -update
