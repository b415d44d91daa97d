package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// Nodes are the recorded nodes below an address, by the order of their addresses.
func (c *Cluster) Nodes(ctx context.Context, under resource.Address) ([]*resource.Record, error) {
	snap, err := c.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	var out []*resource.Record
	for a, r := range snap.Records {
		if _, isNode := r.Spec.(*resource.Node); isNode && (under == "" || under.Contains(a)) {
			out = append(out, r)
		}
	}
	sortRecords(out)
	return out, nil
}

// Identity is what is recorded of the cluster as a whole.
func (c *Cluster) Identity(ctx context.Context) (id resource.ClusterRecord, credentials *resource.Credentials, err error) {
	snap, err := c.snapshot(ctx)
	if err != nil {
		return id, nil, err
	}
	id, known := snap.Clusters[c.id.Address()]
	if !known {
		return id, nil, fmt.Errorf("there is no cluster %s on record in %s: apply it first", c.id, c.dir)
	}
	if rec, ok := snap.Records[c.id.Address().Child("credentials")]; ok {
		credentials, _ = rec.Spec.(*resource.Credentials)
	}
	return id, credentials, nil
}

// Kubeconfig makes a kubeconfig with a client certificate that is good for ttl.
func (c *Cluster) Kubeconfig(ctx context.Context, server string, ttl time.Duration) ([]byte, error) {
	client, err := c.Client(ctx)
	if err != nil {
		return nil, err
	}
	maker, ok := client.(orchestrator.KubeconfigMaker)
	if !ok {
		return nil, fmt.Errorf("%s does not run Kubernetes, so there is no kubeconfig for it", c.id)
	}
	return maker.Kubeconfig(ctx, c.id.Name, server, ttl)
}

// Client reaches the cluster's API.
func (c *Cluster) Client(ctx context.Context) (orchestrator.Client, error) {
	snap, err := c.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return c.engine.opts.Cloud.Connect(ctx, snap, c.id.Address())
}

// Answers asks the cluster's API whether it is well. One that nothing was put on through it may be out of reach from here,
// and is believed what its nodes said of it.
func (c *Cluster) Answers(ctx context.Context) error {
	if c.engine.opts.WaitLaunched {
		return nil
	}
	blocks, err := c.Blocks()
	if err != nil {
		return err
	}
	client, err := c.Client(ctx)
	if err != nil {
		return err
	}
	err = client.Healthy(ctx)
	if errors.Is(err, orchestrator.ErrUnreachable) {
		for _, b := range blocks {
			if b.Type == "workload" || b.Type == "manifest" {
				return err
			}
		}
		return nil
	}
	return err
}

// JoinToken makes sure of a credential with which nodes of a role join, and returns it.
func (c *Cluster) JoinToken(ctx context.Context, controlPlane bool) (string, error) {
	client, err := c.Client(ctx)
	if err != nil {
		return "", err
	}
	c.admitting.Lock() // several at the same time would each make one
	defer c.admitting.Unlock()
	if err := client.Admit(ctx); err != nil {
		return "", err
	}
	snap, err := c.snapshot(ctx)
	if err != nil {
		return "", err
	}
	parameters, err := c.engine.opts.Cloud.ParametersOf(snap, c.id.Address())
	if err != nil {
		return "", err
	}
	name := orchestrator.WorkerPath + orchestrator.ParameterJoin
	if controlPlane {
		name = orchestrator.ControlPlanePath + orchestrator.ParameterJoin
	}
	values, err := parameters.Get(ctx, name)
	if err != nil {
		return "", err
	}
	if values[name] == "" {
		return "", errors.New("the cluster admits nobody at the moment")
	}
	return values[name], nil
}

func (c *Cluster) snapshot(ctx context.Context) (*resource.Snapshot, error) {
	file, err := c.state()
	if err != nil {
		return nil, err
	}
	return file.Read(ctx)
}
