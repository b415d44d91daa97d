package aws

import (
	"maps"
	"regexp"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/clusterform/clusterform/planner/resource"
)

// TestPlainTags: every address survives the way through the tags of IAM, which allow few characters.
func TestPlainTags(t *testing.T) {
	t.Parallel()
	allowed := regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
	check := func(t interface{ Errorf(string, ...any) }, address string) {
		plain := tagSet{resource.TagAddress: address, "other": "[]"}.plain()
		if !allowed.MatchString(plain[resource.TagAddress]) {
			t.Errorf("%q becomes %q, which IAM refuses", address, plain[resource.TagAddress])
		}
		if got := plain.fromPlain()[resource.TagAddress]; got != address {
			t.Errorf("%q comes back as %q", address, got)
		}
	}
	check(t, role)
	check(t, `module.edge["=5B"].cluster.lab.role["ä\"b"]`)
	rapid.Check(t, func(rt *rapid.T) { check(rt, rapid.String().Draw(rt, "address")) })
}

// TestTagChanges: applying the changes gives the wanted tags, and leaves alone what is ours or the service's.
func TestTagChanges(t *testing.T) {
	t.Parallel()
	tags := rapid.MapOf(rapid.SampledFrom([]string{"a", "b", "Name", "aws:x", resource.TagToken, resource.TagCluster}), rapid.SampledFrom([]string{"", "1", "2"}))
	rapid.Check(t, func(t *rapid.T) {
		have := tagSet(tags.Draw(t, "have"))
		want := tagSet(rapid.MapOf(rapid.SampledFrom([]string{"a", "b", "Name", resource.TagCluster}), rapid.SampledFrom([]string{"", "1", "2"})).Draw(t, "want"))
		set, remove := have.changes(want)
		after := maps.Clone(have)
		maps.Copy(after, set)
		for _, k := range remove {
			delete(after, k)
		}
		for k, v := range want {
			if got, ok := after[k]; !ok || got != v {
				t.Errorf("%s is %q, want %q", k, got, v)
			}
		}
		for k, v := range have {
			if _, wanted := want[k]; !wanted && (k == "aws:x" || k == resource.TagToken) && after[k] != v {
				t.Errorf("%s was changed", k)
			}
		}
		if again, more := after.changes(want); len(again) > 0 || len(more) > 0 {
			t.Errorf("a second look finds %v and %v", again, more)
		}
	})
}

// TestFilters: no call asks for more values than EC2 takes, and none is left out.
func TestFilters(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfN(rapid.StringN(1, 5, 5), 0, 1000).Draw(t, "ids")
		var asked []string
		for _, filters := range (query{ids: ids}).filters("instance-id") {
			if len(filters) != 1 || *filters[0].Name != "instance-id" || len(filters[0].Values) > filterValues {
				t.Fatalf("asked %d filters with %d values", len(filters), len(filters[0].Values))
			}
			asked = append(asked, filters[0].Values...)
		}
		if !slices.Equal(asked, ids) {
			t.Errorf("asked for %d of %d", len(asked), len(ids))
		}
	})
}

// TestLikeOrder: a list in another order is no difference, and a list of other content is.
func TestLikeOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		recorded := rapid.SliceOf(rapid.IntRange(0, 3)).Draw(t, "recorded")
		mixed := rapid.Permutation(recorded).Draw(t, "mixed")
		if got := likeOrder(mixed, recorded); !slices.Equal(got, recorded) {
			t.Errorf("%v in the order of %v is %v", mixed, recorded, got)
		}
		other := append(slices.Clone(mixed), 9)
		if got := likeOrder(other, recorded); !slices.Equal(got, other) {
			t.Errorf("%v became %v", other, got)
		}
	})
}
