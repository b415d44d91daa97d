package orchestrator

import (
	"testing"

	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"
)

// Every text comes back from YAML as it was, also those that YAML may not hold unescaped.
func TestYAML(t *testing.T) {
	t.Parallel()
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"\x7f", "\u0085", "\ufeff", "\uffff", "\x00", "\x1b[31m", "\u2028", "yes", "0x1f", "1e3", "~", "a: b", "- a\n"}))
	rapid.Check(t, func(t *rapid.T) {
		want := map[string]string{"key": text.Draw(t, "value"), text.Draw(t, "key"): "value"}
		encoded, err := YAML(want)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range encoded {
			if b < 0x20 && b != '\n' || b == 0x7f {
				t.Fatalf("a control character in %q", encoded)
			}
		}
		var got map[string]string
		if err := yaml.UnmarshalStrict(encoded, &got); err != nil {
			t.Fatalf("%v in %q", err, encoded)
		}
		if len(got) != len(want) {
			t.Fatalf("%q is read as %q", want, got)
		}
		for k, v := range want {
			if got[k] != v {
				t.Fatalf("%q is read as %q", want, got)
			}
		}
	})
}
