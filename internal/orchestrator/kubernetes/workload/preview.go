package workload

import (
	"context"
	"fmt"
	"strconv"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// Preview asks a cluster what a manifest's object would be once applied, with what the cluster's defaults and admission rules
// make of it: its leaves by path, like Manifest.Attributes, of the paths that the manifest itself has. Nothing is changed.
// The error is what the apply would fail with.
func (d *Driver) Preview(ctx context.Context, rt resource.Runtime, cluster resource.Address, content planner.Content) (map[string]string, error) {
	objects, err := kubernetes.ParseContent(content.Data)
	if err != nil {
		return nil, err
	}
	if len(objects) != 1 {
		return nil, fmt.Errorf("a manifest is one object, and here are %d", len(objects))
	}
	want := objects[0]
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	a, err := d.connect(ctx, rt, cluster)
	if err != nil {
		return nil, err
	}
	got, err := a.patch(ctx, want, fieldManager, true, true)
	if err != nil {
		return nil, failed("Preview", keyFor(want), err)
	}
	out := map[string]string{}
	for name, v := range want.Object {
		switch name {
		case "apiVersion", "kind":
		case "metadata":
			is, _ := got.Object[name].(map[string]any)
			inner, _ := v.(map[string]any)
			for part, value := range inner {
				if part != "name" && part != "namespace" {
					preview(out, "metadata."+part, value, is[part], content.Secret)
				}
			}
		default:
			preview(out, name, v, got.Object[name], content.Secret || want.GetKind() == "Secret")
		}
	}
	return out, nil
}

// preview follows the paths of what is wanted through what it would be.
func preview(out map[string]string, path string, want, is any, hidden bool) {
	switch want := want.(type) {
	case map[string]any:
		m, _ := is.(map[string]any)
		for k, v := range want {
			preview(out, path+"."+k, v, m[k], hidden)
		}
	case []any:
		list, _ := is.([]any)
		for i, v := range want {
			var e any
			if i < len(list) {
				e = list[i]
			}
			preview(out, path+"["+strconv.Itoa(i)+"]", v, e, hidden)
		}
	case nil:
	default:
		switch {
		case is == nil:
		case hidden:
			out[path] = orchestrator.Hidden
		default:
			out[path] = orchestrator.Shortened(fmt.Sprint(is))
		}
	}
}
