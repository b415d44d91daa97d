package swarm

import (
	"strings"
	"testing"
)

func TestCheckCluster(t *testing.T) {
	t.Parallel()
	d, _ := evaluate(t, `
cluster "prod" {
  orchestrator = "swarm"
  version      = "20.10"
  region       = "us-east-1"
}
node_pool "gpu" {
  cluster = cluster.prod
  size    = 1
  taint "gpu" { effect = "NoSchedule" }
}
node_pool "worker" {
  cluster = cluster.prod
  size    = 1
}
`)
	diags := append(Check(d.Clusters[0], nil, nil, nil), CheckPools(d.NodePools, nil)...)
	if len(diags) != 2 || diags[0].Address != "cluster.prod" || !strings.Contains(diags[0].Detail, "2376") || diags[1].Address != "node_pool.gpu" || !strings.Contains(diags.Err().Error(), "gpu") {
		t.Errorf("%+v", diags)
	}
	d.Clusters[0].ControlPlane.Access = []string{"192.0.2.1/32"}
	if diags := append(Check(d.Clusters[0], nil, nil, nil), CheckPools(d.NodePools[1:], nil)...); len(diags) != 0 {
		t.Errorf("%+v", diags)
	}
}
