package machine

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestQuoteProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringMatching(`[ -~\n]{0,12}`), 1, 4).Draw(t, "words")
		out, err := exec.Command("sh", "-c", "printf '%s\\0' "+quote(words)).Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"); !slices.Equal(got, words) {
			t.Fatalf("%q became %q", words, got)
		}
	})
}

func TestEC2UUID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"i-0123456789abcdef0": "ec201234-5678-49ab-8cde-f00000000000",
		"i-1":                 "ec210000-0000-4000-8000-000000000000",
	} {
		if got := ec2UUID(id); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
}
