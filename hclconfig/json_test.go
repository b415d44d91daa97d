package hclconfig

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSameInJSON reads one configuration in both syntaxes.
func TestSameInJSON(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/json/*.cluster.hcl")
	if err != nil || len(names) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			var got [2]any
			for i, path := range []string{name, name[:len(name)-len("hcl")] + "json"} {
				src, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				d := mustEvaluate(t, map[string]string{filepath.Base(path): string(src)})
				got[i] = withoutRanges(t, d)
			}
			if diff := cmp.Diff(got[0], got[1]); diff != "" {
				t.Errorf("HCL and JSON differ (-hcl +json):\n%s", diff)
			}
		})
	}
}

// withoutRanges is the desired state as plain data, without places in files.
func withoutRanges(t *testing.T, d *Desired) any {
	t.Helper()
	d.Settings.Range.Filename = ""
	outputs := map[string]string{}
	for _, o := range d.Outputs {
		outputs[o.Name] = o.Value.GoString()
	}
	d.Outputs = nil
	for _, m := range d.Manifests {
		outputs[string(m.Address)] = m.Object.GoString()
	}
	manifests := d.Manifests
	d.Manifests = nil
	data, err := json.Marshal(map[string]any{"desired": d, "outputs": outputs, "manifests": len(manifests)})
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	dropRanges(out)
	return out
}

func dropRanges(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "Range")
		for _, x := range v {
			dropRanges(x)
		}
	case []any:
		for _, x := range v {
			dropRanges(x)
		}
	}
}
