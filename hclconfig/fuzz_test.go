package hclconfig

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzLoad reads anything: the outcome is a configuration or diagnostics, and
// never a panic. What was read is rendered as well.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/diagnostics/*.cluster.*", "testdata/json/*", "../examples/language/*/*.hcl"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("no seeds match %s: %v", pattern, err)
		}
		for _, name := range files {
			src, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			if isConfigFile(filepath.Base(name)) {
				f.Add(src, filepath.Ext(name) == ".json")
			}
		}
	}
	f.Fuzz(func(t *testing.T, src []byte, isJSON bool) {
		name := "m.cluster.hcl"
		if isJSON {
			name = "m.cluster.json"
		}
		files := &Sources{Files: []SourceFile{{Path: name, Kind: SourceConfig, Data: src}}}
		c, diags := Load("/nowhere", Options{Snapshot: files, Now: time.Unix(0, 0), Version: "0.1.0", Limits: Limits{Instances: 1000}})
		d, more := c.Evaluate(nil)
		diags = append(diags, more...)
		for _, x := range diags {
			if x.Summary == "" {
				t.Errorf("a diagnostic says nothing: %+v", x)
			}
		}
		for _, b := range d.Blocks() {
			if _, err := b.Address.Parse(); err != nil {
				t.Errorf("the address %q cannot be read back: %v", b.Address, err)
			}
		}
		if err := WriteDiagnostics(io.Discard, diags, c.Sources(), true, 40); err != nil {
			t.Fatal(err)
		}
		diags.Validation(c.Sources())
		Format(src, name)
	})
}

// FuzzExpression evaluates anything as typed at a console.
func FuzzExpression(f *testing.F) {
	for _, s := range []string{"1+1", "cluster.lab.endpoint", `node_pool.w["a"].size`, "[for x in range(3) : x]", `"${upper("a")}"`, "!!!!true", "a ? b : c"} {
		f.Add(s)
	}
	files := snapshot(map[string]string{"m.cluster.hcl": minimal})
	c, diags := Load("/nowhere", Options{Snapshot: files})
	if diags.HasErrors() {
		f.Fatal(diags.Err())
	}
	f.Fuzz(func(t *testing.T, src string) {
		v, diags := c.EvalExpression([]byte(src), "console", nil)
		if !diags.HasErrors() && hasFailed(v) {
			t.Errorf("%q fails without a diagnostic", src)
		}
	})
}
