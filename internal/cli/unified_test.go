package cli

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUnifiedCountsLines(t *testing.T) {
	t.Parallel()
	var lines []string
	for i := range 60 {
		lines = append(lines, fmt.Sprint("line ", i))
	}
	before, after := slices.Clone(lines), slices.Clone(lines)
	for i := range after[:5] { // two changes in one hunk, with unchanged lines between
		if i%2 == 0 {
			after[10+i] = "changed"
		}
	}
	after[40] = "one\ntwo"
	after[55] = "late"
	var heads []string
	for line := range strings.Lines(unified("x", strings.Join(before, "\n"), strings.Join(after, "\n"))) {
		if strings.HasPrefix(line, "@@") {
			heads = append(heads, strings.TrimSpace(line))
		}
	}
	want := []string{"@@ -8,11 +8,11 @@", "@@ -38,7 +38,8 @@", "@@ -53,7 +54,7 @@"}
	if diff := cmp.Diff(want, heads); diff != "" {
		t.Errorf("hunks (-want +got):\n%s", diff)
	}
}
