package kubernetes

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// What is exposed answers until nobody sends it anything any more, and drains leave replicas standing.
func TestDisruptions(t *testing.T) {
	t.Parallel()
	const exposed = `expose "http" {
    port = 80
  }
`
	for _, tt := range []struct {
		name, block, version string
		sleep                int64
		most                 any // replicas that a drain may take at once; nil without a budget
	}{
		{"an update may miss none", "replicas = 3\nupdate { max_unavailable = 0 }\n" + exposed, "1.34.4", 5, int64(1)},
		{"an update may miss some", "replicas = 10\nupdate { max_unavailable = 4 }\n" + exposed, "1.34.4", 5, int64(4)},
		{"an update may miss a part", "replicas = 10\nupdate { max_unavailable = \"30%\" }\n" + exposed, "1.34.4", 5, "30%"},
		{"one replica", "replicas = 1\n" + exposed, "1.34.4", 5, nil},
		{"as many as an autoscaler leaves", "autoscale {\n min = 2\n max = 5\n cpu = 50\n }\n" + exposed, "1.34.4", 5, "25%"},
		{"one that an autoscaler leaves", "autoscale {\n min = 1\n max = 5\n cpu = 50\n }\n" + exposed, "1.34.4", 5, nil},
		{"one for each node", "kind = \"daemon\"\n" + exposed, "1.34.4", 5, nil},
		{"nothing exposed", "replicas = 2\n", "1.34.4", 0, "25%"},
		{"little grace", "replicas = 2\ngrace = \"3s\"\n" + exposed, "1.34.4", 1, "25%"},
		{"no grace", "replicas = 2\ngrace = \"1s\"\n" + exposed, "1.34.4", 0, "25%"},
		{"a version that cannot wait", "replicas = 2\n" + exposed, "1.29.1", 0, "25%"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d, _ := evaluate(t, cluster+`
workload "w" {
  cluster = cluster.lab
  container "a" {
    image = "a"
    port "http" { container = 8080 }
    resources { cpu = "100m" }
  }
  `+tt.block+`
}`)
			objects, err := Objects(d.Workloads[0], Options{Version: tt.version})
			if err != nil {
				t.Fatal(err)
			}
			var sleep int64
			var most any
			for _, u := range objects {
				switch u.GetKind() {
				case "Deployment", "DaemonSet":
					list, _, _ := unstructured.NestedSlice(u.Object, "spec", "template", "spec", "containers")
					sleep, _, _ = unstructured.NestedInt64(list[0].(map[string]any), "lifecycle", "preStop", "sleep", "seconds")
				case "PodDisruptionBudget":
					most, _, _ = unstructured.NestedFieldNoCopy(u.Object, "spec", "maxUnavailable")
				}
			}
			if sleep != tt.sleep || most != tt.most {
				t.Errorf("it goes on for %d s and may lose %v at once; want %d and %v", sleep, most, tt.sleep, tt.most)
			}
		})
	}
}
