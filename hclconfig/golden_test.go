package hclconfig

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with a file, or rewrites it.
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

// snapshot makes sources of files given as text, without a disk.
func snapshot(files map[string]string) *Sources {
	var s Sources
	for name, text := range files {
		kind := SourceConfig
		if !isConfigFile(filepath.Base(name)) {
			kind = SourceData
		}
		s.Files = append(s.Files, SourceFile{Path: name, Kind: kind, Data: []byte(text)})
	}
	return &s
}

// everything loads and evaluates, and gives all diagnostics.
func everything(files map[string]string) (*Configuration, *Desired, Diagnostics) {
	c, diags := Load("/nowhere", Options{Snapshot: snapshot(files), Now: time.Unix(0, 0), Version: "0.1.0"})
	d, more := c.Evaluate(nil)
	return c, d, append(diags, more...)
}

// TestDiagnostics shows every mistake as a person and as a tool sees it.
func TestDiagnostics(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/diagnostics/*.cluster.*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range files {
		name := filepath.Base(path)
		if !isConfigFile(name) {
			continue // a golden file
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			c, _, diags := everything(map[string]string{name: string(src)})
			if len(diags) == 0 {
				t.Fatal("nothing was found")
			}
			var text, color bytes.Buffer
			if err := WriteDiagnostics(&text, diags, c.Sources(), false, 100); err != nil {
				t.Fatal(err)
			}
			golden(t, path+".txt", text.Bytes())
			out, err := json.MarshalIndent(diags.Validation(c.Sources()), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, path+".json", append(out, '\n'))

			if err := WriteDiagnostics(&color, diags, c.Sources(), true, 60); err != nil {
				t.Fatal(err)
			}
			if got := withoutColor(color.String()); strings.ContainsFunc(got, func(r rune) bool { return r < 0x20 && r != '\n' || r == 0x202e }) {
				t.Errorf("control characters get through:\n%q", got)
			}
			for _, s := range []string{text.String(), string(out), color.String(), diags.Err().Error()} {
				if strings.HasPrefix(name, "sensitive") && strings.Contains(s, "MARKER") {
					t.Errorf("a sensitive value is shown:\n%s", s)
				}
			}
		})
	}
}

func withoutColor(s string) string {
	for _, code := range []string{ansiReset, ansiBold, ansiUnderline, ansiRed, ansiYellow, ansiDim} {
		s = strings.ReplaceAll(s, code, "")
	}
	return s
}
