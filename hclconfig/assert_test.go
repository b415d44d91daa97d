package hclconfig

import (
	"strings"
	"testing"
)

// wantDiagnostic wants an error that holds a text.
func wantDiagnostic(t *testing.T, diags Diagnostics, want string) {
	t.Helper()
	for _, d := range diags {
		if strings.Contains(d.String(), want) {
			return
		}
	}
	t.Errorf("no diagnostic holds %q, in\n%s", want, texts(diags))
}

func texts(diags Diagnostics) string {
	var b strings.Builder
	for _, d := range diags {
		b.WriteString(d.Severity.String() + ": " + d.String() + "\n")
	}
	return b.String()
}
