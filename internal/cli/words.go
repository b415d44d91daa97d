package cli

import (
	"fmt"

	"github.com/agext/levenshtein"
)

// nearest is the candidate that a person who wrote name most likely meant, empty when none is near.
func nearest(name string, candidates []string) string {
	best, distance := "", 3
	if len(name) <= 3 {
		distance = 2
	}
	for _, c := range candidates {
		if d := levenshtein.Distance(name, c, nil); d < distance {
			best, distance = c, d
		}
	}
	return best
}

func didYouMean(name string, candidates []string) string {
	if n := nearest(name, candidates); n != "" {
		return `; did you mean "` + n + `"?`
	}
	return ""
}

func didYouMeanFlag(name string, candidates []string) string {
	if n := nearest(name, candidates); n != "" {
		return "; did you mean -" + n + "?"
	}
	return ""
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
