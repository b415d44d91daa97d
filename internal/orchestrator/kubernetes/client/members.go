package client

import (
	"context"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterform/clusterform/internal/orchestrator"
)

// controlPlaneLabel is kubeadm's.
const controlPlaneLabel = "node-role.kubernetes.io/control-plane"

// Members is orchestrator.Client's.
func (k *Client) Members(ctx context.Context) ([]orchestrator.Member, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := k.api.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, k.failed("list nodes", err)
	}
	members := make([]orchestrator.Member, len(list.Items))
	for i := range list.Items {
		members[i] = member(&list.Items[i])
	}
	return members, nil
}

func member(n *corev1.Node) orchestrator.Member {
	_, controlPlane := n.Labels[controlPlaneLabel]
	m := orchestrator.Member{
		Instance: n.Name, ID: string(n.UID), ControlPlane: controlPlane, Cordoned: n.Spec.Unschedulable,
		Version: trimV(n.Status.NodeInfo.KubeletVersion), Labels: maps.Clone(n.Labels), Annotations: maps.Clone(n.Annotations),
	}
	for _, a := range n.Status.Addresses {
		if a.Type == corev1.NodeInternalIP {
			m.Address = a.Address
			break
		}
	}
	m.Ready, m.Reason, m.Since = readiness(n)
	return m
}
