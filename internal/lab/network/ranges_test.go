package network

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

func TestCheckName(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"lab": true, "a": true, "my-lab-2": true, "a2345678901234567890": true,
		"": false, "-a": false, "a-": false, "Lab": false, "a.b": false, "a_b": false, "../x": false, "a23456789012345678901": false,
	} {
		if err := CheckName(name); (err == nil) != ok {
			t.Errorf("CheckName(%q): %v, want valid: %v", name, err, ok)
		}
	}
}

func TestCollision(t *testing.T) {
	t.Parallel()
	routes := []route{
		{Dest: netip.MustParsePrefix("0.0.0.0/0"), Dev: "eth0"},
		{Dest: netip.MustParsePrefix("10.1.2.0/24"), Dev: "eth0"},
		{Dest: netip.MustParsePrefix("10.9.0.0/16"), Dev: "cfb-mine"},
		{Dest: netip.MustParsePrefix("10.8.0.0/16"), Dev: "cfb-other"},
	}
	for _, c := range []struct{ name, cidr, want string }{
		{"free; the default route does not count", "10.2.0.0/16", ""},
		{"contains a route", "10.1.0.0/16", "10.1.2.0/24 of the host's interface eth0"},
		{"lies in a route", "10.1.2.128/25", "10.1.2.0/24 of the host's interface eth0"},
		{"one's own", "10.9.0.0/16", ""},
		{"another lab's", "10.8.1.0/24", "10.8.0.0/16 of another lab (bridge cfb-other)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			hit, found := collision(netip.MustParsePrefix(c.cidr), routes, "cfb-mine")
			if found != (c.want != "") || found && hit.String() != c.want {
				t.Errorf("%s collides with %q (%v), want %q", c.cidr, hit, found, c.want)
			}
		})
	}
}

func TestPickFindsTheLastFreeRange(t *testing.T) {
	t.Parallel()
	free := netip.MustParsePrefix("198.19.77.0/24")
	got, ok := pick(benchmarkRange, 24, "lab", func(p netip.Prefix) bool { return p != free })
	if !ok || got != free {
		t.Errorf("got %s, %v", got, ok)
	}
	if got, ok := pick(benchmarkRange, 24, "lab", func(netip.Prefix) bool { return true }); ok {
		t.Errorf("got %s of none", got)
	}
	if _, ok := pick(sharedRange, 8, "lab", func(netip.Prefix) bool { return false }); ok {
		t.Error("a range larger than the pool")
	}
}

func TestPickAndTranslateProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		bits := rapid.IntRange(16, 28).Draw(t, "bits")
		from := netip.PrefixFrom(uintToAddr(rapid.Uint32().Draw(t, "base")), bits).Masked()
		to, ok := pick(sharedRange, bits, rapid.String().Draw(t, "seed"), func(netip.Prefix) bool { return false })
		if !ok || to.Bits() != bits || !sharedRange.Contains(to.Addr()) || to != to.Masked() {
			t.Fatalf("picked %s, %v", to, ok)
		}
		a := nth(from, rapid.Uint32Range(0, 1<<(32-bits)-1).Draw(t, "host"))
		there := translate(a, from, to)
		if !to.Contains(there) || translate(there, to, from) != a {
			t.Fatalf("%s of %s became %s of %s", a, from, there, to)
		}
	})
}
