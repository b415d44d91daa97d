package hclconfig

import (
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func TestParseAddress(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in    string
		want  AddressParts
		wrong string
	}{
		{"cluster.lab", AddressParts{Type: "cluster", Name: "lab"}, ""},
		{`node_pool.w["blue"][0]`, AddressParts{Type: "node_pool", Name: "w", Key: "blue", HasKey: true, Rest: "[0]"}, ""},
		{"node_pool.w[3]", AddressParts{Type: "node_pool", Name: "w", Rest: "[3]"}, ""},
		{`cluster.lab.subnet["a"]`, AddressParts{Type: "cluster", Name: "lab", Rest: `.subnet["a"]`}, ""},
		{`module.edge["a"].module.b`, AddressParts{Module: `module.edge["a"].module.b`}, ""},
		{`module.edge["a"].node_pool.w`, AddressParts{Module: `module.edge["a"]`, Type: "node_pool", Name: "w"}, ""},
		{"", AddressParts{}, "is not an address"},
		{"node_pol.w", AddressParts{}, `did you mean "node_pool"?`},
		{"cluster", AddressParts{}, "the name is missing"},
		{"module", AddressParts{}, "the name of the module is missing"},
		{"node_pool.w[-1]", AddressParts{}, "is not an address"},
		{"node_pool.w[1.5]", AddressParts{}, "a whole number from 0"},
		{"node_pool.*", AddressParts{}, "is not an address"},
	} {
		t.Run(tc.in, func(t *testing.T) {
			t.Parallel()
			got, err := ParseAddress(tc.in)
			if tc.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wrong) {
					t.Errorf("error %v, want %q", err, tc.wrong)
				}
				return
			}
			if err != nil || got != tc.want {
				t.Errorf("got %+v, %v; want %+v", got, err, tc.want)
			}
			if got.String() != tc.in {
				t.Errorf("written again it is %q", got.String())
			}
		})
	}
}

// TestAddressesReadBack writes addresses with any key, and reads them again.
func TestAddressesReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z][a-z0-9-]{0,10}`)
		key := rapid.String().Filter(func(s string) bool { return checkForEachKey(s) == "" && len(s) < 100 && norm.NFC.IsNormalString(s) })
		p := AddressParts{Type: rapid.SampledFrom(mainTypes()).Draw(t, "type"), Name: name.Draw(t, "name")}
		if rapid.Bool().Draw(t, "keyed") {
			p.Key, p.HasKey = key.Draw(t, "key"), true
		}
		if rapid.Bool().Draw(t, "in a module") {
			p.Module = Address("module." + name.Draw(t, "module") + "[" + quoteKey(key.Draw(t, "module key")) + "]")
		}
		got, err := ParseAddress(p.String())
		if err != nil || got != p {
			t.Fatalf("%q gives %+v, %v", p.String(), got, err)
		}
		if p.Module != "" && !p.Module.Contains(got.Object()) || !got.Object().Contains(got.Object()+"[0]") {
			t.Fatalf("%q does not contain itself", p.String())
		}
	})
}

func TestContains(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b Address
		want bool
	}{
		{"node_pool.w", "node_pool.w", true},
		{"node_pool.w", `node_pool.w["a"]`, true},
		{"node_pool.w", "node_pool.w[0]", true},
		{"node_pool.w", "node_pool.w2", false},
		{"module.a", "module.a.cluster.x", true},
		{"module.a", "module.ab.cluster.x", false},
		{`node_pool.w["a"]`, "node_pool.w", false},
	} {
		if got := tc.a.Contains(tc.b); got != tc.want {
			t.Errorf("%s contains %s: %t", tc.a, tc.b, got)
		}
	}
}
