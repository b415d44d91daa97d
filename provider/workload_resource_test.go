package provider_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

const (
	theWorkload = "clusterform_workload.web"
	theManifest = "clusterform_manifest.settings"
	theWaiter   = "clusterform_cluster_ready.lab"
)

// workloadWith is a workload on the cluster. Its secret is the marker.
func workloadWith(name, image string, replicas string) string {
	return `
resource "clusterform_workload" "web" {
  name     = "` + name + `"
  cluster  = clusterform_cluster.lab.id
  replicas = ` + replicas + `

  container = {
    app = {
      image      = "registry.lab:5000/hello:` + image + `"
      port       = { http = { container = 8080 } }
      secret_env = { TOKEN = { secret = "keys", key = "token" } }
    }
  }
  secret = { keys = { files = { token = "` + marker + `" } } }
  expose = { http = { port = 80 } }

  depends_on = [clusterform_node_pool.worker]
}
`
}

func manifestWith(name, colour string) string {
	return `
resource "clusterform_manifest" "settings" {
  name    = "settings"
  cluster = clusterform_cluster.lab.id

  object = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "` + name + `", namespace = "default" }
    data       = { colour = "` + colour + `" }
  }
}
`
}

// waiter waits for everything.
const waiter = `
resource "clusterform_cluster_ready" "lab" {
  cluster  = clusterform_cluster.lab.id
  triggers = { web = clusterform_workload.web.phase, settings = clusterform_manifest.settings.phase }
}
`

func (l *live) deployment(t *testing.T, name string) (*appsv1.Deployment, error) {
	t.Helper()
	return l.plane(t).Client.AppsV1().Deployments("default").Get(t.Context(), name, metav1.GetOptions{})
}

