package controlplane_test

import (
	"os"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes/controlplane"
)

var plane controlplane.Shared

func TestMain(m *testing.M) { os.Exit(plane.Main(m)) }

func TestTheAPIAnswersAsItsVersion(t *testing.T) {
	t.Parallel()
	cp := plane.Get(t)
	v, err := cp.Client.Discovery().ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	if v.GitVersion != "v"+cp.Version {
		t.Errorf("version %s, want v%s", v.GitVersion, cp.Version)
	}
	cp.Namespace(t)
}

func TestAPlayedKubeletRunsADeployment(t *testing.T) {
	t.Parallel()
	cp := plane.Get(t)
	ns := cp.Namespace(t)
	cp.Play(t, controlplane.Kubelet{Node: "i-" + ns, Namespace: ns})
	labels := map[string]string{"app": "web"}
	deployments := cp.Client.AppsV1().Deployments(ns)
	_, err := deployments.Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(3)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "hello:1"}}},
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		d, err := deployments.Get(t.Context(), "web", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if d.Status.AvailableReplicas == 3 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the deployment's status is %+v", d.Status)
		}
	}
}
