package client

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/clusterform/clusterform/hclconfig"
)

// readiness says whether work can run on a node, why not, and since when that is so.
func readiness(n *corev1.Node) (ready bool, reason string, since time.Time) {
	since = n.CreationTimestamp.Time
	reason = "its kubelet has not reported yet"
	for i := range n.Status.Conditions {
		c := &n.Status.Conditions[i]
		switch {
		case c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue:
			ready, reason, since = true, "", c.LastTransitionTime.Time
		case c.Type == corev1.NodeReady:
			return false, explain(c), c.LastTransitionTime.Time
		}
	}
	for i := range n.Status.Conditions {
		c := &n.Status.Conditions[i]
		if c.Type == corev1.NodeNetworkUnavailable && c.Status == corev1.ConditionTrue {
			return false, "its network is not set up: " + explain(c), c.LastTransitionTime.Time
		}
	}
	return ready, reason, since
}

func explain(c *corev1.NodeCondition) string {
	if c.Status == corev1.ConditionUnknown {
		return "its kubelet does not report any more"
	}
	if c.Message != "" {
		return hclconfig.Printable(c.Message)
	}
	return hclconfig.Printable(c.Reason)
}
