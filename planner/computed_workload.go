package planner

import (
	"net"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/clusterform/clusterform/planner/resource"
)

// workload has where a workload's expose blocks are reached, as far as that follows from what is recorded: a port of the
// nodes at the first worker that stands, one within the cluster by the service's name.
func (c computer) workload(a resource.Address) (cty.Value, bool) {
	rec, ok := c.settled(a)
	if !ok {
		return cty.NilVal, false
	}
	w, isWorkload := rec.Spec.(*resource.Workload)
	if !isWorkload {
		return cty.NilVal, false
	}
	endpoints := map[string]cty.Value{}
	for path, port := range w.Attributes {
		name, isPort := strings.CutSuffix(path, ".port")
		name, isExpose := strings.CutPrefix(name, "expose.")
		if !isPort || !isExpose || strings.Contains(name, ".") {
			continue
		}
		switch w.Attributes["expose."+name+".type"] {
		case "cluster", "":
			host := w.Name + "." + w.Namespace + ".svc"
			if w.Orchestrator != "kubernetes" {
				host = w.Name
			}
			endpoints[name] = cty.StringVal(net.JoinHostPort(host, port))
		case "node_port":
			published := w.Attributes["expose."+name+".node_port"]
			host, known := c.workerAddress(rec.Cluster)
			switch {
			case published == "":
				endpoints[name] = cty.NullVal(cty.String) // the orchestrator chose one
			case known:
				endpoints[name] = cty.StringVal(net.JoinHostPort(host, published))
			default:
				endpoints[name] = cty.UnknownVal(cty.String)
			}
		default:
			endpoints[name] = cty.NullVal(cty.String)
		}
	}
	attrs := map[string]cty.Value{"endpoints": cty.MapValEmpty(cty.String)}
	if len(endpoints) > 0 {
		attrs["endpoints"] = cty.MapVal(endpoints)
	}
	return cty.ObjectVal(attrs), true
}

// workerAddress is where the first worker of a cluster is reached from outside.
func (c computer) workerAddress(cluster resource.Address) (string, bool) {
	var workers []resource.Address
	for a, rec := range c.view.records {
		if n, isNode := rec.Spec.(*resource.Node); isNode && rec.Cluster == cluster && n.Role == roleWorker {
			workers = append(workers, a)
		}
	}
	slices.SortFunc(workers, resource.Compare)
	for _, a := range workers {
		if rec, ok := c.settled(a); ok {
			if n := rec.Spec.(*resource.Node); n.PublicAddr != "" {
				return n.PublicAddr, true
			}
		}
	}
	return "", false
}
