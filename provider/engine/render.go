package engine

import (
	"fmt"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes"
	"github.com/clusterform/clusterform/internal/orchestrator/swarm"
	"github.com/clusterform/clusterform/planner/resource"
)

// Render writes a workload as the orchestrator's own objects: YAML documents for Kubernetes, a stack file for Swarm. It asks
// nobody. Values of secrets are not in it.
func Render(o hclconfig.Orchestrator, b Block, version string) (string, hclconfig.Diagnostics) {
	cluster := Block{Type: "cluster", Name: "any", Body: map[string]any{"orchestrator": string(o), "region": "us-east-1"}}
	b.Body["cluster"] = "${" + string(cluster.Address()) + "}"
	cfg, diags := load(map[resource.Address]Block{cluster.Address(): cluster, b.Address(): b}, version)
	if diags.HasErrors() {
		return "", diags
	}
	desired, more := cfg.Evaluate(nil)
	if diags = append(diags, more...); diags.HasErrors() {
		return "", diags
	}
	if len(desired.Workloads) != 1 {
		return "", append(diags, unrendered(fmt.Errorf("%s is %d workloads", b.describe(), len(desired.Workloads))))
	}
	var text []byte
	var err error
	w, finder := desired.Workloads[0], orchestrator.NewFinder(cfg.Sources())
	switch o {
	case hclconfig.Swarm:
		if diags = append(diags, swarm.CheckWorkload(w, finder)...); diags.HasErrors() {
			return "", diags
		}
		var stacks []*swarm.Stack
		if stacks, err = swarm.Stacks(desired.Workloads, swarm.Options{}); err == nil && len(stacks) > 0 {
			text, err = stacks[0].YAML(true, false)
		}
	default:
		if diags = append(diags, kubernetes.CheckWorkload(w, kubernetes.Options{}, finder)...); diags.HasErrors() {
			return "", diags
		}
		objects, objectsErr := kubernetes.Cluster(desired.Workloads, nil, kubernetes.Options{}, true)
		if err = objectsErr; err == nil {
			text, err = kubernetes.YAML(objects)
		}
	}
	if err != nil {
		return "", append(diags, unrendered(err))
	}
	return string(text), diags
}

func unrendered(err error) hclconfig.Diagnostic {
	return hclconfig.Diagnostic{Severity: hclconfig.Error, Summary: "Cannot be rendered", Detail: hclconfig.PrintableLine(err.Error())}
}
