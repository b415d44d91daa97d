package workload

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// Status tells how recorded workloads and manifests of one cluster are doing, in their order. It makes the calls of
// Driver.Read, and a few for those that are not well.
func Status(ctx context.Context, client Configured, records []*resource.Record) ([]orchestrator.WorkloadStatus, error) {
	a, err := newAPI(client)
	if err != nil {
		return nil, err
	}
	found, err := a.find(ctx, records)
	if err != nil {
		return nil, err
	}
	out := make([]orchestrator.WorkloadStatus, 0, len(records))
	for _, rec := range records {
		out = append(out, a.status(ctx, found, rec))
	}
	return out, nil
}

func (a *api) status(ctx context.Context, f found, rec *resource.Record) orchestrator.WorkloadStatus {
	s := orchestrator.WorkloadStatus{Address: rec.Address}
	switch spec := rec.Spec.(type) {
	case *resource.Workload:
		s.Type = spec.Type
	case *resource.Manifest:
		s.Type = spec.ObjectKind
	}
	var objects []*unstructured.Unstructured
	missing := 0
	for _, k := range keysOf(rec.Spec) {
		if u := f[place{gvkOf(rec.Spec, k.kind), k.namespace}][k]; u != nil {
			objects = append(objects, u)
		} else {
			missing++
		}
	}
	s.Endpoints = endpoints(objects)
	u := controllerOf(objects)
	switch {
	case len(objects) == 0:
		s.Message = "not there"
		return s
	case u == nil && missing > 0:
		s.Message = fmt.Sprintf("%s missing", count(int64(missing), "object"))
		return s
	case u == nil:
		if p := readiness(objects[0]); !p.done {
			s.Message = p.text
		}
		return s
	}
	p := progressFor(u)
	s.Ready, s.Wanted = replicas(u)
	if p.done {
		return s
	}
	s.Message = p.text
	if p.failed != "" {
		s.Message = p.failed
	}
	w := &applying{api: a}
	if why := w.why(ctx, u, false); why != "" {
		s.Message += "; " + why
	}
	return s
}

// replicas are those that are there and those that should be.
func replicas(u *unstructured.Unstructured) (ready, wanted int) {
	switch u.GetKind() {
	case "Deployment", "StatefulSet":
		return int(number(u, "status", "availableReplicas")), int(numberOr(u, 1, "spec", "replicas"))
	case "CronJob":
		return 0, 0
	}
	p := progressFor(u)
	return int(max(p.ready, 0)), int(p.wanted)
}

// endpoints are where a workload is reached: "web.shop:80", "node:30080", "203.0.113.7:80".
func endpoints(objects []*unstructured.Unstructured) []string {
	var out []string
	for _, u := range objects {
		if u.GetKind() != "Service" {
			continue
		}
		ports, _, _ := unstructured.NestedSlice(u.Object, "spec", "ports")
		ingress, _, _ := unstructured.NestedSlice(u.Object, "status", "loadBalancer", "ingress")
		for _, p := range ports {
			m, _ := p.(map[string]any)
			out = append(out, fmt.Sprintf("%s.%s:%v", u.GetName(), u.GetNamespace(), m["port"]))
			if n, ok := m["nodePort"]; ok {
				out = append(out, fmt.Sprintf("node:%v", n))
			}
			for _, i := range ingress {
				at, _ := i.(map[string]any)
				for _, field := range []string{"hostname", "ip"} {
					if s, ok := at[field].(string); ok && s != "" {
						out = append(out, fmt.Sprintf("%s:%v", strings.TrimSpace(s), m["port"]))
					}
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
