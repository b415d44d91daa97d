package cli

import (
	"fmt"
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// unified is the difference of two texts in the form that patch reads. The library does not count the unchanged lines
// inside of a hunk, so that later hunks get wrong places in the new text; they are counted here.
func unified(name, before, after string) string {
	var b strings.Builder
	grown := 0
	for line := range strings.Lines(udiff.Unified("old/"+name, "new/"+name, before, after)) {
		var from, to hunkRange
		if fields := strings.Fields(line); strings.HasPrefix(line, "@@ ") && len(fields) == 4 && from.parse(fields[1]) && to.parse(fields[2]) {
			if from.lines > 0 && to.lines > 0 {
				to.at = from.at + grown
			}
			grown += to.lines - from.lines
			line = fmt.Sprintf("@@ -%s +%s @@\n", from, to)
		}
		b.WriteString(line)
	}
	return b.String()
}

// hunkRange is the place of a hunk in one of the texts.
type hunkRange struct{ at, lines int }

func (r *hunkRange) parse(s string) bool {
	s = strings.TrimLeft(s, "+-")
	if n, _ := fmt.Sscanf(s, "%d,%d", &r.at, &r.lines); n == 2 {
		return true
	}
	r.lines = 1
	n, _ := fmt.Sscanf(s, "%d", &r.at)
	return n == 1
}

func (r hunkRange) String() string {
	if r.lines == 1 {
		return fmt.Sprint(r.at)
	}
	return fmt.Sprintf("%d,%d", r.at, r.lines)
}
