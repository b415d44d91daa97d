package client

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"

	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

const (
	// AddressAnnotation tells a node's address in the configuration, PoolLabel its pool.
	AddressAnnotation = "clusterform.io/address"
	PoolLabel         = "clusterform.io/pool"
	// managedAnnotation remembers what clusterform set, so that it can be taken away again and what others set is left.
	managedAnnotation = "clusterform.io/managed"
)

// managed is the content of managedAnnotation.
type managed struct {
	Labels []string `json:"labels,omitempty"` // keys
	Taints []string `json:"taints,omitempty"` // "key:effect"
}

// Configure is orchestrator.Client's.
func (k *Client) Configure(ctx context.Context, m orchestrator.Member, s orchestrator.NodeSettings) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	nodes := k.api.CoreV1().Nodes()
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		n, err := nodes.Get(ctx, m.Instance, metav1.GetOptions{})
		if err != nil {
			return err
		}
		patch, err := k.settings(n, s)
		if err != nil || patch == nil {
			return err
		}
		_, err = nodes.Patch(ctx, n.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: userName})
		return err
	})
	return k.failed("configure node "+m.Instance, err)
}

// settings is the merge patch that brings a node to its pool's settings, nil when all is right. It holds the node's
// version: taints are one list, which somebody else may be changing.
func (k *Client) settings(n *corev1.Node, s orchestrator.NodeSettings) ([]byte, error) {
	had := managedBy(n)
	labels := map[string]string{}
	maps.Copy(labels, s.Labels)
	if s.Pool != "" {
		labels[PoolLabel] = s.Pool
	}
	if s.Zone != "" {
		labels[corev1.LabelTopologyZone] = s.Zone
	}
	if k.cluster.Region != "" {
		labels[corev1.LabelTopologyRegion] = k.cluster.Region
	}
	changedLabels := map[string]any{}
	for key, value := range labels {
		if old, ok := n.Labels[key]; !ok || old != value {
			changedLabels[key] = value
		}
	}
	for _, key := range had.Labels {
		if _, wanted := labels[key]; wanted {
			continue
		}
		if _, there := n.Labels[key]; there {
			changedLabels[key] = nil
		}
	}
	taints := wantedTaints(n.Spec.Taints, had.Taints, s.Taints)

	now := managed{Labels: slices.Sorted(maps.Keys(labels))}
	for _, t := range s.Taints {
		now.Taints = append(now.Taints, t.Key+":"+t.Effect)
	}
	slices.Sort(now.Taints)
	remembered, err := json.Marshal(now)
	if err != nil {
		return nil, err
	}
	changedAnnotations := map[string]any{}
	for key, value := range map[string]string{managedAnnotation: string(remembered), AddressAnnotation: string(s.Address)} {
		if n.Annotations[key] != value {
			changedAnnotations[key] = value
		}
	}
	sameTaints := equality.Semantic.DeepEqual(taints, n.Spec.Taints)
	if len(changedLabels) == 0 && len(changedAnnotations) == 0 && sameTaints {
		return nil, nil
	}
	patch := map[string]any{"metadata": map[string]any{
		"resourceVersion": n.ResourceVersion, "labels": changedLabels, "annotations": changedAnnotations,
	}}
	if !sameTaints {
		patch["spec"] = map[string]any{"taints": taints}
	}
	out, err := json.Marshal(patch)
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", n.Name, err)
	}
	return out, nil
}

// wantedTaints are the foreign ones of those there, in their order, then ours.
func wantedTaints(there []corev1.Taint, ours []string, s []resource.Taint) []corev1.Taint {
	wanted := map[string]resource.Taint{}
	for _, t := range s {
		wanted[t.Key+":"+t.Effect] = t
	}
	var out []corev1.Taint
	for i := range there {
		t := there[i]
		key := t.Key + ":" + string(t.Effect)
		w, want := wanted[key]
		switch {
		case want:
			t.Value = w.Value
			delete(wanted, key)
		case slices.Contains(ours, key):
			continue
		}
		out = append(out, t)
	}
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		t := wanted[key]
		out = append(out, corev1.Taint{Key: t.Key, Value: t.Value, Effect: corev1.TaintEffect(t.Effect)})
	}
	return out
}

// managedBy reads what clusterform set before. What cannot be read was somebody else's doing and is as good as nothing.
func managedBy(n *corev1.Node) managed {
	var m managed
	if json.Unmarshal([]byte(n.Annotations[managedAnnotation]), &m) != nil {
		return managed{}
	}
	return m
}
