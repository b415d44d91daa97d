// Package controlplane is test support: it runs the real etcd, kube-apiserver and kube-controller-manager of a bundle as
// processes on loopback, without machines and without root, in a few seconds. There are no nodes: pods stay Pending
// unless a Kubelet of this package plays one.
//
// Each control plane has a loopback address of its own, so that several run beside one another with the usual ports. The
// client under test is in the sibling package client; clusters on real machines are tested in internal/e2e.
package controlplane
