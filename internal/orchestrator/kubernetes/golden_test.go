package kubernetes

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const secret = "s3cret-of-the-test" // what the files of testdata hold

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; -update writes it", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); -update rewrites it:\n%s", path, diff)
	}
}

// evaluate reads a configuration given as text; it must be right.
func evaluate(t *testing.T, text string) (*hclconfig.Desired, hclconfig.Sources) {
	t.Helper()
	sources := hclconfig.Sources{Files: []hclconfig.SourceFile{{Path: "main.cluster.hcl", Kind: hclconfig.SourceConfig, Data: []byte(text)}}}
	cfg, diags := hclconfig.Load("/nowhere", hclconfig.Options{Snapshot: &sources, Now: time.Unix(0, 0)})
	d, more := cfg.Evaluate(nil)
	if err := append(diags, more...).Err(); err != nil {
		t.Fatal(err)
	}
	return d, sources
}

func readFixture(t *testing.T, path string) *hclconfig.Desired {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d, _ := evaluate(t, string(text))
	return d
}

// Each file's workloads, as they are shown; what is shown is what Kubernetes understands, field by field.
func TestDocuments(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/*.cluster.hcl")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files found: %v", len(files), err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".cluster.hcl")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := readFixture(t, path)
			o := Options{}
			if d.Clusters[0].Orchestrator == hclconfig.Kubernetes {
				o.Version = d.Clusters[0].Version
			}
			for _, w := range d.Workloads {
				if err := CheckWorkload(w, o, nil).Err(); err != nil {
					t.Fatal(err)
				}
			}
			hidden := documents(t, d, o, true)
			if bytes.Contains(hidden, []byte(secret)) {
				t.Error("a secret is shown")
			}
			golden(t, filepath.Join("testdata", name+".yaml"), hidden)
			o.RevisionKey = []byte("key")
			shown := documents(t, d, o, false)
			if again := documents(t, readFixture(t, path), o, false); !bytes.Equal(shown, again) {
				t.Error("the second time it is something else")
			}
			for _, text := range bytes.Split(shown, []byte("---\n"))[1:] {
				understood(t, text)
			}
		})
	}
}

func documents(t *testing.T, d *hclconfig.Desired, o Options, hide bool) []byte {
	t.Helper()
	objects, err := Cluster(d.Workloads, d.Manifests, o, hide)
	if err != nil {
		t.Fatal(err)
	}
	text, err := YAML(objects)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// understood decodes a document strictly into the type of its kind.
func understood(t *testing.T, text []byte) {
	t.Helper()
	var kind struct{ Kind string }
	if err := yaml.Unmarshal(text, &kind); err != nil {
		t.Fatal(err)
	}
	into, ok := map[string]any{
		"Deployment": new(appsv1.Deployment), "DaemonSet": new(appsv1.DaemonSet), "Job": new(batchv1.Job), "CronJob": new(batchv1.CronJob),
		"Pod": new(corev1.Pod), "ConfigMap": new(corev1.ConfigMap), "Secret": new(corev1.Secret), "Service": new(corev1.Service),
		"PersistentVolumeClaim": new(corev1.PersistentVolumeClaim), "Namespace": new(corev1.Namespace),
		"HorizontalPodAutoscaler": new(autoscalingv2.HorizontalPodAutoscaler), "PodDisruptionBudget": new(policyv1.PodDisruptionBudget), "Policy": new(map[string]any),
	}[kind.Kind]
	if !ok {
		t.Fatalf("a %q is made, which this test does not know", kind.Kind)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Errorf("%v in\n%s", err, text)
	}
}

// Another content is another object, and nobody learns the content from its name.
func TestRevisions(t *testing.T) {
	t.Parallel()
	names := func(config, password string, key []byte) (configMap, secretName string) {
		d, _ := evaluate(t, cluster+`
workload "w" {
  cluster = cluster.lab
  container "a" { image = "a" }
  config "c" { files = { f = "`+config+`" } }
  secret "s" { files = { p = "`+password+`" } }
}`)
		objects, err := Objects(d.Workloads[0], Options{RevisionKey: key})
		if err != nil {
			t.Fatal(err)
		}
		return objects[0].GetName(), objects[1].GetName()
	}
	key := []byte("k")
	c1, s1 := names("one", "one", key)
	c2, s2 := names("two", "two", key)
	if c1 == c2 || s1 == s2 {
		t.Errorf("a change does not show: %s %s, %s %s", c1, c2, s1, s2)
	}
	if c, s := names("one", "one", key); c != c1 || s != s1 {
		t.Errorf("the same content has two names: %s %s, %s %s", c, c1, s, s1)
	}
	if _, s := names("one", "one", []byte("another")); s == s1 {
		t.Error("the key does not matter")
	}
	if _, s := names("one", "one", nil); s != "w-secret-s" {
		t.Errorf("without a key the name is %q", s)
	}
	if r := orchestrator.Revision(map[string]string{"p": "one"}); strings.HasSuffix(s1, r) {
		t.Error("the name of a secret ends with the plain hash of its content")
	}
}
