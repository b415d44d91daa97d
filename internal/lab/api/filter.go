package api

import (
	"strings"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

const maxFilterValues = 200 // of all filters of one call together

// filterSet says how each filter of a describe action looks at a record: it asks is() about every value that counts.
type filterSet[T any] map[string]func(v *T, is func(string) bool) bool

// matcher is a compiled list of filters: all of them must hold, each by one of its values.
type matcher[T any] struct {
	tests []func(*T) bool
}

func (m *matcher[T]) match(v *T) bool {
	for _, t := range m.tests {
		if !t(v) {
			return false
		}
	}
	return true
}

// compile checks filters against what the action knows; "tag:KEY", "tag-key" and "tag-value" look at the tags of the
// record that id names.
func compile[T any](s *Server, in []ec2.Filter, set filterSet[T], id func(*T) string) (*matcher[T], error) {
	m := new(matcher[T])
	values := 0
	for _, f := range in {
		if values += len(f.Values); values > maxFilterValues {
			return nil, fail("FilterLimitExceeded", "The maximum number of filter values specified on a single call is %d", maxFilterValues)
		}
		if f.Name == "" {
			return nil, fail("InvalidParameterValue", "A filter has no name")
		}
		if len(f.Values) == 0 {
			return nil, fail("InvalidParameterValue", "The filter '%s' has no values", f.Name)
		}
		is := anyOf(f.Values)
		if key, ok := strings.CutPrefix(f.Name, "tag:"); ok && id != nil {
			m.tests = append(m.tests, func(v *T) bool {
				val, ok := s.tagsSeen(id(v)).get(key)
				return ok && is(val)
			})
			continue
		}
		test, ok := set[f.Name]
		switch {
		case ok:
			m.tests = append(m.tests, func(v *T) bool { return test(v, is) })
		case id != nil && f.Name == "tag-key":
			m.tests = append(m.tests, func(v *T) bool {
				return s.tagsSeen(id(v)).any(func(t tag) bool { return is(t.Key) })
			})
		case id != nil && f.Name == "tag-value":
			m.tests = append(m.tests, func(v *T) bool {
				return s.tagsSeen(id(v)).any(func(t tag) bool { return is(t.Value) })
			})
		default:
			return nil, fail("InvalidParameterValue", "The filter '%s' is invalid", f.Name)
		}
	}
	return m, nil
}

// anyOf tests a value against patterns, where * stands for any text, ? for one character and \ takes both literally.
func anyOf(patterns []string) func(string) bool {
	literal := make(map[string]bool, len(patterns))
	var wild []string
	for _, p := range patterns {
		if strings.ContainsAny(p, `*?\`) {
			wild = append(wild, p)
		} else {
			literal[p] = true
		}
	}
	return func(v string) bool {
		if literal[v] {
			return true
		}
		for _, p := range wild {
			if glob(p, v) {
				return true
			}
		}
		return false
	}
}

// glob matches bytewise in linear space and at worst len(p)·len(s) steps.
func glob(p, s string) bool {
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
			continue
		case i < len(p) && p[i] == '?':
			i++
			j++
			continue
		case i+1 < len(p) && p[i] == '\\' && p[i+1] == s[j]:
			i += 2
			j++
			continue
		case i < len(p) && p[i] == s[j] && p[i] != '\\':
			i++
			j++
			continue
		}
		if star < 0 {
			return false
		}
		mark++
		i, j = star+1, mark
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}
