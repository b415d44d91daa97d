package hclconfig

import (
	"github.com/clusterform/clusterform/hclconfig/function"
	"github.com/zclconf/go-cty/cty"
)

// mark is what values carry besides what they are.
type mark string

// failed marks the stand-in for a value whose expression is wrong, so that
// what depends on it is not reported as well.
const failed mark = "failed"

// failure is that stand-in.
func failure() cty.Value { return cty.DynamicVal.Mark(failed) }

func hasFailed(v cty.Value) bool { return hasMark(v, failed) }

// isSensitive says whether a value or a part of it is sensitive.
func isSensitive(v cty.Value) bool { return hasMark(v, function.Sensitive) }

func hasMark(v cty.Value, m any) bool {
	if v == cty.NilVal || !v.ContainsMarked() {
		return false
	}
	_, found := v.UnmarkDeepWithPaths()
	for _, p := range found {
		if _, ok := p.Marks[m]; ok {
			return true
		}
	}
	return false
}

// ContainsSensitive says whether a value, or a part of it, must not be shown or
// recorded. Values of outputs come without marks and say it in their Sensitive.
func ContainsSensitive(v cty.Value) bool { return isSensitive(v) }

// Unmark takes the marks of sensitive values away, at any depth, for those who
// hand the value over to where it belongs.
func Unmark(v cty.Value) cty.Value { return unmarked(v) }

// sensitiveItself says whether the value as such, not a part of it, is sensitive.
func sensitiveItself(v cty.Value) bool { return v.HasMark(function.Sensitive) }

// unmarked takes all marks away, at any depth.
func unmarked(v cty.Value) cty.Value {
	v, _ = v.UnmarkDeep()
	return v
}
