package planner

import (
	"strings"

	"github.com/clusterform/clusterform/planner/resource"
)

// workNeeds orders what runs on clusters:
//
//   - workloads and manifests are applied when the control plane stands and is reached by its address, which is moved to it
//     at the end: connections to the address before break. They do not wait for workers, but the other way round: the
//     orchestrator places them when workers come;
//   - namespaces and the definitions of kinds come before what uses them;
//   - what is taken down goes before the nodes that it ran on, unless the whole cluster goes.
func (o *ordering) workNeeds() {
	if o.req.Orchestration == nil {
		return
	}
	ends := clustersEnding(o.steps)
	byCluster := map[resource.Address]*workOrder{}
	of := func(cluster resource.Address) *workOrder {
		w := byCluster[cluster]
		if w == nil {
			w = &workOrder{}
			byCluster[cluster] = w
		}
		return w
	}
	for i := range o.steps {
		s, id := &o.steps[i], int32(i)
		switch {
		case s.Action == ActionMove:
		case s.Kind == resource.KindNode && s.After != nil:
			if s.After.Spec.(*resource.Node).Role == roleControlPlane {
				of(s.After.Cluster).controlPlane = append(of(s.After.Cluster).controlPlane, id)
			}
		case (s.Kind == resource.KindElasticIPAssociation || s.Kind == resource.KindLoadBalancerTarget) && s.After != nil:
			of(s.After.Cluster).controlPlane = append(of(s.After.Cluster).controlPlane, id)
		case s.Kind == resource.KindNode && s.Before != nil && s.Operation == resource.Delete && !standsOnWork(s.Before):
			of(s.Before.Cluster).leaving = append(of(s.Before.Cluster).leaving, id)
		case isWork(s.Kind) && s.After != nil:
			of(s.After.Cluster).makes = append(of(s.After.Cluster).makes, id)
		case isWork(s.Kind) && s.Before != nil && s.Operation == resource.Delete:
			of(s.Before.Cluster).deletes = append(of(s.Before.Cluster).deletes, id)
		}
	}
	for cluster, w := range byCluster {
		o.product(w.makes, w.controlPlane)
		for _, used := range w.makes {
			for _, user := range w.makes {
				if !isBasis(o.steps[used].After.Spec) {
					break
				}
				if usesWork(o.steps[user].After.Spec, o.steps[used].After.Spec) {
					o.need(user, used)
				}
			}
		}
		for _, used := range w.deletes {
			for _, user := range w.deletes {
				if !isBasis(o.steps[used].Before.Spec) {
					break
				}
				if usesWork(o.steps[user].Before.Spec, o.steps[used].Before.Spec) {
					o.need(used, user)
				}
			}
		}
		if !ends[cluster] {
			o.product(w.leaving, w.deletes)
		}
	}
}

// workOrder are a cluster's steps that matter for what runs on it.
type workOrder struct {
	controlPlane   []int32 // its nodes, and what leads to them
	leaving        []int32 // nodes
	makes, deletes []int32 // workloads and manifests
}

// product makes each of steps need all of on; beyond maxProduct edges the first of steps waits, and the rest for it.
func (o *ordering) product(steps, on []int32) {
	if len(steps) == 0 || len(on) == 0 {
		return
	}
	if len(steps)*len(on) <= maxProduct {
		for _, s := range steps {
			for _, n := range on {
				o.need(s, n)
			}
		}
		return
	}
	for _, n := range on {
		o.need(steps[0], n)
	}
	for _, s := range steps[1:] {
		o.need(s, steps[0])
	}
}

// standsOnWork tells whether a node was made after a workload because its block says so: then it goes before it, too.
func standsOnWork(rec *resource.Record) bool {
	for _, d := range rec.DependsOn {
		parts, err := d.Parts()
		if err != nil {
			continue
		}
		for _, p := range parts {
			if p.Name == "workload" || p.Name == "manifest" || p.Name == "module" {
				return true
			}
		}
	}
	return false
}

// isBasis tells objects that others may not exist without.
func isBasis(s resource.Spec) bool {
	m, isManifest := s.(*resource.Manifest)
	return isManifest && (m.ObjectKind == "Namespace" || m.ObjectKind == "CustomResourceDefinition")
}

// usesWork tells whether the API refuses user while used does not exist: what is in a namespace, and objects of a kind
// that is defined by an object.
func usesWork(user, used resource.Spec) bool {
	m, isManifest := used.(*resource.Manifest)
	if !isManifest || user == used {
		return false
	}
	switch m.ObjectKind {
	case "Namespace":
		switch u := user.(type) {
		case *resource.Workload:
			return u.Namespace == m.Name
		case *resource.Manifest:
			return u.Namespace == m.Name && u.Namespace != ""
		}
	case "CustomResourceDefinition":
		u, ok := user.(*resource.Manifest)
		if !ok {
			return false
		}
		group, _, hasGroup := strings.Cut(u.APIVersion, "/")
		return hasGroup && strings.HasSuffix(m.Name, "."+group) && u.ObjectKind != m.ObjectKind
	}
	return false
}
