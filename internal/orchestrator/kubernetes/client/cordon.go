package client

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/clusterform/clusterform/internal/orchestrator"
)

// Cordon is orchestrator.Client's.
func (k *Client) Cordon(ctx context.Context, m orchestrator.Member, on bool) error {
	if err := k.cordon(ctx, m, on); err != nil {
		return k.failed("cordon node "+m.Instance, err)
	}
	return nil
}

func (k *Client) cordon(ctx context.Context, m orchestrator.Member, on bool) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	patch := fmt.Appendf(nil, `{"spec":{"unschedulable":%t}}`, on)
	_, err := k.api.CoreV1().Nodes().Patch(ctx, m.Instance, types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: userName})
	return err
}
