package planner

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clusterform/clusterform/planner/resource"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got; go test -update writes it anew):\n%s", path, diff)
	}
}

func indented(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestExpansion shows every object that configurations become.
func TestExpansion(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/expansion/*.hcl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".hcl")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			goldenExpansion(t, name, newWorld(t, string(src)).plan())
		})
	}
}

// TestOrchestratedExpansion shows them where nodes join an orchestrator and run something.
func TestOrchestratedExpansion(t *testing.T) {
	t.Parallel()
	goldenExpansion(t, "running", newCluster(newWorld(t, running)).plan())
}

func goldenExpansion(t *testing.T, name string, p *Plan) {
	t.Helper()
	type object struct {
		Address resource.Address
		Needs   []resource.Address `json:",omitempty"`
		Spec    resource.Spec
	}
	var objects []object
	for i := range p.Steps {
		o := object{Address: p.Steps[i].Address, Spec: p.Steps[i].After.Spec}
		for _, on := range p.Steps[i].Needs {
			o.Needs = append(o.Needs, p.Steps[on].Address)
		}
		objects = append(objects, o)
	}
	slices.SortFunc(objects, func(a, b object) int { return resource.Compare(a.Address, b.Address) })
	golden(t, "expansion/"+name+".golden.json", indented(t, objects))
}

// TestPlanDocument shows the JSON form of a plan with a bit of everything.
func TestPlanDocument(t *testing.T) {
	t.Parallel()
	w := withCloud(t, small+"\noutput \"endpoint\" { value = cluster.lab.endpoint }\noutput \"hidden\" {\nvalue = \"x\"\nsensitive = true\n}\n")
	w.edit("size          = 3", "size          = 2\n  disk_gib = 30")
	w.edit("network {", "tags = { team = \"a\" }\nnetwork {")
	w.seen("cluster.lab.elastic_ip", differently(func(e *resource.ElasticIP) { e.Tags = nil }))
	p := w.plan(func(r *Request) {
		r.Targets = []string{"node_pool.worker", "cluster.lab.elastic_ip", "cluster.lab.vpc"}
	})
	doc, err := JSON(p)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "document.golden.json", indented(t, doc))
}
