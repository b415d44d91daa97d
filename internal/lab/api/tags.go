package api

import (
	"slices"
	"strings"

	"github.com/clusterform/clusterform/internal/lab/api/wire/ec2"
)

type tag struct{ Key, Value string }

// tagSet is the tags of one resource, sorted by key, never changed in place: instances of one launch share it.
type tagSet []tag

func (t tagSet) get(key string) (string, bool) {
	i, ok := slices.BinarySearchFunc(t, key, func(t tag, k string) int { return strings.Compare(t.Key, k) })
	if !ok {
		return "", false
	}
	return t[i].Value, true
}

func (t tagSet) any(f func(tag) bool) bool { return slices.ContainsFunc(t, f) }

// with gives the set with tags added or replaced.
func (t tagSet) with(add []tag) tagSet {
	out := slices.Clone(t)
	for _, a := range add {
		i, ok := slices.BinarySearchFunc(out, a.Key, func(t tag, k string) int { return strings.Compare(t.Key, k) })
		if ok {
			out[i].Value = a.Value
		} else {
			out = slices.Insert(out, i, a)
		}
	}
	return out
}

// without gives the set without the tags; a tag with a value goes only when the value is the same.
func (t tagSet) without(keys []string, values []*string) tagSet {
	return slices.DeleteFunc(slices.Clone(t), func(t tag) bool {
		for i, k := range keys {
			if t.Key == k && (values[i] == nil || *values[i] == t.Value) {
				return true
			}
		}
		return false
	})
}

// ec2 gives the tags as EC2 answers them; nil when there are none, as EC2 leaves an empty set out of most answers.
func (t tagSet) ec2() []ec2.Tag {
	out := make([]ec2.Tag, len(t))
	for i, x := range t {
		out[i] = ec2.Tag(x)
	}
	return out
}

func (s *Server) tagsOf(id string) tagSet {
	if t := s.tags.get(id); t != nil {
		return *t
	}
	return nil
}

func (s *Server) tagsSeen(id string) tagSet {
	if t := s.tags.seen(id); t != nil {
		return *t
	}
	return nil
}

func (s *Server) setTags(id string, t tagSet) {
	if len(t) == 0 {
		s.tags.delete(id)
		return
	}
	s.tags.put(id, &t)
}

const maxTags = 50 // of one resource

// checkTags applies AWS's rules to tags that a caller gives.
func checkTags(in []ec2.Tag) ([]tag, error) {
	out := make([]tag, 0, len(in))
	for _, t := range in {
		switch {
		case t.Key == "":
			return nil, fail("InvalidParameterValue", "Tag key cannot be empty")
		case len([]rune(t.Key)) > 127:
			return nil, fail("InvalidParameterValue", "Tag key exceeds the maximum length of 127 characters")
		case len([]rune(t.Value)) > 256:
			return nil, fail("InvalidParameterValue", "Tag value exceeds the maximum length of 256 characters")
		case strings.HasPrefix(t.Key, "aws:"):
			return nil, fail("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
		case slices.ContainsFunc(out, func(o tag) bool { return o.Key == t.Key }):
			return nil, fail("InvalidParameterValue", "Duplicate tag key '%s' specified.", t.Key)
		}
		out = append(out, tag(t))
	}
	if len(out) > maxTags {
		return nil, fail("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
	}
	return out, nil
}

// specified gives the tags that TagSpecifications want on each resource type; only the types that the action makes are
// allowed.
func specified(specs []ec2.TagSpecification, types ...string) (map[string]tagSet, error) {
	out := map[string]tagSet{}
	for _, spec := range specs {
		if !slices.Contains(types, spec.ResourceType) {
			return nil, fail("InvalidParameterValue", "'%s' is not a valid taggable resource type for this operation.", spec.ResourceType)
		}
		if _, twice := out[spec.ResourceType]; twice {
			return nil, fail("InvalidParameterValue", "The resource type '%s' is specified twice.", spec.ResourceType)
		}
		tags, err := checkTags(spec.Tags)
		if err != nil {
			return nil, err
		}
		out[spec.ResourceType] = tagSet(nil).with(tags)
	}
	return out, nil
}
