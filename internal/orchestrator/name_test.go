package orchestrator

import (
	"regexp"
	"testing"

	"pgregory.net/rapid"

	"github.com/clusterform/clusterform/hclconfig"
)

func TestName(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ label, key, want string }{
		{"web", "", "web"},
		{"web", "eu", "web-eu"},
		{"web", "eu-1", "web-eu-1"},
		{"web", "EU", "web-eu-9170a8b2"},
		{"web", "eu/1", "web-eu-1-799252df"},
		{"web", "日本", "web-cf2abf0c"},
		{"a-workload-with-a-name-of-forty-letters", "and-a-long-key", "a-workload-with-a-name-of-forty-letters-and-28920a32"},
	} {
		got := Name(&hclconfig.Block{Name: tc.label, Key: tc.key})
		if got != tc.want {
			t.Errorf("%s[%q] is named %q, want %q", tc.label, tc.key, got, tc.want)
		}
	}
}

var dnsLabel = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`)

// Names are what Kubernetes and Docker take, and two keys never get one name.
func TestNamesAreValidAndDiffer(t *testing.T) {
	t.Parallel()
	key := rapid.OneOf(rapid.StringMatching(`[a-zA-Z0-9 ./_-]{1,60}`), rapid.String().Filter(func(s string) bool { return s != "" }))
	rapid.Check(t, func(t *rapid.T) {
		label := rapid.StringMatching(`[a-z][a-z0-9-]{0,38}[a-z0-9]`).Draw(t, "label")
		a, b := key.Draw(t, "a"), key.Draw(t, "b")
		x, y := Name(&hclconfig.Block{Name: label, Key: a}), Name(&hclconfig.Block{Name: label, Key: b})
		for _, n := range []string{x, y} {
			if !dnsLabel.MatchString(n) || len(n) > maxName {
				t.Fatalf("%q is no name", n)
			}
		}
		if (x == y) != (a == b) {
			t.Fatalf("%q and %q are named %q and %q", a, b, x, y)
		}
	})
}

// Revisions are those of the content, however it is spread over files.
func TestRevision(t *testing.T) {
	t.Parallel()
	files := []map[string]string{
		{}, {"": ""}, {"a": "b"}, {"a": "", "b": ""}, {"ab": ""}, {"a": "b", "c": "d"}, {"a": "bcd"}, {"b": "a"},
	}
	seen := map[string]int{}
	for i, f := range files {
		r := Revision(f)
		if j, ok := seen[r]; ok {
			t.Errorf("%v and %v are both %s", files[i], files[j], r)
		}
		seen[r] = i
		if len(r) != revisionLength || r != Revision(f) || r == SecretRevision([]byte("key"), f) || SecretRevision(nil, f) != "" {
			t.Errorf("%v: %s", f, r)
		}
	}
}
