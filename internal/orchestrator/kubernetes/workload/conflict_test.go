package workload

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func conflictStatus(message string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusConflict, Reason: metav1.StatusReasonConflict,
		Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: metav1.CauseTypeFieldManagerConflict, Message: message, Field: ".spec.replicas"}}},
	}}
}

func TestConflictsAreRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]conflict{
		`conflict with "kubectl" with subresource "scale" using apps/v1`:     {manager: "kubectl", scales: true},
		`conflict with "kubectl-edit" using apps/v1 at 2026-01-02T03:04:05Z`: {manager: "kubectl-edit"},
		`conflict with "argocd"`: {manager: "argocd", applies: true},
		`conflict with "kube-controller-manager" with subresource "scale" using autoscaling/v1`: {manager: "kube-controller-manager", scales: true},
	} {
		got := conflictsOf(conflictStatus(text))
		want.field = ".spec.replicas"
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s: %+v", text, got)
		}
	}
	if conflictsOf(errors.New("no")) != nil || conflictsOf(fmt.Errorf("wrapped: %w", conflictStatus(`conflict with "x"`))) == nil {
		t.Error("other errors")
	}
}
