package provider

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/clusterform/clusterform/planner/resource"
	"github.com/clusterform/clusterform/provider/engine"
)

// memoryKey is where Terraform's state keeps, out of sight, what was made.
const memoryKey = "cluster"

// keeper and giver are the two sides of a resource's private state.
type keeper interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

type giver interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

// keep writes down what was made, for a run that has no record of it. That it cannot is no reason to taint what was made.
func (m *managed) keep(ctx context.Context, to keeper, cluster *engine.Cluster, s *subject, diags *diag.Diagnostics) {
	memory, err := cluster.Memory(ctx, s.block.Address())
	if err != nil {
		diags.AddWarning("The cluster's record cannot be used", err.Error())
		return
	}
	if memory != nil {
		diags.Append(to.SetKey(ctx, memoryKey, memory)...)
	}
}

// restore makes sure that what Terraform has in its state is on record, also on a machine that has none. gone tells that
// the cluster is known to be removed.
func (m *managed) restore(ctx context.Context, from giver, state tftypes.Value, diags *diag.Diagnostics) (gone bool) {
	s, err := m.subject(state)
	if err != nil {
		diags.AddError("State cannot be read", err.Error())
		return false
	}
	data, found := from.GetKey(ctx, memoryKey)
	diags.Append(found...)
	var memory engine.Memory
	if len(data) > 0 {
		if err := json.Unmarshal(data, &memory); err != nil {
			diags.AddError("State cannot be read", "What Terraform keeps of the cluster is damaged: "+err.Error())
			return false
		}
	}
	if memory.Cluster.UID == "" && m.block == "cluster" {
		memory.Cluster = identityIn(state, s)
	}
	if m.block == "workload" || m.block == "manifest" {
		s.block.Secret = true // its write-only arguments are in no state: it is not whole until it is applied again
	}
	switch err := m.conn.engine.Cluster(s.cluster).Restore(ctx, s.block, memory); {
	case errors.Is(err, engine.ErrEnded):
		return true
	case err != nil:
		diags.AddError("The cluster's record cannot be used", printable(err.Error()))
	}
	return false
}

// identityIn is as much of a cluster's identity as its attributes tell.
func identityIn(state tftypes.Value, s *subject) resource.ClusterRecord {
	var fields map[string]tftypes.Value
	if state.As(&fields) != nil {
		return resource.ClusterRecord{}
	}
	uid, _ := textOf(fields["uid"])
	orchestrator, _ := textOf(fields["orchestrator"])
	return resource.ClusterRecord{UID: uid, Region: s.cluster.Region, Orchestrator: orchestrator}
}