func (l *live) configMap(t *testing.T, name string) *corev1.ConfigMap {
	t.Helper()
	c, err := l.plane(t).Client.CoreV1().ConfigMaps("default").Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestWorkloadAndManifest takes both through their lives on a real API server.
func TestWorkloadAndManifest(t *testing.T) {
	t.Parallel()
	l := startLive(t)
	base := clusterWith(`control_plane = { access = ["0.0.0.0/0"] }`) + poolWith("size = 1")
	config := func(parts ...string) string { return l.config(base + strings.Join(parts, "")) }
	same := statecheck.CompareValue(compare.ValuesSame())
	var first *appsv1.Deployment
	acceptance(t,
		resource.TestStep{ // from nothing, in one run
			Config: config(workloadWith("web", "1", "2"), manifestWith("settings", "green"), waiter),
			ConfigPlanChecks: settled(
				action(theWorkload, plancheck.ResourceActionCreate), action(theManifest, plancheck.ResourceActionCreate), action(theWaiter, plancheck.ResourceActionCreate),
				plancheck.ExpectUnknownValue(theWorkload, tfjsonpath.New("endpoints"))),
			ConfigStateChecks: []statecheck.StateCheck{
				value(theWorkload, "phase", knownvalue.StringExact("ready")), value(theWorkload, "id", knownvalue.StringExact("us-east-1/lab/web")),
				value(theManifest, "phase", knownvalue.StringExact("ready")), value(theWaiter, "id", knownvalue.StringExact("us-east-1/lab")),
				value(theWorkload, "secret", knownvalue.MapExact(map[string]knownvalue.Check{"keys": knownvalue.ObjectPartial(map[string]knownvalue.Check{"files": knownvalue.Null()})})),
				same.AddStateValue(theWorkload, tfjsonpath.New("id")),
			},
		},
		resource.TestStep{ // in place
			PreConfig: func() {
				var err error
				if first, err = l.deployment(t, "web"); err != nil || *first.Spec.Replicas != 2 {
					t.Fatalf("%+v, %v", first, err)
				}
				if colour := l.configMap(t, "settings").Data["colour"]; colour != "green" {
					t.Errorf("the config map says %q", colour)
				}
			},
			Config: config(workloadWith("web", "2", "3"), manifestWith("settings", "red"), waiter),
			ConfigPlanChecks: settled(
				action(theWorkload, plancheck.ResourceActionUpdate), action(theManifest, plancheck.ResourceActionUpdate), action(theCluster, plancheck.ResourceActionNoop)),
			ConfigStateChecks: []statecheck.StateCheck{same.AddStateValue(theWorkload, tfjsonpath.New("id"))},
		},
		resource.TestStep{ // changed and removed by somebody else
			PreConfig: func() {
				d, err := l.deployment(t, "web")
				if err != nil {
					t.Fatal(err)
				}
				if image := d.Spec.Template.Spec.Containers[0].Image; d.UID != first.UID || *d.Spec.Replicas != 3 || !strings.HasSuffix(image, "hello:2") {
					t.Errorf("the deployment is %s with %d × %s, was %s", d.UID, *d.Spec.Replicas, image, first.UID)
				}
				c := l.configMap(t, "settings")
				if c.Data["colour"] != "red" {
					t.Errorf("the config map says %v", c.Data)
				}
				c.Data["colour"] = "blue"
				api := l.plane(t).Client
				if _, err := api.CoreV1().ConfigMaps("default").Update(t.Context(), c, metav1.UpdateOptions{}); err != nil {
					t.Fatal(err)
				}
				if err := api.AppsV1().Deployments("default").Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
					t.Fatal(err)
				}
			},
			Config: config(workloadWith("web", "2", "3"), manifestWith("settings", "red"), waiter),
			ConfigPlanChecks: settled(
				action(theWorkload, plancheck.ResourceActionUpdate), action(theManifest, plancheck.ResourceActionUpdate), action(theCluster, plancheck.ResourceActionNoop)),
			ConfigStateChecks: []statecheck.StateCheck{
				value(theWorkload, "phase", knownvalue.StringExact("ready")), value(theManifest, "phase", knownvalue.StringExact("ready")),
			},
		},
		resource.TestStep{
			ResourceName: theWorkload, ImportState: true, ImportStateId: "us-east-1/lab/web", ImportStateVerify: true,
		},
		resource.TestStep{
			ResourceName: theManifest, ImportState: true, ImportStateId: "us-east-1/lab/settings", ImportStateVerify: true,
		},
		resource.TestStep{ // another name is another workload, and another object
			PreConfig: func() {
				if _, err := l.deployment(t, "web"); err != nil {
					t.Errorf("the deployment did not come back: %v", err)
				}
				if colour := l.configMap(t, "settings").Data["colour"]; colour != "red" {
					t.Errorf("the config map says %q", colour)
				}
			},
			Config: config(workloadWith("shop", "2", "1"), manifestWith("options", "red"), waiter),
			ConfigPlanChecks: settled(
				action(theWorkload, plancheck.ResourceActionDestroyBeforeCreate), action(theManifest, plancheck.ResourceActionUpdate)),
			ConfigStateChecks: []statecheck.StateCheck{value(theWorkload, "id", knownvalue.StringExact("us-east-1/lab/shop"))},
		},
		resource.TestStep{ // they go, the cluster stays
			PreConfig: func() {
				if _, err := l.deployment(t, "shop"); err != nil {
					t.Error(err)
				}
				if d, err := l.deployment(t, "web"); !apierrors.IsNotFound(err) {
					t.Errorf("the deployment of the old name is there: %v, %v", d, err)
				}
				l.configMap(t, "options")
				if _, err := l.plane(t).Client.CoreV1().ConfigMaps("default").Get(t.Context(), "settings", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
					t.Errorf("the old config map is there: %v", err)
				}
			},
			Config:           config(),
			ConfigPlanChecks: settled(action(theCluster, plancheck.ResourceActionNoop)),
		},
		resource.TestStep{
			PreConfig: func() {
				if d, err := l.deployment(t, "shop"); !apierrors.IsNotFound(err) {
					t.Errorf("the deployment is there: %v, %v", d, err)
				}
			},
			Config: l.config(""),
		},
	)
	l.nothingLeft(t)
}
