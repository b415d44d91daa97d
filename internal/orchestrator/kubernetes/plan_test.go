package kubernetes

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner/resource"
)

// What is recorded of workloads and manifests: settings in the language's words, and no secret.
func TestWhatIsRecorded(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"all", "kinds", "manifests", "web"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := readFixture(t, "../testdata/"+name+".cluster.hcl")
			recorded := map[string]any{}
			for _, w := range d.Workloads {
				s, content, err := Workload(d.Clusters[0], w, []byte("key"))
				if err != nil {
					t.Fatal(err)
				}
				recorded[string(w.Address)] = s
				if s.Content != content.Digest || content.Secret != strings.Contains(string(content.Data), `"kind":"Secret"`) {
					t.Errorf("%s: %v, %s", w.Address, content.Secret, content.Digest)
				}
				if _, err := ParseContent(content.Data); err != nil {
					t.Error(err)
				}
			}
			for _, m := range d.Manifests {
				s, content, err := Manifest(d.Clusters[0], m, []byte("key"))
				if err != nil {
					t.Fatal(err)
				}
				recorded[string(m.Address)] = s
				if secretOnes := s.Name == "login" || s.Name == "policy"; content.Secret != secretOnes {
					t.Errorf("%s: secret is %t", m.Address, content.Secret)
				}
			}
			text, err := json.MarshalIndent(recorded, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), secret) {
				t.Error("a secret is recorded")
			}
			golden(t, filepath.Join("testdata", name+".recorded.json"), append(text, '\n'))
		})
	}
}

// A secret's change shows; without the key nobody can tell what it was.
func TestDigestsAreKeyed(t *testing.T) {
	t.Parallel()
	spec := func(password, key string) *resource.Workload {
		t.Helper()
		d, _ := evaluate(t, cluster+`
workload "w" {
  cluster = cluster.lab
  container "a" { image = "a" }
  secret "s" { files = { p = "`+password+`" } }
}`)
		s, _, err := Workload(d.Clusters[0], d.Workloads[0], []byte(key))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	one, same, two, other := spec("one", "k"), spec("one", "k"), spec("two", "k"), spec("one", "another")
	at := "secret.s.files.p"
	if one.Content != same.Content || one.Attributes[at] != same.Attributes[at] {
		t.Error("the same is not the same")
	}
	if one.Content == two.Content || one.Attributes[at] == two.Attributes[at] {
		t.Error("a change does not show")
	}
	if one.Content == other.Content || one.Attributes[at] == other.Attributes[at] {
		t.Error("the key does not matter")
	}
}

func TestCheckOfACluster(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, version, body string
		want                []string
	}{
		{name: "fine", version: "1.34.4"},
		{name: "a patch that is not known", version: "1.34.99", want: []string{"version of cluster.lab", `version = "1.34.4"`, "1.33.13 and 1.34.4"}},
		{name: "too old", version: "1.20.0", want: []string{`version = "1.33.13"`}},
		{name: "too new", version: "1.99.0", want: []string{`version = "1.34.4"`}},
		{name: "no version of Kubernetes", version: "27.1.0", want: []string{`version = "1.34.4"`}},
		{
			name: "two blocks for one object", version: "1.34.4",
			body: "manifest \"m\" {\n cluster = cluster.lab\n object = {\n  apiVersion = \"apps/v1\"\n  kind = \"Deployment\"\n  metadata = { name = \"w\", namespace = \"default\" }\n }\n}",
			want: []string{"manifest.m and workload.w both make"},
		},
		{
			name: "what is not known is not judged", version: "1.34.4",
			body: "manifest \"m\" {\n cluster = cluster.lab\n object = {\n  apiVersion = \"v1\"\n  kind = \"ConfigMap\"\n  metadata = { name = cluster.lab.endpoint }\n }\n}",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d, sources := evaluate(t, strings.Replace(cluster, "1.34.4", tc.version, 1)+"workload \"w\" {\n cluster = cluster.lab\n container \"a\" { image = \"a\" }\n}\n"+tc.body)
			diags := Check(d.Clusters[0], d.Workloads, d.Manifests, orchestrator.NewFinder(sources))
			if len(tc.want) == 0 {
				if len(diags) > 0 {
					t.Error(diags)
				}
				return
			}
			if len(diags) != 1 || diags[0].Severity != hclconfig.Error {
				t.Fatalf("%v", diags)
			}
			for _, w := range tc.want {
				if !strings.Contains(diags[0].Detail, w) {
					t.Errorf("%q is not in %s", w, diags[0].Detail)
				}
			}
		})
	}
}
