// Package orchestrator holds what the orchestrators have in common when a workload block becomes native objects: how its
// objects are named, how content is told apart from older content, and how something an orchestrator cannot do is said.
//
// The objects themselves are made by its siblings: kubernetes makes Kubernetes objects, swarm makes stack files. Plans and
// states are shown by internal/render, which has nothing to do with this.
package orchestrator

// Hidden stands where a sensitive value is not shown.
const Hidden = "(sensitive)"

// File is one file of a rendering.
type File struct {
	Path      string // relative, with slashes
	Content   []byte
	Sensitive bool // Content is secret and Path must not be readable by others
}
