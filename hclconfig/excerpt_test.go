package hclconfig

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// A line of a megabyte does not flood the terminal, nor what programs read.
func TestLongLinesAreCut(t *testing.T) {
	t.Parallel()
	const padding = 1 << 20
	src := "locals {\n  a = [\"" + strings.Repeat("ä", padding) + "\", nothing(), \"" + strings.Repeat("b", padding) + "\"]\n}\n"
	cfg, diags := Load("/nowhere", Options{Snapshot: snapshot(map[string]string{"main.cluster.hcl": src})})
	_, more := cfg.Evaluate(nil)
	diags = append(diags, more...)
	if len(diags) != 1 {
		t.Fatalf("diagnostics: %d", len(diags))
	}
	var text bytes.Buffer
	if err := WriteDiagnostics(&text, diags, cfg.Sources(), false, 1<<30); err != nil {
		t.Fatal(err)
	}
	document, err := json.Marshal(diags.JSON(cfg.Sources()))
	if err != nil {
		t.Fatal(err)
	}
	for what, got := range map[string]string{"text": text.String(), "JSON": string(document)} {
		if len(got) > 4*maxSnippet || !strings.Contains(got, "nothing()") {
			t.Errorf("%s: %d bytes, with the call: %v", what, len(got), strings.Contains(got, "nothing()"))
		}
	}
	s := diags.JSON(cfg.Sources())[0].Snippet
	if meant := s.Code[s.HighlightStart:s.HighlightEnd]; meant != "nothing" {
		t.Errorf("highlighted is %q", meant)
	}
}
