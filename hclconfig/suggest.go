package hclconfig

import (
	"fmt"
	"iter"
	"slices"

	"github.com/agext/levenshtein"
)

// nearest finds the candidate that was most likely meant, or "".
func nearest(given string, candidates iter.Seq[string]) string {
	best, bestDistance := "", 3
	for c := range candidates {
		d := levenshtein.Distance(given, c, nil)
		if d < bestDistance && d < max(len(c), len(given)) || d == bestDistance && best != "" && c < best {
			best, bestDistance = c, d
		}
	}
	return best
}

// didYouMean is " Did you mean …?" to be put after a sentence, or "".
func didYouMean(given string, candidates []string) string {
	if s := nearest(given, slices.Values(candidates)); s != "" {
		return fmt.Sprintf(" (did you mean %q?)", s)
	}
	return ""
}

// didYouMeanSentence is a sentence of its own, with a space before it, or "".
func didYouMeanSentence(given string, candidates iter.Seq[string]) string {
	if s := nearest(given, candidates); s != "" {
		return fmt.Sprintf(" Did you mean %q?", s)
	}
	return ""
}
