package swarm

import (
	"encoding/json"
	"fmt"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// Workload turns a block that passed Check into what is recorded of it and the release to apply. The key is of the
// installation and stays: digests of secrets are made under it. Whether the nodes have IPVS is seen when it is applied.
func Workload(c *hclconfig.Cluster, w *hclconfig.Workload, key []byte) (*resource.Workload, planner.Content, error) {
	stacks, err := Stacks([]*hclconfig.Workload{w}, Options{Encrypted: c.Network.Overlay.Encrypted, RevisionKey: key})
	if err != nil {
		return nil, planner.Content{}, err
	}
	r := newRelease(stacks[0])
	r.MaxUnavailable, r.MTU = unavailable(w), c.Network.Overlay.MTU
	if w.Kind == hclconfig.Job {
		r.Parallelism = w.Parallelism
	}
	data, err := json.Marshal(r)
	if err != nil {
		return nil, planner.Content{}, fmt.Errorf("%s: %w", w.Address, err)
	}
	content := planner.Content{Digest: orchestrator.ContentDigest(key, data), Data: data, Secret: len(r.Secrets) > 0}
	return &resource.Workload{
		Orchestrator: string(hclconfig.Swarm), Namespace: w.Namespace, Name: orchestrator.Name(&w.Block), Type: string(w.Kind),
		Attributes: orchestrator.Attributes(w, key), Content: content.Digest,
	}, content, nil
}
